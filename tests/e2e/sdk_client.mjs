// SPDX-License-Identifier: BSD-2-Clause
//
// sdk_client.mjs [--plan all|quiet|every] [--call 'TOOL [ARGUMENTS]']... [--results FILE] [--browse FIFO] [--dump DIR]
//	[--requests FILE] -- COMMAND [ARG...]
//
// An MCP client on the official SDK. Starts COMMAND (a server, or a server under beartrap) and carries out a plan:
//   quiet  the quiet tools of sdk_server.mjs     all    everything it has
//   every  every tool, resource and prompt of any server, with arguments made from their schemas
// --results: keeps the text that the tools of --call give.
// --browse: the person at the browser, who opens every address that COMMAND shows on its stderr and every one that comes
// through FIFO; somebody may be between (twists, below).
// --dump keeps the raw bytes of the session as DIR/to-server and DIR/to-client; --requests lists the requests sent, one JSON
// object a line: {id, method, name}. Exit status: COMMAND's own (128 + N after a signal), or 76 when the session failed.

import { randomBytes } from 'node:crypto';
import { appendFileSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { constants } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import {
	CreateMessageRequestSchema, ElicitRequestSchema, ListRootsRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { Browser } from './browser.mjs';

const EX_PROTOCOL = 76;
const CALL_TIMEOUT_MS = 15000;

const { values: options, positionals: command } = parseArgs({
	allowPositionals: true,
	options: {
		plan: { type: 'string' },
		call: { type: 'string', multiple: true, default: [] },
		browse: { type: 'string' },
		results: { type: 'string' },
		dump: { type: 'string' },
		requests: { type: 'string' },
	},
});

const transport = new StdioClientTransport({
	command: command[0], args: command.slice(1), env: process.env, stderr: options.browse ? 'pipe' : 'inherit',
});

// The SDK keeps the child to itself; its raw bytes and its exit status are wanted here.
const start = transport.start.bind(transport);
let ended;
transport.start = async () => {
	await start();
	const child = transport._process;
	ended = new Promise((resolve) => child.once('close', (code, signal) =>
		resolve(code ?? 128 + constants.signals[signal])));
	if (!options.dump)
		return;
	mkdirSync(options.dump, { recursive: true });
	writeFileSync(join(options.dump, 'to-server'), '');
	writeFileSync(join(options.dump, 'to-client'), '');
	child.stdout.on('data', (chunk) => appendFileSync(join(options.dump, 'to-client'), chunk));
	const write = child.stdin.write.bind(child.stdin);
	child.stdin.write = (chunk, ...rest) => {
		appendFileSync(join(options.dump, 'to-server'), chunk);
		return write(chunk, ...rest);
	};
};
const send = transport.send.bind(transport);
transport.send = (message) => {
	if (options.requests && message.method && message.id !== undefined) {
		const { id, method, params } = message;
		const name = params?.name ?? params?.uri ?? params?.ref?.name;
		appendFileSync(options.requests, JSON.stringify({ id, method, name }) + '\n');
	}
	return send(message);
};

// --- the browser ---------------------------------------------------------------------------------

function otherState(url) {
	url.searchParams.set('state', randomBytes(24).toString('base64url'));
	return [url];
}

function noState(url) {
	url.searchParams.delete('state');
	return [url];
}

const twice = (url) => [url, url];

/** By the client_id of the login: the addresses that are loaded instead of the authorization response's. */
const twists = {
	'any-state': otherState, 'other-state': otherState, 'absent-state': noState, 'state-gone': noState,
	'callback-twice': twice, 'callback-twice-redeemed': twice,
};

async function browse(text) {
	const address = text.match(/https?:\/\/\S+/)?.[0];
	if (!address)
		return;
	const client = new URL(address).searchParams.get('client_id');
	const twist = (url) => url.searchParams.has('code') && twists[client] ? twists[client](url) : [url];
	const browser = new Browser(twist);
	try {
		await browser.open(address);
		if (client?.startsWith('link-twice'))
			await browser.open(address);
	} catch (error) {
		console.error(`sdk_client.mjs: browser: ${error.message} ${error.cause?.message ?? ""}`);
	}
}

if (options.browse) {
	createInterface(transport.stderr).on('line', (line) => {
		console.error(line);
		browse(line);
	});
	// Opened for writing too: there is no end of file between one writer and the next.
	createInterface(new Socket({ fd: openSync(options.browse, 'r+') })).on('line', browse);
}

const client = new Client(
	{ name: 'sdk-client', version: '1.0.0' },
	{ capabilities: { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} } },
);
client.onerror = () => {}; // leak_stdout writes what is not JSON-RPC
client.setRequestHandler(CreateMessageRequestSchema, () => ({
	model: 'none', role: 'assistant', content: { type: 'text', text: 'A summary.' },
}));
client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }));
client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: 'file:///srv/project', name: 'project' }] }));

const withTimeout = { timeout: CALL_TIMEOUT_MS };
const call = (name, args = {}, more = {}) =>
	client.callTool({ name, arguments: args }, undefined, { ...withTimeout, ...more });

