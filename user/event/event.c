/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>

#include "event/event.h"

/* Copies the fixed part of a record: a recording gives no alignment. False when `rec` is too short. */
#define TAKE(rec, ret) take((rec), (ret), sizeof(*(ret)))

static bool take(struct span rec, void *ret, size_t len)
{
	if (rec.len < len)
		return false;
	memcpy(ret, rec.p, len);
	return true;
}

/* The tail behind a fixed part of `fixed` bytes must be exactly `len` long. */
static bool tail(struct span rec, size_t fixed, size_t len, struct span *ret)
{
	if (rec.len - fixed != len)
		return false;
	*ret = span_sub(rec, fixed, len);
	return true;
}

static void copy_comm(char *ret, const char *comm)
{
	size_t i;

	for (i = 0; i < BT_COMM_LEN && comm[i]; i++) {
		unsigned char c = (unsigned char)comm[i];

		ret[i] = c < 0x20 || c == 0x7f ? '?' : (char)c;
	}
	ret[i] = '\0';
}

static bool file_id_ok(const struct bt_file_id *id)
{
	return id->type < BT_FILE_TYPE_MAX;
}

static int decode_data(struct span rec, struct event *ev)
{
	struct bt_rec_data r;
	struct span all;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), (size_t)r.data_len + r.name_len, &all))
		return -EBADMSG;
	if (r.data_len > BT_CHUNK_LEN || r.dir > BT_DIR_IN || r.call >= BT_CALL_MAX || r.last > 1 ||
	    r.flags > BT_DATA_MATCHED || !file_id_ok(&r.file))
		return -EBADMSG;
	/* The payload and the loss before it lie within the call, and the position does not wrap. */
	if (r.call_off > r.call_len || r.data_len > r.call_len - r.call_off ||
	    r.lost_len > r.call_off || r.pos > UINT64_MAX - r.data_len || r.pos < r.lost_len)
		return -EBADMSG;
	ev->data.file = r.file;
	ev->data.dir = (enum bt_dir)r.dir;
	ev->data.call = (enum bt_call)r.call;
	ev->data.pos = r.pos;
	ev->data.off = r.off;
	ev->data.call_len = r.call_len;
	ev->data.call_off = r.call_off;
	ev->data.lost_len = r.lost_len;
	ev->data.fd = r.fd;
	ev->data.last = r.last;
	ev->data.matched = r.flags & BT_DATA_MATCHED;
	ev->data.bytes = span_sub(all, 0, r.data_len);
	ev->data.name = span_sub(all, r.data_len, r.name_len);
	return 0;
}

static int decode_file(struct span rec, struct event *ev)
{
	struct bt_rec_file r;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), r.path_len, &ev->file.path))
		return -EBADMSG;
	if (r.path_len > BT_PATH_LEN || !file_id_ok(&r.file))
		return -EBADMSG;
	ev->file.file = r.file;
	ev->file.size = r.size;
	ev->file.sock_ino = r.sock_ino;
	ev->file.sock_dev = r.sock_dev;
	ev->file.fd = r.fd;
	ev->file.open_flags = r.open_flags;
	ev->file.inode_uid = r.inode_uid;
	ev->file.nlink = r.nlink;
	ev->file.flags = r.flags;
	ev->file.sk_family = r.sk_family;
	ev->file.sk_type = r.sk_type;
	ev->file.sk_protocol = r.sk_protocol;
	ev->file.local_port = r.local_port;
	ev->file.peer_port = r.peer_port;
	ev->file.sk_state = r.sk_state;
	memcpy(ev->file.local_addr, r.local_addr, sizeof(r.local_addr));
	memcpy(ev->file.peer_addr, r.peer_addr, sizeof(r.peer_addr));
	return 0;
}

static int decode_exec(struct span rec, struct event *ev)
{
	struct bt_rec_exec r;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), r.path_len, &ev->exec.path) ||
	    r.path_len > BT_PATH_LEN)
		return -EBADMSG;
	ev->exec.exe_ino = r.exe_ino;
	ev->exec.cgroup_id = r.cgroup_id;
	ev->exec.args_len = r.args_len;
	ev->exec.env_len = r.env_len;
	ev->exec.exe_dev = r.exe_dev;
	ev->exec.ppid = r.ppid;
	ev->exec.ns_pid = r.ns_pid;
	ev->exec.pid_ns = r.pid_ns;
	ev->exec.mnt_ns = r.mnt_ns;
	return 0;
}

static int decode_args(struct span rec, struct event *ev)
{
	struct bt_rec_args r;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), r.data_len, &ev->args.bytes))
		return -EBADMSG;
	if (r.data_len > BT_CHUNK_LEN || r.which > BT_ARGS_ENV || r.last > 1 ||
	    r.lost_len > r.off || r.off > r.total_len || r.data_len > r.total_len - r.off)
		return -EBADMSG;
	ev->args.total_len = r.total_len;
	ev->args.off = r.off;
	ev->args.lost_len = r.lost_len;
	ev->args.env = r.which == BT_ARGS_ENV;
	ev->args.last = r.last;
	return 0;
}

