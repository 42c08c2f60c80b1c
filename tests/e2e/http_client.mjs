// SPDX-License-Identifier: BSD-2-Clause
//
// http_client.mjs URL: an MCP client on the official SDK, over Streamable HTTP, that registers and logs in at the server URL/mcp
// as the SDK does it, calls its tool `issues` before and after a refresh, and ends it. Prints what the tool gave.

import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Browser } from './browser.mjs';
import { listen } from './callback.mjs';
import { Memory } from './oauth_flows.mjs';

const base = new URL(process.argv[2]), url = new URL('/mcp', base);
const listener = await listen();
const memory = new Memory((address) => { new Browser().open(address); }, listener.redirect);

async function callTool() {
	const client = new Client({ name: 'http-client', version: '1.0.0' });
	await client.connect(new StreamableHTTPClientTransport(url, { authProvider: memory }));
	const { content } = await client.callTool({ name: 'issues', arguments: {} });
	console.log(content[0].text);
	await client.close();
}

await auth(memory, { serverUrl: url });
const { url: answer } = await listener.next();
listener.close();
if (answer.searchParams.get('state') !== memory.sent)
	throw new Error('not the state that was sent');
await auth(memory, { serverUrl: url, authorizationCode: answer.searchParams.get('code') });
await callTool();
await auth(memory, { serverUrl: url }); // it has a refresh token, and so refreshes
await callTool();
await fetch(new URL('/end', base), { method: 'POST' });
process.exit(0);
