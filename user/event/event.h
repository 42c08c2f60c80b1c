/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one place where a kernel record becomes a struct event. After event_decode() nobody looks
 * at raw record bytes again: every length, enum, and tail has been checked.
 */
#ifndef BT_EVENT_EVENT_H
#define BT_EVENT_EVENT_H

#include <beartrap/event.h>
#include "base/span.h"

struct event {
	enum bt_rec_kind kind;
	uint64_t time_ns; /* CLOCK_BOOTTIME */
	uint64_t start_ns;
	uint32_t tgid, tid, root, uid;
	uint16_t cpu;
	char comm[BT_COMM_LEN + 1]; /* NUL-terminated, control characters replaced by '?' */
	union {
		struct {
			struct bt_file_id file;
			enum bt_dir dir;
			enum bt_call call;
			uint64_t pos, off, call_len, call_off;
			uint32_t lost_len;
			int32_t fd;
			bool last;
			bool matched; /* what is missing before it is not coming: BT_DATA_MATCHED */
			struct span bytes; /* into the record; lives as long as it does */
			struct span name;  /* struct sockaddr or empty */
		} data;
		struct {
			struct bt_file_id file;
			uint64_t size, sock_ino;
			uint32_t sock_dev;
			int32_t fd;
			uint32_t open_flags, inode_uid, nlink;
			uint16_t flags; /* BT_FILE_* */
			uint16_t sk_family, sk_type, sk_protocol, local_port, peer_port;
			uint8_t sk_state;
			uint8_t local_addr[16], peer_addr[16];
			struct span path;
		} file;
		struct {
			uint64_t exe_ino, cgroup_id, args_len, env_len;
			uint32_t exe_dev, ppid, ns_pid, pid_ns, mnt_ns;
			struct span path;
		} exec;
		struct {
			uint64_t total_len;
			uint32_t off, lost_len;
			bool env; /* else argv */
			bool last;
			struct span bytes;
		} args;
		struct {
			uint64_t child_start_ns;
			uint32_t child_tgid;
		} fork;
		struct {
			struct bt_file_id file, from;
			uint64_t pos, from_off, to_off, len;
			int32_t fd, from_fd;
			enum bt_call call;
			bool sure; /* BT_COPY_SURE */
			struct span path;
		} copy;
		struct {
			struct bt_file_id file;
			uint64_t addr, len, off;
			int32_t fd;
			unsigned int what; /* BT_SHARED_* */
			struct span path;
		} shared;
		struct {
			struct bt_file_id file; /* type 0: not known */
			unsigned int what;      /* BT_NAME_* */
			unsigned int mode;
			struct span path, old;
		} name;
		struct {
			struct span text; /* as /proc/PID/cgroup */
		} cgroup;
		struct {
			int32_t status;
		} exit;
		struct {
			uint64_t ino;
			uint32_t dev;
			struct span path;
		} map;
	};
};

/*
 * Decodes one record. 0, or -EBADMSG when any part of it is not as include/beartrap/event.h says
 * (`ret` is then untouched). Never reads past `rec`; a record longer than its kind needs is refused.
 */
int event_decode(struct span rec, struct event *ret);

const char *event_call_name(enum bt_call call); /* "writev", as in syscalls(2) */
/*
 * How bytes of such a call were had, in words, when it was not at the call: "afterwards, in the source file". NULL: at the
 * call.
 */
const char *event_call_seen(enum bt_call call);
const char *event_loss_name(enum bt_loss loss); /* "ring-window", as the summary prints it */
const char *event_file_type_name(unsigned int type);

#endif /* BT_EVENT_EVENT_H */
