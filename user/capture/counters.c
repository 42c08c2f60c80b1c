/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>

#include "capture/internal.h"

#define BATCH 4096

static int sum_counters(const struct bpf_map *map, struct bt_counter *ret, __u32 from, __u32 n)
{
	int cpus = libbpf_num_possible_cpus(), err = 0;
	struct bt_counter *per_cpu;

	if (cpus < 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	for (__u32 i = from; i < from + n && !err; i++, ret++) {
		*ret = (struct bt_counter){ 0 };
		if (bpf_map_lookup_elem(bpf_map__fd(map), &i, per_cpu)) {
			err = -errno;
			break;
		}
		for (int cpu = 0; cpu < cpus; cpu++) {
			ret->events += per_cpu[cpu].events;
			ret->bytes += per_cpu[cpu].bytes;
		}
	}
	free(per_cpu);
	return err;
}

int capture_moved(struct capture *c, uint64_t *ret)
{
	struct bt_counter calls;
	int err = sum_counters(c->skel->maps.seen, &calls, BT_SEEN_CALLS, 1);

	*ret = err ? 0 : calls.bytes;
	return err;
}

/*
 * How often the kernel left out one of the programs, because its CPU was in the middle of other BPF work (a map
 * operation that was preempted, say). Whose call that was is not known, so this may count calls of others.
 */
int add_misses(int prog_fd, __u64 *misses)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len))
		return -errno;
	*misses += info.recursion_misses;
	return 0;
}

static int sum_misses(const struct capture *c, __u64 *ret)
{
	struct bpf_program *prog;
	int err = 0;

	*ret = 0;
	bpf_object__for_each_program(prog, c->skel->obj)
	{
		if (!err && bpf_program__autoload(prog))
			err = add_misses(bpf_program__fd(prog), ret);
	}
	return err ? err : fexit_misses(c->fexit, ret);
}

int capture_counters(struct capture *c, struct bt_counter loss[BT_LOSS_MAX],
		     struct bt_counter seen[BT_SEEN_MAX])
{
	__u64 misses;
	int err = sum_counters(c->skel->maps.loss, loss, 0, BT_LOSS_MAX);

	if (!err)
		err = sum_counters(c->skel->maps.seen, seen, 0, BT_SEEN_MAX);
	if (!err)
		err = sum_misses(c, &misses);
	if (!err)
		loss[BT_LOSS_HELPER].events += misses;
	copies_count(c, &loss[BT_LOSS_MOVED]);
	loss[BT_LOSS_MMAP].events += rescan_lost(c->rescan).events;
	loss[BT_LOSS_MMAP].bytes += rescan_lost(c->rescan).bytes;
	return err;
}

int map_each(const struct bpf_map *map, void (*fn)(void *arg, const void *key, const void *val),
	     void *arg)
{
	size_t key_len = bpf_map__key_size(map), val_len = bpf_map__value_size(map);
	char *keys = calloc(BATCH, key_len), *vals = calloc(BATCH, val_len);
	__u64 in = 0, out = 0; /* where the walk stands; opaque, and at least a u32 */
	bool first = true;
	int err = 0;

	if (!keys || !vals)
		err = -ENOMEM;
	while (!err) {
		__u32 n = BATCH;

		if (bpf_map_lookup_batch(bpf_map__fd(map), first ? NULL : &in, &out, keys, vals, &n,
					 NULL))
			err = -errno;
		if (err && err != -ENOENT)
			break;
		for (__u32 i = 0; i < n; i++)
			fn(arg, keys + i * key_len, vals + i * val_len);
		in = out;
		first = false;
	}
	free(keys);
	free(vals);
	return err == -ENOENT ? 0 : err; /* ENOENT: the end */
}

static void count_one(void *arg, const void *key, const void *val)
{
	++*(size_t *)arg;
}

int capture_watched(struct capture *c, size_t *ret)
{
	*ret = 0;
	return map_each(c->skel->maps.procs, count_one, ret);
}

struct streams_arg {
	void (*fn)(void *arg, const struct bt_stream_key *key, const struct bt_stream_val *val);
	void *arg;
};

/* The map's value begins with the public part. */
static void give_stream(void *arg, const void *key, const void *val)
{
	const struct streams_arg *a = arg;

	a->fn(a->arg, key, val);
}

int capture_streams(struct capture *c,
		    void (*fn)(void *arg, const struct bt_stream_key *key,
			       const struct bt_stream_val *val),
		    void *arg)
{
	struct streams_arg a = { .fn = fn, .arg = arg };

	return map_each(c->skel->maps.streams, give_stream, &a);
}
