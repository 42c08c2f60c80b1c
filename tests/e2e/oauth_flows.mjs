// SPDX-License-Identifier: BSD-2-Clause
// OAuth flows as libraries do them: the MCP SDK's where it has them, openid-client for the others. Each uses the access token
// and returns a secret, for the run that leaks it.

import { auth } from '@modelcontextprotocol/sdk/client/auth.js';
import * as oauth from 'openid-client';

const configure = (rig, id, authentication) => oauth.discovery(new URL(rig.issuer), id, undefined, authentication, insecure(rig));

/** Plain HTTP on loopback is for tests; the library wants to be told. */
const insecure = ({ issuer }) => ({ algorithm: 'oauth2', execute: issuer.startsWith('http:') ? [oauth.allowInsecureRequests] : [] });

/** What the MCP SDK's client keeps its things in: memory. */
export class Memory {
	/** `client`: as it is registered; undefined to register first. */
	constructor(show, redirect, client) {
		this.redirectToAuthorization = show;
		this.redirectUrl = redirect;
		this.client = client;
		this.clientMetadata = {
			redirect_uris: [redirect], scope: 'openid offline_access read', token_endpoint_auth_method: 'none',
			grant_types: ['authorization_code', 'refresh_token'],
		};
	}

	state() { return this.sent = oauth.randomState(); }
	clientInformation() { return this.client; }
	saveClientInformation(client) { this.client = client; }
	tokens() { return this.kept; }
	saveTokens(tokens) { this.kept = tokens; }
	codeVerifier() { return this.verifier; }
	saveCodeVerifier(verifier) { this.verifier = verifier; }
}

async function sdkLogin(rig) {
	const listener = await rig.listen();
	const memory = new Memory(rig.show, listener.redirect, { client_id: 'public-app' });
	await auth(memory, { serverUrl: rig.resource });
	const { url } = await listener.next();
	listener.close();
	if (url.searchParams.get('state') !== memory.sent)
		throw new Error('not the state that was sent');
	await auth(memory, { serverUrl: rig.resource, authorizationCode: url.searchParams.get('code') });
	await rig.use(memory.kept.access_token);
	return memory;
}

/** Code with PKCE, the request pushed first or not. */
async function login(rig, config, build) {
	const listener = await rig.listen();
	const verifier = oauth.randomPKCECodeVerifier(), state = oauth.randomState();
	rig.show(await build(config, {
		redirect_uri: listener.redirect, scope: 'openid offline_access read', resource: rig.resource, state,
		code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
	}));
	const { url } = await listener.next();
	listener.close();
	const current = new URL(listener.redirect);
	current.search = url.search;
	const tokens = await oauth.authorizationCodeGrant(config, current, { pkceCodeVerifier: verifier, expectedState: state },
		{ resource: rig.resource });
	await rig.use(tokens.access_token);
	return tokens;
}

export const flows = {
	async code(rig) {
		return (await sdkLogin(rig)).kept.access_token;
	},

	async refresh(rig) {
		const memory = await sdkLogin(rig);
		const old = memory.kept.refresh_token;
		await auth(memory, { serverUrl: rig.resource });
		if (memory.kept.refresh_token === old)
			throw new Error('the refresh token was not rotated');
		await rig.use(memory.kept.access_token);
		return memory.kept.refresh_token;
	},

	async par(rig) {
		const config = await configure(rig, 'public-app', oauth.None());
		return (await login(rig, config, oauth.buildAuthorizationUrlWithPAR)).access_token;
	},

	async device(rig) {
		const config = await configure(rig, 'public-app', oauth.None());
		const device = await oauth.initiateDeviceAuthorization(config, { scope: 'openid offline_access read', resource: rig.resource });
		rig.show(device.verification_uri_complete);
		const tokens = await oauth.pollDeviceAuthorizationGrant(config, { ...device, interval: 1 });
		await rig.use(tokens.access_token);
		return tokens.access_token;
	},

	async client_credentials(rig) {
		const config = await configure(rig, 'machine', oauth.ClientSecretBasic(rig.machine_secret));
		const tokens = await oauth.clientCredentialsGrant(config, { scope: 'read', resource: rig.resource });
		await rig.use(tokens.access_token);
		return tokens.access_token;
	},

	async register(rig) {
		const metadata = { redirect_uris: ['http://127.0.0.1/callback'], application_type: 'native', token_endpoint_auth_method: 'client_secret_post' };
		const config = await oauth.dynamicClientRegistration(new URL(rig.issuer), metadata, undefined, insecure(rig));
		const client = config.clientMetadata();
		await login(rig, config, async (...args) => oauth.buildAuthorizationUrl(...args));
		for (const method of ['GET', 'DELETE']) {
			const response = await fetch(client.registration_client_uri,
				{ method, headers: { authorization: `Bearer ${client.registration_access_token}` } });
			await response.text();
			if (!response.ok)
				throw new Error(`the registration endpoint answered ${response.status}`);
		}
		return client.client_secret;
	},

	async revoke(rig) {
		const config = await configure(rig, 'public-app', oauth.None());
		const tokens = await login(rig, config, async (...args) => oauth.buildAuthorizationUrl(...args));
		await oauth.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
		await rig.use(tokens.access_token).then(() => { throw new Error('the access token still works'); }, () => {});
		return tokens.refresh_token;
	},
};
