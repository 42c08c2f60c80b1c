// SPDX-License-Identifier: BSD-2-Clause
// A client's end of an authorization: where the answer comes to.

import { createServer } from 'node:http';

/** The listener on loopback that an authorization response comes to. */
export async function listen(page = 'You may close this window.') {
	let arrived;
	const queue = [], server = createServer((request, response) => {
		let body = '';
		request.on('data', (piece) => { body += piece; });
		request.on('end', () => {
			response.writeHead(200, { 'content-type': 'text/html', 'referrer-policy': 'no-referrer', connection: 'close' });
			response.end(page);
			queue.push({ url: new URL(request.url, 'http://127.0.0.1'), body: new URLSearchParams(body) });
			arrived?.();
		});
	});
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		redirect: `http://127.0.0.1:${server.address().port}/callback`,
		async next() {
			if (!queue.length)
				await new Promise((resolve) => { arrived = resolve; });
			return queue.shift();
		},
		close: () => server.close(),
	};
}
