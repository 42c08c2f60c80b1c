/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/perf_event.h>

#include "capture/internal.h"
#include "capture/probe.h"
#include "capture/uprobe_multi.h"

bool capture_has_cap(unsigned int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };

	if (cap >= 64 || syscall(SYS_capget, &head, data))
		return false;
	return data[cap / 32].effective >> (cap % 32) & 1;
}

bool capture_privileged(void)
{
	return capture_has_cap(CAP_SYS_ADMIN) ||
	       (capture_has_cap(CAP_BPF) && capture_has_cap(CAP_PERFMON));
}

static int try_btf(void)
{
	return access(BTF_PATH, R_OK) ? -errno : 0;
}

static int try_map(enum bpf_map_type type)
{
	int r = libbpf_probe_bpf_map_type(type, NULL);

	return r > 0 ? 0 : r ? r : -EOPNOTSUPP;
}

static int try_ring(void)
{
	return try_map(BPF_MAP_TYPE_RINGBUF);
}

static int try_task_storage(void)
{
	return try_map(BPF_MAP_TYPE_TASK_STORAGE);
}

/* A program that does nothing, loaded for `where` and attached for a moment. */
static int try_tracing(const char *where, enum bpf_attach_type type)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_prog_load_opts opts = { .sz = sizeof(opts), .expected_attach_type = type };
	int id = libbpf_find_vmlinux_btf_id(where, type), prog, link, err = 0;

	if (id < 0)
		return id;
	opts.attach_btf_id = (__u32)id;
	prog = bpf_prog_load(BPF_PROG_TYPE_TRACING, NULL, "GPL", insns, 2, &opts);
	if (prog < 0)
		return -errno;
	link = type == BPF_TRACE_ITER ? bpf_link_create(prog, 0, type, NULL)
				      : bpf_raw_tracepoint_open(NULL, prog);
	if (link < 0)
		err = -errno;
	else
		close(link);
	close(prog);
	return err;
}

static int try_tp_btf(void)
{
	return try_tracing("sched_process_exec", BPF_TRACE_RAW_TP);
}

static int try_iterators(void)
{
	return try_tracing("task", BPF_TRACE_ITER);
}

/* The kernel has this function for such tries. */
static int try_fexit(void)
{
	return try_tracing("bpf_fentry_test1", BPF_TRACE_FEXIT);
}

static int try_tracepoints(void)
{
	int events = tracefs_open(), err = 0;

	if (events < 0)
		return events;
	if (faccessat(events, "syscalls/sys_exit_write/id", R_OK, 0))
		err = -errno;
	close(events);
	return err;
}

/* File offset of try_uprobes() in our own program, 0 when it is not found. */
static int find_offset(struct dl_phdr_info *info, size_t size, void *arg);

static int try_uprobes(void)
{
	struct perf_event_attr attr = { .size = sizeof(attr), .disabled = 1 };
	uint64_t offset = 0;
	unsigned int type;
	FILE *f;
	int fd;

	f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	if (!f)
		return -errno;
	fd = fscanf(f, "%u", &type);
	fclose(f);
	dl_iterate_phdr(find_offset, &offset);
	if (fd != 1 || !offset)
		return -EIO;
	attr.type = type;
	attr.config1 = (uintptr_t) "/proc/self/exe";
	attr.config2 = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int find_offset(struct dl_phdr_info *info, size_t size, void *arg)
{
	uint64_t addr = (uintptr_t)try_uprobes - info->dlpi_addr;

	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_LOAD && addr >= ph->p_vaddr &&
		    addr - ph->p_vaddr < ph->p_filesz)
			*(uint64_t *)arg = addr - ph->p_vaddr + ph->p_offset;
	}
	/* The first object is the program. */
	return 1;
}

static int try_uprobe_multi(void)
{
	return uprobe_multi_supported() ? 0 : -EOPNOTSUPP;
}

const struct capture_feature capture_features[] = {
	{ .id = "btf",
	  .what = "type information of the kernel (BTF)",
	  .mend = "use a kernel with CONFIG_DEBUG_INFO_BTF, as distributions' are since 5.8",
	  .try = try_btf },
	{ .id = "ring-buffer",
	  .what = "ring buffer maps",
	  .mend = "use Linux 6.1 or newer",
	  .privileged = true,
	  .try = try_ring },
	{ .id = "task-storage",
	  .what = "task-local storage",
	  .mend = "use Linux 6.1 or newer",
	  .privileged = true,
	  .try = try_task_storage },
	{ .id = "tracepoints",
	  .what = "system call tracepoints",
	  .mend = "mount -t tracefs tracefs /sys/kernel/tracing; the kernel needs "
		  "CONFIG_FTRACE_SYSCALLS",
	  .privileged = true,
	  .try = try_tracepoints },
	{ .id = "tp-btf",
	  .what = "typed raw tracepoints",
	  .mend = "use Linux 6.1 or newer, not locked down",
	  .privileged = true,
	  .try = try_tp_btf },
	{ .id = "iterators",
	  .what = "iterators over tasks",
	  .mend = "use Linux 6.1 or newer",
	  .privileged = true,
	  .try = try_iterators },
	{ .id = "uprobes",
	  .what = "uprobes, for the plain text of TLS",
	  .need = CAPTURE_FOR_TLS,
	  .mend = "the kernel needs CONFIG_UPROBE_EVENTS; some patched kernels want CAP_SYS_ADMIN "
		  "for it",
	  .privileged = true,
	  .try = try_uprobes },
	{ .id = "uprobe-multi",
	  .what = "many uprobes in one link",
	  .mend = "they are set one by one",
	  .need = CAPTURE_OPTIONAL,
	  .privileged = true,
	  .try = try_uprobe_multi },
	{ .id = "fexit",
	  .what = "fexit programs",
	  .mend = "tracepoints see the same",
	  .need = CAPTURE_OPTIONAL,
	  .privileged = true,
	  .try = try_fexit },
	{ 0 },
};

int capture_feature_try(const struct capture_feature *f)
{
	libbpf_print_fn_t before;
	int err;

	if (f->privileged && !capture_privileged())
		return -EPERM;
	before = libbpf_set_print(NULL);
	err = f->try();
	libbpf_set_print(before);
	return err;
}
