/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <stdio.h>

#include "proc/proc.h"

/* ::ffff:0:0/96, RFC 4291 section 2.5.5.2. */
static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };

/* `addr` as struct proc_file has it. */
static bool addr_is_loopback(uint16_t family, const uint8_t addr[16])
{
	static const uint8_t v6_loopback[16] = { [15] = 1 };

	switch (family) {
	case AF_UNIX:
		return true;
	case AF_INET:
		return addr[0] == 127;
	case AF_INET6:
		return !memcmp(addr, v6_loopback, 16) ||
		       (!memcmp(addr, v4_mapped, 12) && addr[12] == 127);
	default:
		return false;
	}
}

bool proc_file_peer_is_loopback(const struct proc_file *f)
{
	return f->id.type == BT_FILE_UNIX || addr_is_loopback(f->sk_family, f->peer_addr);
}

/* RFC 1918, RFC 3927 and RFC 4193, RFC 4291 2.5.6; IPv4 in IPv6 too. */
bool proc_file_peer_is_private(const struct proc_file *f)
{
	const uint8_t *a = f->peer_addr;
	bool v4 = f->sk_family == AF_INET;

	if (f->sk_family == AF_INET6 && !memcmp(a, v4_mapped, sizeof(v4_mapped))) {
		a += sizeof(v4_mapped);
		v4 = true;
	}
	if (v4)
		return a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
		       (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254);
	return f->sk_family == AF_INET6 &&
	       ((a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80));
}

bool proc_file_local_is_loopback(const struct proc_file *f)
{
	return f->id.type == BT_FILE_UNIX || addr_is_loopback(f->sk_family, f->local_addr);
}

const char *proc_file_peer_text(const struct proc_file *f, char *out, size_t len)
{
	char addr[INET6_ADDRSTRLEN] = "";

	if (!len)
		return out;
	out[0] = '\0';
	if (f->id.type == BT_FILE_UNIX || f->sk_family == AF_UNIX) {
		snprintf(out, len, "unix:%s%s", f->abstract ? "@" : "", f->path ? f->path : "");
	} else if (f->sk_family == AF_INET || f->sk_family == AF_INET6) {
		bool v6 = f->sk_family == AF_INET6;

		inet_ntop(f->sk_family, f->peer_addr, addr, sizeof(addr));
		snprintf(out, len, v6 ? "[%s]:%u" : "%s:%u", addr, (unsigned int)f->peer_port);
	}
	return out;
}
