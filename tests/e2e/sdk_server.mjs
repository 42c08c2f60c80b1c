// SPDX-License-Identifier: BSD-2-Clause
//
// sdk_server.mjs [--values FILE] [--seed TEXT] [--state-dir DIR] [--leaky-instructions]
//
// An MCP server on the official SDK with one tool for each place a token can leak to, and tools that show what looks like
// a secret and is none. Each token is minted for its tool and listed in FILE as TOOL<TAB>TOKEN. With one seed the session is
// the same, byte for byte.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { McpServer, ResourceTemplate } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { completable } from '@modelcontextprotocol/sdk/server/completable.js';
import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Tokens } from './tokens.mjs';

const { values: options } = parseArgs({
	options: {
		values: { type: 'string' },
		seed: { type: 'string' },
		'state-dir': { type: 'string', default: '.' },
		'leaky-instructions': { type: 'boolean', default: false },
	},
});

const tokens = new Tokens(options.values, options.seed);
const place = (name) => join(options['state-dir'], name);
const text = (string) => ({ content: [{ type: 'text', text: string }] });

const server = new McpServer(
	{ name: 'sdk-server', version: '1.0.0' },
	{
		capabilities: { logging: {} },
		instructions: options['leaky-instructions']
			? `Send the header Authorization: Bearer ${tokens.mint('instructions')}`
			: 'Call the tools as their names say.',
	},
);

function tool(name, callback, inputSchema = {}) {
	server.registerTool(name, { description: `The tool ${name}`, inputSchema }, callback);
}

// --- quiet: nothing here is a secret -------------------------------------------------------------

tool('echo', ({ message }) => text(message), { message: z.string() });
tool('login_url', () => {
	const digest = (what) => createHash('sha256').update(what).digest('base64url');
	const query = new URLSearchParams({
		response_type: 'code',
		client_id: 'Iv1.b507a08c87ecfe98',
		redirect_uri: 'http://127.0.0.1:33418/callback',
		scope: 'repo read:user',
		state: digest('state').slice(0, 32),
		code_challenge: digest('challenge'),
		code_challenge_method: 'S256',
	});
	return text(`Open this address to log in: https://auth.example.com/authorize?${query}`);
});
tool('device_login', () => text('Go to https://example.com/device and enter the code WDJB-MJHT'));
tool('token_status', () => text(JSON.stringify({
	logged_in: true,
	token_type: 'bearer',
	expires_at: '2030-01-01T00:00:00Z',
	scope: 'repo',
	access_token: 'gho_****************************abcd',
	token_sha256: createHash('sha256').update('x').digest('hex'),
	session_id: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
	commit: createHash('sha1').update('x').digest('hex'),
})));
tool('big_quiet', () => text('The quick brown fox jumps over the lazy dog. '.repeat(5000)));

// --- what the client is given --------------------------------------------------------------------

tool('leak_token', () => text(`Logged in. Your token is ${tokens.mint('leak_token')} and works for an hour.`));
tool('leak_nested', () => {
	const inner = JSON.stringify({ headers: { Authorization: `Bearer ${tokens.mint('leak_nested')}` } });
	const middle = JSON.stringify({ request: inner });
	return text(JSON.stringify({ error: middle }));
});
tool('leak_error', () => {
	throw new Error(`request failed: GET /user, Authorization: Bearer ${tokens.mint('leak_error')}`);
});
server.registerTool('leak_structured', {
	description: 'The tool leak_structured',
	inputSchema: {},
	outputSchema: { session: z.object({ access_token: z.string() }) },
}, () => ({
	content: [],
	structuredContent: { session: { access_token: tokens.mint('leak_structured') } },
}));
tool('leak_embedded', () => ({
	content: [{
		type: 'resource',
		resource: {
			uri: 'file:///home/user/.config/app/credentials.json',
			mimeType: 'application/json',
			text: JSON.stringify({ access_token: tokens.mint('leak_embedded') }),
		},
	}],
}));
tool('leak_link', () => ({
	content: [{
		type: 'resource_link',
		name: 'export',
		uri: `https://api.example.com/export?access_token=${tokens.mint('leak_link')}`,
	}],
}));
tool('leak_base64', () => ({
	content: [{
		type: 'resource',
		resource: {
			uri: 'file:///home/user/.netrc',
			mimeType: 'application/octet-stream',
			blob: Buffer.from(`machine api.example.com password ${tokens.mint('leak_base64')}\n`).toString('base64'),
		},
	}],
}));
tool('big', () => {
	const half = 'All work and no play makes Jack a dull boy. '.repeat(2300);
	return text(`${half}${tokens.mint('big')} ${half}`);
});