/** A plausible value for a JSON schema. */
function sample(schema, key = '') {
	if (/duration/i.test(key))
		return 1; // a default of ten seconds would only make the test slow
	if (schema.default !== undefined)
		return schema.default;
	if (schema.const !== undefined)
		return schema.const;
	if (schema.enum)
		return schema.enum[0];
	const alternative = (schema.anyOf ?? schema.oneOf ?? schema.allOf)?.[0];
	if (alternative)
		return sample(alternative, key);
	switch (Array.isArray(schema.type) ? schema.type[0] : schema.type) {
	case 'object':
		return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, value]) => [name, sample(value, name)]));
	case 'array':
		return [sample(schema.items ?? { type: 'string' }, key)];
	case 'integer':
	case 'number':
		return schema.minimum ?? 1;
	case 'boolean':
		return false;
	default:
		return /ur[il]/i.test(key) ? 'data:text/plain,hello' : 'hello world';
	}
}

const plans = {
	async quiet() {
		await client.ping();
		await client.listTools();
		await call('echo', { message: 'hello' });
		for (const name of ['login_url', 'device_login', 'token_status', 'big_quiet'])
			await call(name);
	},

	async all() {
		await plans.quiet();
		for (const { name } of (await client.listTools()).tools.filter((tool) => /^(leak_|big$|split$)/.test(tool.name)))
			await call(name, {}, name === 'leak_progress' ? { onprogress() {} } : {});
		await client.readResource({ uri: 'leak://config' });
		await client.readResource({ uri: 'leak://file/notes' });
		await client.readResource({ uri: 'leak://broken' }).then(
			() => { throw new Error('leak://broken must fail'); },
			() => {});
		await client.complete({ ref: { type: 'ref/prompt', name: 'leak_prompt' }, argument: { name: 'account', value: 'w' } });
		await client.getPrompt({ name: 'leak_prompt', arguments: { account: 'work' } });
	},

	async every() {
		const capabilities = client.getServerCapabilities();
		const outcome = (what) => (promise) => promise.then(
			() => console.log(`ok ${what}`),
			(error) => console.log(`refused ${what}: ${error.code ?? error.message}`));
		// Some servers add tools once they know what the client can do.
		await new Promise((resolve) => setTimeout(resolve, 500));
		for (const tool of (await client.listTools()).tools) {
			if (tool.execution?.taskSupport === 'required') {
				const run = async () => {
					const stream = client.experimental.tasks.callToolStream(
						{ name: tool.name, arguments: sample(tool.inputSchema) }, undefined, withTimeout);
					for await (const message of stream)
						if (message.type === 'error')
							throw message.error;
				};
				await outcome(`tool ${tool.name}`)(run());
				continue;
			}
			// What is switched on is switched off again: the server must be able to end.
			for (let i = 0; i < (/^toggle/.test(tool.name) ? 2 : 1); i++)
				await outcome(`tool ${tool.name}`)(call(tool.name, sample(tool.inputSchema), { onprogress() {} }));
		}
		if (capabilities.resources) {
			for (const resource of (await client.listResources()).resources)
				await outcome(`resource ${resource.uri}`)(client.readResource({ uri: resource.uri }));
			for (const { uriTemplate } of (await client.listResourceTemplates()).resourceTemplates) {
				const uri = uriTemplate.replace(/\{[^}]*\}/g, '1');
				await outcome(`resource ${uri}`)(client.readResource({ uri }));
			}
		}
		if (capabilities.prompts) {
			for (const prompt of (await client.listPrompts()).prompts) {
				const args = {};
				for (const { name } of prompt.arguments ?? []) {
					const request = { ref: { type: 'ref/prompt', name: prompt.name }, argument: { name, value: '' } };
					const values = await client.complete(request).then(({ completion }) => completion.values, () => []);
					args[name] = values[0] ?? '1';
				}
				await outcome(`prompt ${prompt.name}`)(client.getPrompt({ name: prompt.name, arguments: args }));
			}
		}
	},
};

let status;
try {
	await client.connect(transport, withTimeout);
	if (options.plan)
		await plans[options.plan]();
	for (const line of options.call) {
		const [, name, args] = line.match(/^(\S+)\s*(.*)/);
		const { isError, content } = await call(name, args ? JSON.parse(args) : {});
		if (options.results)
			appendFileSync(options.results, `${line}: ${content[0]?.text}\n`);
		if (isError)
			throw new Error(`${line}: ${content[0]?.text}`);
	}
} catch (error) {
	console.error(`sdk_client.mjs: ${error.message.slice(0, 200)}`);
	status = EX_PROTOCOL;
}
// The end of an MCP stdio session: the client closes stdin and waits.
transport._process?.stdin.end();
const late = setTimeout(() => transport._process?.kill('SIGTERM'), 10000);
const exited = ended ? await ended : 127;
clearTimeout(late);
process.exit(status ?? exited);
