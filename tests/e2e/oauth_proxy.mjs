// SPDX-License-Identifier: BSD-2-Clause
//
// oauth_proxy.mjs --server FILE --ready FILE [--fault NAME]... [--tls DIR]
//
// An MCP server over Streamable HTTP, on the official SDK, that is an authorization server to its clients and a client of the one
// that FILE describes (oauth_server.mjs): an OAuth proxy. Its URL is in the file --ready once it listens; POST /end ends it. It
// issues tokens of its own, keeps the upstream's to itself, and asks for consent before it sends anybody there. Faults:
//   answer-upstream   /token answers with the upstream's token
//   forward-bearer    the tool uses the bearer of the MCP client at the upstream's resource
//   tool-result       the upstream's token is in what the tool gives
//   no-consent        straight on to the upstream
//   sdk-proxy         the SDK's ProxyOAuthServerProvider, which hands everything through

import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { createServer as createTls } from 'node:https';
import { parseArgs } from 'node:util';
import express from 'express';
import { requireBearerAuth } from '@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js';
import { ProxyOAuthServerProvider } from '@modelcontextprotocol/sdk/server/auth/providers/proxyProvider.js';
import { mcpAuthRouter } from '@modelcontextprotocol/sdk/server/auth/router.js';
import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

const { values: options } = parseArgs({
	options: {
		server: { type: 'string' },
		ready: { type: 'string' },
		fault: { type: 'string', multiple: true, default: [] },
		tls: { type: 'string' },
	},
});
const upstream = JSON.parse(readFileSync(options.server, 'utf8'));
const faulty = (name) => options.fault.includes(name);
const random = () => randomBytes(32).toString('base64url');
const s256 = (verifier) => createHash('sha256').update(verifier).digest('base64url');
const SCOPES = 'openid offline_access read';

const app = express();
const server = options.tls
	? createTls({ key: readFileSync(`${options.tls}/key.pem`), cert: readFileSync(`${options.tls}/cert.pem`) }, app)
	: createPlain(app);
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const self = new URL(`${options.tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`);
const callback = new URL('/callback', self).href;

/** What this server is at the upstream: one client, for all clients of its own. */
const registration = await fetch(`${upstream.issuer}/reg`, {
	method: 'POST',
	headers: { 'content-type': 'application/json' },
	body: JSON.stringify({
		redirect_uris: [callback], grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'client_secret_post',
	}),
});
const { client_id, client_secret } = await registration.json();

/** A token request to the upstream. */
async function redeem(form) {
	const response = await fetch(`${upstream.issuer}/token`, { method: 'POST', body: new URLSearchParams({ client_id, client_secret, ...form }) });
	if (!response.ok)
		throw new Error(`the upstream answered ${response.status}`);
	return response.json();
}

/** An authorization server with tokens of its own. */
class Proxy {
	clients = new Map();
	pending = new Map(); // by what stands for it: a consent, an upstream state, a code
	tokens = new Map(); // own access token -> upstream's tokens

	clientsStore = {
		getClient: (id) => this.clients.get(id),
		registerClient: (client) => {
			this.clients.set(client.client_id, client);
			return client;
		},
	};

	authorize(client, params, response) {
		const login = { client, params, verifier: random() }, id = random();
		this.pending.set(id, login);
		if (faulty('no-consent'))
			return this.consented(id, response);
		response.type('html').send(`<form method="post" action="/consent"><p>Let ${client.client_id} in?</p>
			<input type="hidden" name="id" value="${id}"><button>Yes</button></form>`);
	}

	consented(id, response) {
		const login = this.take(id), state = random(), url = new URL(`${upstream.issuer}/auth`);
		this.pending.set(state, login);
		url.search = new URLSearchParams({
			response_type: 'code', client_id, redirect_uri: callback, scope: SCOPES, resource: `${upstream.issuer}/api`,
			state, code_challenge: s256(login.verifier), code_challenge_method: 'S256',
		});
		response.redirect(url.href);
	}

