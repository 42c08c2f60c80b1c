// SPDX-License-Identifier: BSD-2-Clause
// tls_server.mjs DIR VALUES: an HTTPS server (HTTP/2, and HTTP/1.1) on loopback with DIR/cert.pem and DIR/key.pem; its port is in DIR/port. POST
// /token is answered with an opaque access token, listed in VALUES; /log writes the Authorization header to stderr; /end ends.

import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';

const [dir, values] = process.argv.slice(2);
const key = readFileSync(`${dir}/key.pem`), cert = readFileSync(`${dir}/cert.pem`);

const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
	request.resume();
	request.on('end', () => {
		if (request.url === '/log')
			console.error('request with %s', request.headers.authorization);
		if (request.url === '/end')
			setTimeout(() => process.exit(0), 100);
		if (request.url !== '/token')
			return response.end('{}');
		const token = randomBytes(24).toString('hex');
		appendFileSync(values, `token\t${token}\n`);
		response.setHeader('content-type', 'application/json');
		response.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 }));
	});
});
server.listen(0, '127.0.0.1', () => {
	writeFileSync(`${dir}/port.new`, String(server.address().port));
	renameSync(`${dir}/port.new`, `${dir}/port`);
});
