// SPDX-License-Identifier: BSD-2-Clause
//
// oauth_client.mjs --server FILE [--show stderr|open] [--leak] [--fault NAME] [--state-dir DIR]
//
// An MCP server on the official SDK that is an OAuth client, at the authorization server that FILE describes (see
// oauth_server.mjs). A tool for each flow, which then uses the access token at the resource:
//   code refresh par device client_credentials register revoke   as libraries do them; with --leak the result has a secret of it
//   login                                                        by hand, right or with one fault (oauth_login.mjs)
// The address of a login is written to stderr, or given to xdg-open.

import { spawn } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { parseArgs } from 'node:util';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';

globalThis.crypto ??= webcrypto; // Node 18

const { values: options } = parseArgs({
	options: {
		server: { type: 'string' },
		show: { type: 'string', default: 'stderr' },
		leak: { type: 'boolean', default: false },
		fault: { type: 'string', default: '' },
		'state-dir': { type: 'string', default: '.' },
	},
});
const at = JSON.parse(readFileSync(options.server, 'utf8'));
const resource = `${at.issuer}/api`;

function show(url) {
	if (options.show === 'open')
		spawn('xdg-open', [String(url)], { stdio: 'ignore' });
	else
		process.stderr.write(`Open this address to log in: ${url}\n`);
}

/**
 * The listener on loopback that an authorization response comes to. `answer(request, url)` may say what page it is answered
 * with: a string, or undefined to listen on without having taken it.
 */
async function listen(answer = () => 'You may close this window.') {
	let arrived;
	const queue = [], server = createServer((request, response) => {
		let body = '';
		request.on('data', (piece) => { body += piece; });
		request.on('end', async () => {
			const url = new URL(request.url, 'http://127.0.0.1');
			const page = await answer(url, new URLSearchParams(body));
			response.writeHead(200, { 'content-type': 'text/html', 'referrer-policy': 'no-referrer', connection: 'close' });
			response.end(page ?? '');
			if (page === undefined)
				return;
			queue.push({ url, body: new URLSearchParams(body) });
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

/** What it is all for: a request with the access token. */
async function use(token) {
	const response = await fetch(resource, { headers: { authorization: `Bearer ${token}` } });
	await response.text();
	if (response.status !== 200)
		throw new Error(`the resource answered ${response.status}`);
}

const rig = { ...at, resource, show, listen, use, fault: options.fault, place: options['state-dir'] };
const { flows } = await import(options.fault ? './oauth_login.mjs' : './oauth_flows.mjs');

const server = new McpServer({ name: 'oauth-client', version: '1.0.0' });
for (const [name, flow] of Object.entries(flows)) {
	server.registerTool(name, { description: `The tool ${name}`, inputSchema: {} }, async () => {
		const secret = await flow(rig);
		return { content: [{ type: 'text', text: secret && options.leak ? `debug: it was ${secret}` : 'logged in' }] };
	});
}
await server.connect(new StdioServerTransport());
process.stdin.once('end', () => process.exit(0)); // connections that are kept open would keep it alive
