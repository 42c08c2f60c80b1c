/* SPDX-License-Identifier: BSD-2-Clause */
/* TLS functions of Go programs: where they begin, and every instruction at which they return. */
#ifndef BT_CAPTURE_GOBIN_H
#define BT_CAPTURE_GOBIN_H

#include <stddef.h>
#include <stdint.h>

enum { GO_TLS_READ, GO_TLS_WRITE, GO_TLS_FUNCS };

#define GO_MAX_RETURNS 64

/* File offsets. */
struct go_func {
	uint64_t entry;
	uint64_t returns[GO_MAX_RETURNS];
	size_t n_returns;
};

/*
 * Looks for (*crypto/tls.Conn).Read and .Write in the program or library in `fd`. 1 when both were found; 0 when it is not Go's,
 * or no ELF file; negative errno when it is Go's, and `why` says in a phrase why they cannot be hooked.
 */
int gobin_find(int fd, struct go_func ret[GO_TLS_FUNCS], const char **why);

/* The N of the Go 1.N that made the file; -1 when it does not tell, or is not Go's. */
int gobin_minor(int fd);

#endif /* BT_CAPTURE_GOBIN_H */
