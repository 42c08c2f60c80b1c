// SPDX-License-Identifier: BSD-2-Clause
// The person at the browser, scripted: opens an address, keeps cookies, follows redirects, confirms every form, and runs the
// one kind of script that the pages here have.

const decode = (text) => text.replace(/&quot;/g, '"').replace(/&#(?:39|x27);/g, "'").replace(/&amp;/g, '&');

function form(page, at) {
	const tag = page.match(/<form[^>]*>/)?.[0];
	if (!tag)
		return undefined;
	const attribute = (text, name) => decode(text.match(new RegExp(`\\b${name}="([^"]*)"`))?.[1] ?? '');
	const fields = new URLSearchParams();
	for (const [input] of page.matchAll(/<input[^>]*>/g)) {
		if (attribute(input, 'name'))
			fields.append(attribute(input, 'name'), attribute(input, 'value'));
	}
	if (/name="confirm"/.test(page))
		fields.set('confirm', 'yes');
	return { url: new URL(attribute(tag, 'action') || at, at), fields };
}

export class Browser {
	/** `twist(url)` may change the address of a page on the way, as somebody between would; it returns the addresses to load. */
	constructor(twist = (url) => [url]) {
		this.cookies = new Map();
		this.twist = twist;
	}

	async load(url, fields) {
		const headers = { cookie: [...this.cookies.entries()].map(([name, value]) => `${name}=${value}`).join('; ') };
		const response = await fetch(url, { method: fields ? 'POST' : 'GET', body: fields, headers, redirect: 'manual' });
		for (const cookie of response.headers.getSetCookie?.() ?? []) {
			const [, name, value] = cookie.match(/^([^=]+)=([^;]*)/);
			this.cookies.set(name, value);
		}
		return { status: response.status, location: response.headers.get('location'), page: await response.text() };
	}

	/** Returns the last page: {status, page}. */
	async open(address) {
		let at = new URL(address), fields, answer;
		for (let steps = 0; steps < 20; steps++) {
			for (const url of fields ? [at] : this.twist(at))
				answer = await this.load(url, fields);
			const relay = answer.page.match(/location\.replace\('([^']*)' \+ location\.hash\.slice\(1\)\)/);
			const next = form(answer.page, at);
			fields = undefined;
			if (answer.location) {
				at = new URL(answer.location, at);
			} else if (relay && at.hash) {
				at = new URL(relay[1] + at.hash.slice(1), at);
			} else if (next) {
				at = next.url;
				fields = next.fields;
			} else {
				return answer;
			}
		}
		throw new Error('too many redirects');
	}
}
