// SPDX-License-Identifier: BSD-2-Clause
//
// rate.mjs mcp|https ROUNDS CALLS NAME=COMMAND...: how many calls a second each server does, in turns. The first is the one
// that the others are compared with: one line "NAME RATIO" for each of them, the median of ROUNDS. COMMAND is split at blanks; of
// an HTTPS server the last word is a directory, where it writes its port.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from '../e2e/node_modules/@modelcontextprotocol/sdk/dist/esm/client/index.js';
import { StdioClientTransport } from '../e2e/node_modules/@modelcontextprotocol/sdk/dist/esm/client/stdio.js';

const [kind, rounds, calls, ...servers] = process.argv.slice(2);

const kinds = {
	async mcp([command, ...args]) {
		const client = new Client({ name: 'rate', version: '1.0.0' }, { capabilities: {} });
		await client.connect(new StdioClientTransport({ command, args, env: process.env, stderr: 'ignore' }));
		return {
			call: () => client.callTool({ name: 'echo', arguments: { message: 'Found 12 open issues.' } }),
			end: () => client.close(),
		};
	},

	async https([command, ...args]) {
		const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'ignore'] });
		const port = `${args.at(-1)}/port`;
		while (!existsSync(port))
			await sleep(20);
		const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
		const options = { host: '127.0.0.1', port: Number(readFileSync(port, 'utf8')), agent };
		const call = (path = '/') => new Promise((resolve, reject) => {
			request({ ...options, path }, (response) => response.resume().once('end', resolve))
				.once('error', reject).end();
		});
		return {
			call,
			async end() {
				await call('/end');
				await new Promise((resolve) => child.once('close', resolve));
			},
		};
	},
};

const running = [];
for (const server of servers) {
	const [name, command] = server.split(/=(.*)/s);
	running.push({ name, rates: [], ...await kinds[kind](command.split(' ')) });
}
for (let round = -1; round < Number(rounds); round++) {
	// To and fro, so that nobody always comes after the same one.
	for (const server of round % 2 ? running.toReversed() : running) {
		const start = performance.now();
		for (let i = 0; i < Number(calls); i++)
			await server.call();
		if (round >= 0) // the first is to warm up
			server.rates.push(Number(calls) / (performance.now() - start));
	}
}
for (const server of running)
	await server.end();
const [bare, ...others] = running;
for (const { name, rates } of others) {
	const ratios = rates.map((rate, i) => rate / bare.rates[i]).sort((a, b) => a - b);
	console.log(`${name} ${ratios[ratios.length >> 1].toFixed(4)}`);
}
