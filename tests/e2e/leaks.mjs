// SPDX-License-Identifier: BSD-2-Clause
// leaks.mjs DIR own|other CODING: fetches a token over TLS, in that content coding, and writes it to DIR/out/NAME.log in every
// dress of leaks_check.py; with `other`, a random text that is nobody's secret in its place.

import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { request } from 'node:https';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

const [dir, whose, coding] = process.argv.slice(2);
const DECODE = { gzip: gunzipSync, deflate: inflateSync, br: brotliDecompressSync, identity: (body) => body };

const base64 = (before, alphabet) => (t) => [Buffer.from('z'.repeat(before) + t).toString(alphabet)];
const hex = (t) => Buffer.from(t).toString('hex');
const every = (t, width, before) => hex(t).match(/../g).map((x) => before + x.padStart(width, '0')).join('');
const lines = (text, width) => text.match(new RegExp(`.{1,${width}}`, 'gs')).join('\n');

function json(depth) {
	return (t) => {
		let text = `{"debug":"${every(t, 4, '\\u')}"}`;
		for (let i = 1; i < depth; i++)
			text = JSON.stringify({ message: text });
		return [text];
	};
}

const LEAKS = {
	raw: (t) => [t],
	'base64-0': base64(0, 'base64'),
	'base64-1': base64(1, 'base64'),
	'base64-2': base64(2, 'base64'),
	'base64url-0': base64(0, 'base64url'),
	'base64url-1': base64(1, 'base64url'),
	'base64url-2': base64(2, 'base64url'),
	'hex-lower': (t) => [hex(t)],
	'hex-upper': (t) => [hex(t).toUpperCase()],
	percent: (t) => [every(t, 2, '%')],
	'json-1': json(1),
	'json-2': json(2),
	'json-3': json(3),
	'json-4': json(4),
	'utf16-le': (t) => [Buffer.from(`debug ${t} end`, 'utf16le')],
	'utf16-be': (t) => [Buffer.from(`debug ${t} end`, 'utf16le').swap16()],
	wrapped: (t) => [lines(t, 16)],
	'wrapped-base64': (t) => [lines(Buffer.from(t).toString('base64'), 20)],
	chunked: (t) => [`14\r\n${t.slice(0, 20)}\r\n14\r\n${t.slice(20)}\r\n0\r\n\r\n`],
	prefix: (t) => [t.slice(0, 20)],
	suffix: (t) => [t.slice(20)],
	split: (t) => [t.slice(0, 20), t.slice(20)],
};

function leak(token) {
	for (const [name, dress] of Object.entries(LEAKS)) {
		const fd = openSync(`${dir}/out/${name}.log`, 'a', 0o644);
		for (const piece of ['debug: ', ...dress(token), ' end\n'])
			writeSync(fd, piece);
		closeSync(fd);
	}
}

const port = readFileSync(`${dir}/port`, 'utf8');
const options = { method: 'POST', ca: readFileSync(`${dir}/cert.pem`), headers: { 'accept-encoding': coding } };
request(`https://127.0.0.1:${port}/token`, options, (response) => {
	const pieces = [];
	response.on('data', (piece) => pieces.push(piece));
	response.on('end', () => {
		const body = JSON.parse(DECODE[coding](Buffer.concat(pieces)));
		leak(whose === 'own' ? body.access_token : randomBytes(30).toString('base64url'));
	});
}).end('grant_type=client_credentials');
