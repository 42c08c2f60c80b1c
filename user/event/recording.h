/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A recording: the raw records of one run, in the order the engine saw them, so that `replay` gives the
 * same alerts. A recording holds what the server wrote, secrets included, so it is encrypted
 * and authenticated (libsodium crypto_secretstream_xchacha20poly1305): without its key file it is
 * noise, and deleting the key shreds it. The key lies beside it in "<recording>.key", mode 0600.
 *
 * Layout: magic "BTREC1\n", a plain header (ABI version, byte order marker, secretstream header), then
 * frames: u32 little-endian ciphertext length, ciphertext. The plaintext of a frame is a batch of
 * items; the first frame holds struct rec_info; the last one is tagged FINAL and holds the counters.
 */
#ifndef BT_EVENT_RECORDING_H
#define BT_EVENT_RECORDING_H

#include <beartrap/event.h>
#include "base/log.h"
#include "base/span.h"

struct rec_info {
	uint64_t boot_offset_ns;     /* CLOCK_REALTIME - CLOCK_BOOTTIME at the start */
	uint32_t root_tgid;          /* of `run`; 0 for attach */
	uint32_t late;               /* 1: attached to running processes */
	uint8_t fingerprint_key[32]; /* so that replayed alerts have the same fingerprints */
};

/* What the run could not see, known at its end. */
struct rec_totals {
	struct bt_counter loss[BT_LOSS_MAX];
	struct bt_counter seen[BT_SEEN_MAX];
};

/* Longest record that a recording takes: a full chunk and a struct sockaddr_storage behind it. */
#define REC_RECORD_MAX (sizeof(struct bt_rec_data) + BT_CHUNK_LEN + 128)

struct rec_writer;
struct rec_reader;

/*
 * Creates `path` and `path`.key (both 0600, replaced whole at rec_writer_close; until then the key is in
 * locked memory alone, so what a crash leaves behind nobody can read). -EEXIST when either name is a symbolic
 * link or anything else but a regular file.
 */
int rec_writer_open(const char *path, const struct rec_info *info, struct rec_writer **ret,
		    struct error *err);
/*
 * Takes a copy of one record. 0; -EMSGSIZE for an empty record or one over REC_RECORD_MAX (it is left
 * out, the recording goes on); another negative errno when writing failed, then for ever.
 */
int rec_writer_add(struct rec_writer *w, struct span record);
/* Ends the recording and puts it in place. Frees `w` whatever happens. */
int rec_writer_close(struct rec_writer *w, const struct rec_totals *totals, struct error *err);
void rec_writer_abort(struct rec_writer *w); /* accepts NULL; leaves no file behind */

/*
 * `key_path` NULL means "<path>.key". Errors: -EBADMSG (not a recording, cut short, changed, wrong key),
 * -EPROTONOSUPPORT (other ABI version or byte order), or that of open(2), -ENOENT for a missing key file.
 * A key file that others may read is accepted: the harm is done, and refusing helps nobody.
 */
int rec_reader_open(const char *path, const char *key_path, struct rec_reader **ret,
		    struct error *err);
const struct rec_info *rec_reader_info(const struct rec_reader *r);
/*
 * Next record: 1 and `ret` (valid until the next call), 0 at the proper end, negative errno with `err`
 * filled when the recording is cut short or changed (-EBADMSG) or cannot be read; then for ever. Records
 * given out before that are authentic.
 */
int rec_reader_next(struct rec_reader *r, struct span *ret, struct error *err);
/* After rec_reader_next() returned 0. */
const struct rec_totals *rec_reader_totals(const struct rec_reader *r);
struct rec_reader *rec_reader_free(struct rec_reader *r);

#endif /* BT_EVENT_RECORDING_H */