static int decode_fork(struct span rec, struct event *ev)
{
	struct bt_rec_fork r;

	if (!TAKE(rec, &r) || rec.len != sizeof(r))
		return -EBADMSG;
	ev->fork.child_start_ns = r.child_start_ns;
	ev->fork.child_tgid = r.child_tgid;
	return 0;
}

static int decode_exit(struct span rec, struct event *ev)
{
	struct bt_rec_exit r;

	if (!TAKE(rec, &r) || rec.len != sizeof(r))
		return -EBADMSG;
	ev->exit.status = r.status;
	return 0;
}

static int decode_map(struct span rec, struct event *ev)
{
	struct bt_rec_map r;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), r.path_len, &ev->map.path) ||
	    r.path_len > BT_PATH_LEN)
		return -EBADMSG;
	ev->map.ino = r.ino;
	ev->map.dev = r.dev;
	return 0;
}

static int decode_copy(struct span rec, struct event *ev)
{
	struct bt_rec_copy r;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), r.path_len, &ev->copy.path) ||
	    r.path_len > BT_PATH_LEN || r.call >= BT_CALL_MAX || !file_id_ok(&r.file) ||
	    !file_id_ok(&r.from) || r.pos > UINT64_MAX - r.len || r.from_off > INT64_MAX ||
	    r.len > INT64_MAX - r.from_off || r.flags > BT_COPY_SURE)
		return -EBADMSG;
	ev->copy.file = r.file;
	ev->copy.from = r.from;
	ev->copy.pos = r.pos;
	ev->copy.from_off = r.from_off;
	ev->copy.to_off = r.to_off;
	ev->copy.len = r.len;
	ev->copy.sure = r.flags & BT_COPY_SURE;
	ev->copy.fd = r.fd;
	ev->copy.from_fd = r.from_fd;
	ev->copy.call = (enum bt_call)r.call;
	return 0;
}

static int decode_shared(struct span rec, struct event *ev)
{
	struct bt_rec_shared r;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), r.path_len, &ev->shared.path) ||
	    r.path_len > BT_PATH_LEN || r.what > BT_SHARED_UNMAP || !file_id_ok(&r.file) ||
	    r.addr > UINT64_MAX - r.len || r.off > INT64_MAX || r.len > INT64_MAX - r.off)
		return -EBADMSG;
	ev->shared.file = r.file;
	ev->shared.addr = r.addr;
	ev->shared.len = r.len;
	ev->shared.off = r.off;
	ev->shared.fd = r.fd;
	ev->shared.what = r.what;
	return 0;
}

static int decode_name(struct span rec, struct event *ev)
{
	struct bt_rec_name r;
	struct span all;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), (size_t)r.path_len + r.old_len, &all) ||
	    r.path_len > BT_PATH_LEN || r.old_len > BT_PATH_LEN || r.what > BT_NAME_MODE ||
	    !file_id_ok(&r.file))
		return -EBADMSG;
	ev->name.file = r.file;
	ev->name.what = r.what;
	ev->name.mode = r.mode & 07777;
	ev->name.path = span_sub(all, 0, r.path_len);
	ev->name.old = span_sub(all, r.path_len, r.old_len);
	return 0;
}

static int decode_cgroup(struct span rec, struct event *ev)
{
	struct bt_rec_cgroup r;

	if (!TAKE(rec, &r) || !tail(rec, sizeof(r), r.text_len, &ev->cgroup.text) ||
	    r.text_len > BT_CGROUP_LEN)
		return -EBADMSG;
	return 0;
}

int event_decode(struct span rec, struct event *ret)
{
	static int (*const decode[BT_REC_KIND_MAX])(struct span, struct event *) = {
		[BT_REC_DATA] = decode_data,     [BT_REC_FILE] = decode_file,
		[BT_REC_EXEC] = decode_exec,     [BT_REC_ARGS] = decode_args,
		[BT_REC_FORK] = decode_fork,     [BT_REC_EXIT] = decode_exit,
		[BT_REC_MAP] = decode_map,       [BT_REC_COPY] = decode_copy,
		[BT_REC_SHARED] = decode_shared, [BT_REC_NAME] = decode_name,
		[BT_REC_CGROUP] = decode_cgroup,
	};
	struct event ev = { 0 };
	struct bt_hdr hdr;
	int err;

	if (!TAKE(rec, &hdr) || hdr.len != rec.len || hdr.kind >= BT_REC_KIND_MAX ||
	    !decode[hdr.kind])
		return -EBADMSG;
	ev.kind = (enum bt_rec_kind)hdr.kind;
	ev.time_ns = hdr.time_ns;
	ev.start_ns = hdr.start_ns;
	ev.tgid = hdr.tgid;
	ev.tid = hdr.tid;
	ev.root = hdr.root;
	ev.uid = hdr.uid;
	ev.cpu = hdr.cpu;
	copy_comm(ev.comm, hdr.comm);
	err = decode[hdr.kind](rec, &ev);
	if (!err)
		*ret = ev;
	return err;
}

