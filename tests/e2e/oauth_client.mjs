// SPDX-License-Identifier: BSD-2-Clause
//
// oauth_client.mjs --server FILE [--show stderr|open] [--leak] [--state-dir DIR]
//
// An MCP server on the official SDK that is an OAuth client, at the authorization server that FILE describes (see
// oauth_server.mjs). A tool for each flow, which then uses the access token at the resource:
//   code refresh par device client_credentials register revoke   as libraries do them; with --leak the result has a secret of it
//   login {fault}                                                by hand, right or with one fault (oauth_login.mjs)
// The address of a login is written to stderr, or given to xdg-open.

import { spawn } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { z } from 'zod';
import { listen } from './callback.mjs';
import { flows } from './oauth_flows.mjs';
import { login } from './oauth_login.mjs';

globalThis.crypto ??= webcrypto; // openid-client takes it from there; Node 18 has none

const { values: options } = parseArgs({
	options: {
		server: { type: 'string' },
		show: { type: 'string', default: 'stderr' },
		leak: { type: 'boolean', default: false },
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

/** What it is all for: a request with the access token. */
async function use(token) {
	const response = await fetch(resource, { headers: { authorization: `Bearer ${token}` } });
	await response.text();
	if (response.status !== 200)
		throw new Error(`the resource answered ${response.status}`);
}

const rig = { ...at, resource, show, listen, use, place: options['state-dir'] };
const server = new McpServer({ name: 'oauth-client', version: '1.0.0' });

function tool(name, inputSchema, carryOut) {
	server.registerTool(name, { description: `The tool ${name}`, inputSchema },
		async (args) => ({ content: [{ type: 'text', text: await carryOut(args) }] }));
}

for (const [name, flow] of Object.entries(flows)) {
	tool(name, {}, async () => {
		const secret = await flow(rig);
		return options.leak ? `debug: it was ${secret}` : 'done';
	});
}
tool('login', { fault: z.string() }, ({ fault }) => login(rig, fault));
await server.connect(new StdioServerTransport());
process.stdin.once('end', () => process.exit(0)); // connections that are kept open would keep it alive
