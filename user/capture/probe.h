/* SPDX-License-Identifier: BSD-2-Clause */
/* What `doctor` asks: which features of the kernel are there, and what could be hooked in a program. */
#ifndef BT_CAPTURE_PROBE_H
#define BT_CAPTURE_PROBE_H

#include <stdbool.h>
#include <stddef.h>

struct capture;

enum capture_need {
	CAPTURE_NEEDED,   /* no watching without it */
	CAPTURE_FOR_TLS,  /* no plain text of TLS without it */
	CAPTURE_OPTIONAL, /* all can be seen without it */
};

/* A feature of the kernel that is found out about by trying it. */
struct capture_feature {
	const char *id;   /* "ring-buffer" */
	const char *what; /* a phrase */
	const char *mend; /* what to do when it is missing; of an optional one, what is done then */
	enum capture_need need;
	bool privileged;  /* to try it takes what watching takes */
	int (*try)(void); /* 0: it is there; else negative errno */
};

extern const struct capture_feature capture_features[]; /* ends with id == NULL */
/*
 * Tries one: 0, or negative errno. -EPERM without a try when that takes privileges that this process has not: then
 * nothing is known.
 */
int capture_feature_try(const struct capture_feature *f);
/* The effective capability (linux/capability.h), by which this process may do things. */
bool capture_has_cap(unsigned int cap);
/* Enough of them to load and attach programs. */
bool capture_privileged(void);

/* This kernel lets requests of io_uring be followed. */
bool capture_follows_uring(void);

/* A file that a program is made of, as the hooks on TLS would see it. */
struct tls_look {
	bool elf;      /* a program or shared library, of any machine */
	bool foreign;  /* for another machine than this one; a 32-bit one is too */
	bool is_32;    /* 32-bit */
	bool stripped; /* it has no symbols but those that it exports */
	bool go;
	int go_minor; /* the N of Go 1.N, -1 unknown */
	const char
		*lib; /* "OpenSSL", "GnuTLS", "Go's crypto/tls", "rustls", ...; NULL: none found */
	unsigned int hooks; /* functions of it that are hooked; 0: none, and `why` says why not */
	const char *why;    /* a phrase, or NULL */
};

/*
 * Looks into the file `fd`, named `path` for people: at its name, its symbols and, when those tell nothing, for what the
 * libraries leave in a program that they are part of. Strings in `ret` are constants. 0, or negative errno
 * when it cannot be read.
 */
int tls_look(int fd, const char *path, struct tls_look *ret);
/* Which TLS library a shared library's name stands for that has no hooks ("libnss3.so"); NULL: none. */
const char *tls_unhooked(const char *path);
/* The shared libraries that the program or library in `fd` asks for (DT_NEEDED). 0; -ENOEXEC when it is neither. */
int elf_needed(int fd, void (*fn)(void *arg, const char *name), void *arg);
/*
 * Hooks the file as if a watched process had mapped it, and takes the hooks off again. 1 when they could be set, 0 when there is
 * nothing to hook, else negative errno.
 */
int capture_hook_try(struct capture *c, int fd, const char *path);

#endif /* BT_CAPTURE_PROBE_H */