const char *event_call_name(enum bt_call call)
{
	static const char *const names[BT_CALL_MAX] = {
		[BT_CALL_NONE] = "none",
		[BT_CALL_WRITE] = "write",
		[BT_CALL_PWRITE64] = "pwrite64",
		[BT_CALL_WRITEV] = "writev",
		[BT_CALL_PWRITEV] = "pwritev",
		[BT_CALL_PWRITEV2] = "pwritev2",
		[BT_CALL_SENDTO] = "sendto",
		[BT_CALL_SENDMSG] = "sendmsg",
		[BT_CALL_SENDMMSG] = "sendmmsg",
		[BT_CALL_READ] = "read",
		[BT_CALL_PREAD64] = "pread64",
		[BT_CALL_READV] = "readv",
		[BT_CALL_PREADV] = "preadv",
		[BT_CALL_PREADV2] = "preadv2",
		[BT_CALL_RECVFROM] = "recvfrom",
		[BT_CALL_RECVMSG] = "recvmsg",
		[BT_CALL_RECVMMSG] = "recvmmsg",
		[BT_CALL_TLS_WRITE] = "tls_write",
		[BT_CALL_TLS_READ] = "tls_read",
		[BT_CALL_SENDFILE] = "sendfile",
		[BT_CALL_SPLICE] = "splice",
		[BT_CALL_COPY_FILE_RANGE] = "copy_file_range",
		[BT_CALL_VMSPLICE] = "vmsplice",
		[BT_CALL_VM_WRITEV] = "process_vm_writev",
		[BT_CALL_TEE] = "tee",
		[BT_CALL_SPLICE_PIPE] = "splice-pipe",
		[BT_CALL_SPLICE_FILE] = "splice-file",
		[BT_CALL_MMAP] = "mmap",
	};

	return (unsigned int)call < BT_CALL_MAX ? names[call] : "unknown";
}

const char *event_call_seen(enum bt_call call)
{
	static const char source[] = "afterwards, in the source file";
	static const char pipe[] = "from what was put into the pipe";
	static const char *const words[BT_CALL_MAX] = {
		[BT_CALL_SENDFILE] = source,
		[BT_CALL_SPLICE] = source,
		[BT_CALL_COPY_FILE_RANGE] = source,
		[BT_CALL_SPLICE_PIPE] = pipe,
		[BT_CALL_TEE] = pipe,
		[BT_CALL_SPLICE_FILE] = "afterwards, in the file that it went to",
		[BT_CALL_MMAP] = "afterwards, in the file that was mapped",
	};

	return (unsigned int)call < BT_CALL_MAX ? words[call] : NULL;
}

const char *event_loss_name(enum bt_loss loss)
{
	static const char *const names[BT_LOSS_MAX] = {
		[BT_LOSS_RING_PRIO] = "ring-prio",
		[BT_LOSS_RING_WINDOW] = "ring-window",
		[BT_LOSS_FAULT] = "fault",
		[BT_LOSS_FD_GONE] = "fd-gone",
		[BT_LOSS_MAP_STREAM] = "map-stream",
		[BT_LOSS_MAP_PROC] = "map-proc",
		[BT_LOSS_STORAGE] = "storage",
		[BT_LOSS_IOV] = "iov",
		[BT_LOSS_ARGS] = "args",
		[BT_LOSS_PATH] = "path",
		[BT_LOSS_TLS_CALL] = "tls-call",
		[BT_LOSS_MOVED] = "moved-unread",
		[BT_LOSS_HELPER] = "helper",
		[BT_LOSS_SENDFILE] = "sendfile",
		[BT_LOSS_SPLICE] = "splice",
		[BT_LOSS_COPY_RANGE] = "copy_file_range",
		[BT_LOSS_IO_URING] = "io_uring",
		[BT_LOSS_MMAP] = "shared-mmap",
		[BT_LOSS_COMPAT] = "32-bit-program",
	};

	return (unsigned int)loss < BT_LOSS_MAX ? names[loss] : "unknown";
}

const char *event_file_type_name(unsigned int type)
{
	static const char *const names[BT_FILE_TYPE_MAX] = {
		[BT_FILE_UNKNOWN] = "unknown", [BT_FILE_REG] = "file",    [BT_FILE_PIPE] = "pipe",
		[BT_FILE_UNIX] = "unix",       [BT_FILE_TCP] = "tcp",     [BT_FILE_UDP] = "udp",
		[BT_FILE_SOCK] = "socket",     [BT_FILE_TTY] = "tty",     [BT_FILE_CHR] = "chardev",
		[BT_FILE_DIR] = "directory",   [BT_FILE_OTHER] = "other", [BT_FILE_TLS] = "tls",
		[BT_FILE_MEM] = "memory",
	};

	return type < BT_FILE_TYPE_MAX ? names[type] : "unknown";
}
