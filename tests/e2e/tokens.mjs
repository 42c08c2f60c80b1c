// SPDX-License-Identifier: BSD-2-Clause
// Access tokens for tests: made when the test runs, listed in a file so that the test can prove where they are not.

import { createHash, randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

function base62(number, width) {
	let digits = '';
	for (; number > 0; number = Math.floor(number / 62))
		digits = BASE62[number % 62] + digits;
	return digits.padStart(width, '0');
}

// zlib.crc32 is not in the Node 18 of Debian 12.
function crc32(bytes) {
	let crc = 0xffffffff;
	for (const byte of bytes) {
		crc ^= byte;
		for (let bit = 0; bit < 8; bit++)
			crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return (crc ^ 0xffffffff) >>> 0;
}

export class Tokens {
	/** The same `seed` (text) gives the same tokens in the same order; without one they are random. */
	constructor(valuesPath, seed) {
		this.valuesPath = valuesPath;
		this.seed = seed ?? randomBytes(16).toString('hex');
		this.count = 0;
	}

	/** A token in the format of a GitHub OAuth token, checksum included. */
	mint(name) {
		const bytes = createHash('sha256').update(`${this.seed}:${this.count++}`).digest();
		const body = [...bytes.subarray(0, 30)].map((byte) => BASE62[byte % 62]).join('');
		const token = `gho_${body}${base62(crc32(Buffer.from(body)), 6)}`;
		if (this.valuesPath)
			appendFileSync(this.valuesPath, `${name}\t${token}\n`, { mode: 0o600 });
		return token;
	}
}
