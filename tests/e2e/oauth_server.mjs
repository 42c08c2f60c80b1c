// SPDX-License-Identifier: BSD-2-Clause
//
// oauth_server.mjs DIR: an authorization server (oidc-provider, everything in memory) with a protected resource, twice: on
// plain loopback and over TLS with DIR/cert.pem and DIR/key.pem. DIR/plain.json and DIR/tls.json say where, once it
// listens; every secret it issues is listed in DIR/values as KIND<TAB>VALUE. Whoever comes is logged in.
//
// /api           the resource (RFC 9728 metadata beside it); POST it anything
// /implicit/auth answers as only servers of the past do: the token in the query of the redirect

import { randomBytes } from 'node:crypto';
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createServer as createPlain } from 'node:http';
import { createServer as createTls } from 'node:https';
import { exportJWK, generateKeyPair } from 'jose';
import Provider from 'oidc-provider';
import { faults } from './oauth_login.mjs';

const [dir] = process.argv.slice(2);
const opaque = () => randomBytes(24).toString('base64url');
const list = (kind, value) => appendFileSync(`${dir}/values`, `${kind}\t${value}\n`, { mode: 0o600 });

const ACCOUNT = 'user';
const SCOPES = ['openid', 'offline_access', 'read'];
const LOOPBACK = 'http://127.0.0.1/callback'; // with any port, RFC 8252 7.3

function clients() {
	const native = {
		application_type: 'native',
		redirect_uris: [LOOPBACK],
		response_types: ['code'],
		grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
		token_endpoint_auth_method: 'none',
	};
	return [
		{ ...native, client_id: 'public-app' },
		...faults.map((name) => ({
			...native, client_id: name, grant_types: [...native.grant_types, 'implicit'], response_types: ['code', 'id_token token'],
		})),
		{
			client_id: 'machine', client_secret: opaque(), grant_types: ['client_credentials'], redirect_uris: [],
			response_types: [], token_endpoint_auth_method: 'client_secret_basic',
		},
	];
}

async function keys() {
	const { privateKey } = await generateKeyPair('RS256', { extractable: true });
	return { keys: [{ ...await exportJWK(privateKey), use: 'sig', alg: 'RS256' }] };
}

async function serve(name, server) {
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	const issuer = `${name === 'tls' ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;
	const registered = clients();
	const provider = new Provider(issuer, {
		clients: registered,
		clientBasedCORS: () => false,
		cookies: { keys: [opaque()] },
		features: {
			clientCredentials: { enabled: true },
			deviceFlow: { enabled: true },
			devInteractions: { enabled: false },
			introspection: { enabled: true },
			pushedAuthorizationRequests: { enabled: true },
			registration: { enabled: true },
			registrationManagement: { enabled: true },
			resourceIndicators: {
				enabled: true,
				defaultResource: () => `${issuer}/api`,
				useGrantedResource: () => true,
				getResourceServerInfo: () => ({ scope: SCOPES.join(' '), accessTokenFormat: 'opaque' }),
			},
			revocation: { enabled: true },
			userinfo: { enabled: false },
		},
		findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
		interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
		issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
		jwks: await keys(),
		// Consent to everything, without asking.
		async loadExistingGrant(ctx) {
			const { client, provider: { Grant }, session } = ctx.oidc;
			const id = session.grantIdFor(client.clientId);
			const grant = id ? await Grant.find(id) : new Grant({ clientId: client.clientId, accountId: session.accountId });
			grant.addOIDCScope(SCOPES.join(' '));
			for (const resource of Object.keys(ctx.oidc.resourceServers))
				grant.addResourceScope(resource, SCOPES.join(' '));
			await grant.save();
			return grant;
		},
		pkce: { required: () => false, methods: ['S256', 'plain'] },
		responseTypes: ['code', 'id_token token'],
		rotateRefreshToken: true,
		scopes: SCOPES,
		ttl: {
			AccessToken: 3600, AuthorizationCode: 60, ClientCredentials: 3600, DeviceCode: 600, Grant: 86400, IdToken: 3600,
			Interaction: 600, RefreshToken: 86400, Session: 86400,
		},
	});
	for (const kind of ['access_token', 'authorization_code', 'client_credentials', 'device_code', 'refresh_token', 'registration_access_token'])
		provider.on(`${kind}.saved`, (token) => list(kind, token.jti));
	provider.on('registration_create.success', (_ctx, client) => client.clientSecret && list('client_secret', client.clientSecret));
	for (const client of registered.filter(({ client_secret: secret }) => secret))
		list('client_secret', client.client_secret);
	provider.on('server_error', (_ctx, error) => console.error(error));

	const old = new Set(); // what /implicit/auth issued
	const callback = provider.callback();
	server.on('request', async (request, response) => {
		const url = new URL(request.url, issuer);
		const json = (status, body, headers = {}) => {
			request.resume();
			response.writeHead(status, { 'content-type': 'application/json', ...headers });
			response.end(JSON.stringify(body));
		};
		if (url.pathname.startsWith('/interaction/')) {
			const { prompt } = await provider.interactionDetails(request, response);
			const result = prompt.name === 'login' ? { login: { accountId: ACCOUNT } } : { consent: {} };
			return provider.interactionFinished(request, response, result);
		}
		if (url.pathname === '/.well-known/oauth-authorization-server')
			request.url = '/.well-known/openid-configuration';
		if (url.pathname === '/.well-known/oauth-protected-resource/api')
			return json(200, { resource: `${issuer}/api`, authorization_servers: [issuer], scopes_supported: SCOPES });
		if (url.pathname === '/implicit/auth') {
			const to = new URL(url.searchParams.get('redirect_uri')), token = opaque();
			list('access_token', token);
			old.add(token);
			to.search = new URLSearchParams({
				access_token: token, token_type: 'Bearer', expires_in: 3600, state: url.searchParams.get('state'),
			});
			response.writeHead(302, { location: to.href });
			return response.end();
		}
		if (url.pathname === '/api') {
			const token = request.headers.authorization?.replace(/^Bearer /i, '') ?? '';
			const known = old.has(token) || await provider.AccessToken.find(token) || await provider.ClientCredentials.find(token);
			return known ? json(200, { issues: [] }) : json(401, { error: 'invalid_token' }, {
				'www-authenticate': `Bearer error="invalid_token", resource_metadata="${issuer}/.well-known/oauth-protected-resource/api"`,
			});
		}
		return callback(request, response);
	});
	const machine = registered.find(({ client_id: id }) => id === 'machine');
	writeFileSync(`${dir}/${name}.new`, JSON.stringify({ issuer, machine_secret: machine.client_secret }), { mode: 0o600 });
	renameSync(`${dir}/${name}.new`, `${dir}/${name}.json`);
}

await serve('plain', createPlain());
await serve('tls', createTls({ key: readFileSync(`${dir}/key.pem`), cert: readFileSync(`${dir}/cert.pem`) }));
