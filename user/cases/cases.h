/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Replay cases (tests/replay/README.md): small runs written by hand as text, and what must be found in them. The text has
 * placeholders for secrets; those are made afresh each time a case is compiled, so none is ever in the tree.
 */
#ifndef BT_CASES_CASES_H
#define BT_CASES_CASES_H

#include "event/recording.h"

/* Where a compiled case goes. */
struct case_out {
	/* One raw record, as the kernel side would have written it. A negative errno ends the compilation. */
	int (*record)(void *arg, struct span record);
	/* Each secret that was made, when all is done; or NULL. */
	void (*secret)(void *arg, const char *text);
	void *arg;
};

/*
 * What holds for the whole run that `events` (events.jsonl) tells of; it begins at `wall_ns` (CLOCK_REALTIME). The fingerprint
 * key is fresh.
 */
void case_info(struct span events, uint64_t wall_ns, struct rec_info *ret);
/*
 * Compiles `events` into records. `path` is for messages. 0; -EINVAL with `err` (file:line) for a case that is not well formed,
 * what out->record returned, or -ENOMEM. `totals` is filled when all went well.
 */
int case_compile(const char *path, struct span events, const struct rec_info *info,
		 const struct case_out *out, struct rec_totals *totals, struct error *err);

#endif /* BT_CASES_CASES_H */
