// SPDX-License-Identifier: BSD-2-Clause
// A login with code and PKCE by hand: as it should be, or with one fault, for which one thing is changed. Its client has the
// fault's name, so that an alert tells which login it is about.

import { spawnSync } from 'node:child_process';
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const random = () => randomBytes(32).toString('base64url');
const s256 = (verifier) => createHash('sha256').update(verifier).digest('base64url');

// --- the request: each may change what is asked for ------------------------------------------------

const RFC7636_EXAMPLE = ['dBjftJeZ4CVP-mB92K27uhbU', 'JU1p1r_wW1gFWFOEjXk'].join('');
const sent = {}; // by the login before

const requests = {
	'response-type-token': (r) => {
		r.endpoint = '/implicit/auth';
		r.query.response_type = 'token';
	},
	'form-post': (r) => implicit(r, { response_mode: 'form_post' }),
	'fragment-relay': (r) => implicit(r, {}),
	'no-pkce': (r) => {
		delete r.query.code_challenge;
		delete r.query.code_challenge_method;
		r.verifier = undefined;
	},
	'plain-pkce': (r) => {
		r.query.code_challenge = r.verifier;
		r.query.code_challenge_method = 'plain';
	},
	'method-left-out': (r) => {
		r.query.code_challenge = r.verifier;
		delete r.query.code_challenge_method;
	},
	'verifier-again': (r) => pkce(r, sent.verifier ??= r.verifier),
	'verifier-constant': (r) => pkce(r, RFC7636_EXAMPLE),
	'verifier-short': (r) => pkce(r, random().slice(0, 32)),
	'verifier-in-url': (r) => { r.query.code_verifier = r.verifier; },
	'verifier-in-state': (r) => {
		r.query.state = Buffer.from(JSON.stringify({ id: random().slice(0, 22), v: r.verifier })).toString('base64url');
	},
	'no-state': (r) => { delete r.query.state; },
	'no-state-no-pkce': (r) => {
		requests['no-pkce'](r);
		delete r.query.state;
	},
	'state-constant': (r) => { r.query.state = 'login'; },
	'state-clock': (r) => { r.query.state = String(Date.now()); },
	'state-again': (r) => { r.query.state = sent.state ??= r.query.state; },
};

function implicit(r, more) {
	Object.assign(r.query, { response_type: 'id_token token', scope: 'openid', nonce: random() }, more);
}

function pkce(r, verifier) {
	r.verifier = verifier;
	r.query.code_challenge = s256(verifier);
}

// --- the callback ----------------------------------------------------------------------------------

const RELAY = '<script>location.replace(\'/callback?\' + location.hash.slice(1))</script>';

// Faults that do not look at the state, or not at all of it.
const accepts = {
	'any-state': () => true,
	'absent-state': (state, expected) => state === null || state === expected,
	'no-state': () => true,
	'no-state-no-pkce': () => true,
};

// A second callback comes: is it redeemed?
const second = new Map([
	['callback-twice', false], ['callback-twice-redeemed', true], ['link-twice', false], ['link-twice-redeemed', true],
]);
const once_more = new Set(['verifier-again', 'state-again', 'twice']);

// --- the tokens: where they are kept, and where they go ----------------------------------------------

const keeps = {
	encrypted: ({ place }, tokens) => {
		const iv = randomBytes(12), cipher = createCipheriv('aes-256-gcm', randomBytes(32), iv);
		const sealed = Buffer.concat([cipher.update(JSON.stringify(tokens)), cipher.final()]);
		writeFileSync(join(place, 'tokens.sealed'), Buffer.concat([iv, cipher.getAuthTag(), sealed]), { mode: 0o600 });
	},
	'file-0600': ({ place }, tokens) => writeFileSync(join(place, 'tokens.json'), JSON.stringify(tokens), { mode: 0o600 }),
	'file-0644': ({ place }, tokens) => writeFileSync(join(place, 'tokens-0644.json'), JSON.stringify(tokens), { mode: 0o644 }),
	'file-in-tmp': (_rig, tokens) => {
		const directory = mkdtempSync('/tmp/oauth-login.');
		writeFileSync(join(directory, 'tokens.json'), JSON.stringify(tokens), { mode: 0o600 });
		rmSync(directory, { recursive: true });
	},
	'log-file': ({ place }, tokens) => appendFileSync(join(place, 'app.log'), `INFO got ${tokens.access_token}\n`, { mode: 0o600 }),
	'stderr': (_rig, tokens) => console.error('debug: token response', JSON.stringify(tokens)),
	'argv': (_rig, tokens) => spawnSync('/bin/true', ['--header', `Authorization: Bearer ${tokens.access_token}`]),
	'env': (_rig, tokens) => spawnSync('/bin/true', [], { env: { ACCESS_TOKEN: tokens.access_token } }),
	'verifier-logged': (_rig, _tokens, request) => console.error(`debug: verifier ${request.verifier}`),
};

// --- all of it -----------------------------------------------------------------------------------------

function ask(rig, fault, redirect) {
	const verifier = random();
	const request = {
		endpoint: '/auth',
		verifier,
		query: {
			response_type: 'code', client_id: fault, redirect_uri: redirect, scope: 'openid offline_access read',
			resource: rig.resource, state: random(), code_challenge: s256(verifier), code_challenge_method: 'S256',
		},
	};
	requests[fault]?.(request);
	rig.show(`${rig.issuer}${request.endpoint}?${new URLSearchParams(request.query)}`);
	return request;
}

async function redeem(rig, fault, request, answer) {
	if (!answer.has('code'))
		return Object.fromEntries(answer);
	const body = new URLSearchParams({
		grant_type: 'authorization_code', client_id: fault, redirect_uri: request.query.redirect_uri, code: answer.get('code'),
	});
	if (request.verifier && fault !== 'verifier-left-out')
		body.set('code_verifier', request.verifier);
	const response = await fetch(`${rig.issuer}/token`, { method: 'POST', body });
	return response.json();
}

/** One login. Returns what the tool tells. */
async function once(rig, fault) {
	const listener = await rig.listen(fault === 'fragment-relay' ? RELAY : 'You may close this window.');
	const parameters = ({ url, body }) => body.has('state') ? body : url.searchParams;
	try {
		const request = ask(rig, fault, listener.redirect);
		if (fault === 'fragment-relay')
			await listener.next();
		const answer = parameters(await listener.next()), state = answer.get('state');
		if (!(accepts[fault]?.(state, request.query.state) ?? state === request.query.state))
			return 'refused: it is not the state that was sent';
		const tokens = await redeem(rig, fault, request, answer);
		if (!tokens.access_token)
			return `refused: ${tokens.error}`;
		keeps[fault]?.(rig, tokens, request);
		await rig.use(tokens.access_token);
		if (second.has(fault)) {
			const again = parameters(await listener.next());
			if (second.get(fault))
				await redeem(rig, fault, request, again);
		}
		return fault === 'tool-result' ? `logged in, ${tokens.access_token}` : 'logged in';
	} finally {
		listener.close();
	}
}

const known = [requests, accepts, keeps].flatMap(Object.keys);
export const faults = [...new Set([...known, ...second.keys(), ...once_more, 'none', 'other-state', 'state-gone', 'verifier-left-out', 'tool-result'])];

/** A login as the client of that fault's name; two of them where the fault is one that only the second shows. */
export async function login(rig, fault) {
	if (!faults.includes(fault))
		throw new Error(`there is no fault ${fault}`);
	if (once_more.has(fault))
		await once(rig, fault);
	return once(rig, fault);
}