// Sent in two writes, with the token cut in the middle.
let splitAt;
tool('split', () => {
	splitAt = tokens.mint('split');
	return text(`the token ${splitAt} in two writes`);
});

tool('leak_log', async () => {
	await server.sendLoggingMessage({ level: 'info', logger: 'oauth', data: { token: tokens.mint('leak_log') } });
	return text('logged');
});
tool('leak_progress', async (_args, extra) => {
	await extra.sendNotification({
		method: 'notifications/progress',
		params: {
			progressToken: extra._meta?.progressToken ?? 0,
			progress: 1,
			message: `trying token ${tokens.mint('leak_progress')}`,
		},
	});
	return text('done');
});
tool('leak_sampling', async () => {
	await server.server.createMessage({
		messages: [{ role: 'user', content: { type: 'text', text: 'Summarize.' } }],
		systemPrompt: `Use the token ${tokens.mint('leak_sampling')} for every request.`,
		maxTokens: 10,
	});
	return text('sampled');
});
tool('leak_elicitation', async () => {
	await server.server.elicitInput({
		message: `Is ${tokens.mint('leak_elicitation')} still your token?`,
		requestedSchema: { type: 'object', properties: { yes: { type: 'boolean' } } },
	});
	return text('asked');
});

server.registerResource('config', 'leak://config', { mimeType: 'application/json' }, (uri) => ({
	contents: [{ uri: uri.href, text: JSON.stringify({ access_token: tokens.mint('leak_resource') }) }],
}));
server.registerResource('broken', 'leak://broken', {}, () => {
	throw new McpError(-32603, 'upstream said 401', {
		config: { headers: { Authorization: `Bearer ${tokens.mint('leak_jsonrpc_error')}` } },
	});
});
server.registerResource('file', new ResourceTemplate('leak://file/{name}', { list: undefined }), {}, (uri) => ({
	contents: [{ uri: uri.href, text: `token: ${tokens.mint('leak_template')}\n` }],
}));
server.registerPrompt('leak_prompt', {
	argsSchema: {
		account: completable(z.string(), () => [`work (${tokens.mint('leak_completion')})`]),
	},
}, ({ account }) => ({
	messages: [{
		role: 'user',
		content: { type: 'text', text: `For ${account} use Bearer ${tokens.mint('leak_prompt')}` },
	}],
}));

// --- what the machine is given -------------------------------------------------------------------

tool('leak_stderr', () => {
	writeSync(2, `debug: token=${tokens.mint('leak_stderr')}\n`);
	return text('done');
});
tool('leak_stdout', () => {
	writeSync(1, `got token ${tokens.mint('leak_stdout')}\n`);
	return text('done');
});
tool('leak_log_file', () => {
	appendFileSync(place('app.log'), `INFO authorized with ${tokens.mint('leak_log_file')}\n`, { mode: 0o600 });
	return text('done');
});
tool('leak_file', () => {
	writeFileSync(place('credentials.json'), JSON.stringify({ access_token: tokens.mint('leak_file') }), { mode: 0o644 });
	return text('done');
});
tool('leak_argv', () => {
	spawnSync('/bin/true', ['--header', `Authorization: Bearer ${tokens.mint('leak_argv')}`]);
	return text('done');
});
tool('leak_env', () => {
	spawnSync('/bin/true', [], { env: { ACCESS_TOKEN: tokens.mint('leak_env') } });
	return text('done');
});
tool('leak_pipe', () => {
	spawnSync('/bin/cat', [], { input: `token ${tokens.mint('leak_pipe')}\n`, stdio: ['pipe', 'ignore', 'ignore'] });
	return text('done');
});
tool('leak_child', () => {
	const script = 'import sys, os; os.write(2, sys.stdin.buffer.read()[::-1])';
	const reversed = [...`child says ${tokens.mint('leak_child')}\n`].reverse().join('');
	spawnSync('/usr/bin/python3', ['-c', script], { input: reversed, stdio: ['pipe', 'ignore', 'inherit'] });
	return text('done');
});

// --- the wire ------------------------------------------------------------------------------------

const transport = new StdioServerTransport();
const send = transport.send.bind(transport);
transport.send = async (message) => {
	const line = JSON.stringify(message) + '\n';
	if (!splitAt || !line.includes(splitAt))
		return send(message);
	const cut = line.indexOf(splitAt) + Math.floor(splitAt.length / 2);
	splitAt = undefined;
	writeSync(1, line.slice(0, cut));
	await new Promise((resolve) => setTimeout(resolve, 20));
	writeSync(1, line.slice(cut));
};
await server.connect(transport);
