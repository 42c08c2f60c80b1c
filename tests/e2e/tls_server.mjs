// SPDX-License-Identifier: BSD-2-Clause
// tls_server.mjs DIR VALUES: an HTTPS server, HTTP/1.1 and HTTP/2, on loopback with DIR/cert.pem and DIR/key.pem; its port is in
// DIR/port. POST /token is answered with an opaque access token, listed in VALUES, in the first content coding that
// the client accepts; /log writes the Authorization header to stderr; /end ends.

import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';

const [dir, values] = process.argv.slice(2);
const key = readFileSync(`${dir}/key.pem`), cert = readFileSync(`${dir}/cert.pem`);
const CODINGS = { gzip: gzipSync, deflate: deflateSync, br: brotliCompressSync };

// 40 characters; the '~' is where the two alphabets of base64 differ, whatever stands before it.
function mint() {
	const text = randomBytes(27).toString('base64url');
	return `${text.slice(0, 15)}~~~${text.slice(15, 30)}~~~${text.slice(30, 34)}`;
}

const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
	request.resume();
	request.on('end', () => {
		if (request.url === '/log')
			console.error('request with %s', request.headers.authorization);
		if (request.url === '/end')
			setTimeout(() => process.exit(0), 100);
		if (request.url !== '/token')
			return response.end('{}');
		const token = mint();
		appendFileSync(values, `token\t${token}\n`);
		const body = JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: 3600 });
		const coding = (request.headers['accept-encoding'] ?? '').split(/[,; ]/, 1)[0];
		response.setHeader('content-type', 'application/json');
		if (coding in CODINGS)
			response.setHeader('content-encoding', coding);
		response.end(coding in CODINGS ? CODINGS[coding](body) : body);
	});
});
server.listen(0, '127.0.0.1', () => {
	writeFileSync(`${dir}/port.new`, String(server.address().port));
	renameSync(`${dir}/port.new`, `${dir}/port`);
});