	async returned(query, response) {
		const login = this.take(query.state), code = random(), url = new URL(login.params.redirectUri);
		login.upstream = await redeem({
			grant_type: 'authorization_code', code: query.code, redirect_uri: callback, code_verifier: login.verifier,
		});
		this.pending.set(code, login);
		url.searchParams.set('code', code);
		url.searchParams.set('state', login.params.state);
		response.redirect(url.href);
	}

	take(id) {
		const login = this.pending.get(id);
		if (!login)
			throw new Error('there is no such login');
		this.pending.delete(id);
		return login;
	}

	challengeForAuthorizationCode(_client, code) {
		return this.pending.get(code).params.codeChallenge;
	}

	exchangeAuthorizationCode(client, code) {
		return this.issue(client, this.take(code).upstream);
	}

	async exchangeRefreshToken(client, token) {
		const kept = this.tokens.get(token);
		this.tokens.delete(token);
		return this.issue(client, await redeem({ grant_type: 'refresh_token', refresh_token: kept.upstream.refresh_token }));
	}

	issue(client, tokens) {
		const access = faulty('answer-upstream') ? tokens.access_token : random(), refresh = random();
		for (const token of [access, refresh])
			this.tokens.set(token, { client, upstream: tokens });
		return { access_token: access, token_type: 'Bearer', expires_in: 3600, refresh_token: refresh, scope: SCOPES };
	}

	verifyAccessToken(token) {
		const kept = this.tokens.get(token);
		if (!kept)
			throw new InvalidTokenError('not one of ours');
		return { token, clientId: kept.client.client_id, scopes: [], expiresAt: Date.now() / 1000 + 3600, extra: kept };
	}
}

const provider = !faulty('sdk-proxy') ? new Proxy() : new ProxyOAuthServerProvider({
	endpoints: {
		authorizationUrl: `${upstream.issuer}/auth`, tokenUrl: `${upstream.issuer}/token`, registrationUrl: `${upstream.issuer}/reg`,
	},
	// The upstream has registered it; any redirect on this machine is one of its.
	getClient: (id) => ({ client_id: id, redirect_uris: ['http://127.0.0.1/callback'], token_endpoint_auth_method: 'none' }),
	verifyAccessToken: (token) => ({ token, clientId: 'any', scopes: [], expiresAt: Date.now() / 1000 + 3600, extra: { upstream: { access_token: token } } }),
});

app.use(mcpAuthRouter({ provider, issuerUrl: self, scopesSupported: SCOPES.split(' '), resourceServerUrl: new URL('/mcp', self) }));
app.post('/consent', express.urlencoded({ extended: false }), (request, response) => provider.consented(request.body.id, response));
app.get('/callback', (request, response) => provider.returned(request.query, response));
app.post('/end', (_request, response) => {
	response.end();
	setTimeout(() => process.exit(0), 100);
});
app.post('/mcp', requireBearerAuth({ verifier: provider, resourceMetadataUrl: `${self.origin}/.well-known/oauth-protected-resource/mcp` }),
	express.json(), async (request, response) => {
		const mcp = new McpServer({ name: 'oauth-proxy', version: '1.0.0' });
		mcp.registerTool('issues', { description: 'The tool issues', inputSchema: {} }, async (_args, { authInfo }) => {
			const token = faulty('forward-bearer') ? authInfo.token : authInfo.extra.upstream.access_token;
			const answer = await fetch(`${upstream.issuer}/api`, { headers: { authorization: `Bearer ${token}` } });
			const text = `the resource answered ${answer.status}: ${await answer.text()}`;
			return { content: [{ type: 'text', text: faulty('tool-result') ? `${text} to ${token}` : text }] };
		});
		const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
		await mcp.connect(transport);
		await transport.handleRequest(request, response, request.body);
	});

writeFileSync(`${options.ready}.new`, self.href);
renameSync(`${options.ready}.new`, options.ready);
