/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Holds vmlinux/vmlinux.h against the running kernel: every struct in it is one that a program uses and the kernel
 * has, and every member is there under that name and in that size. Lists all that is not.
 */
#include "rig.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include "beartrap.skel.h"

#ifdef __x86_64__
#define REGS_H "vmlinux/regs_x86.h"
#else
#define REGS_H "vmlinux/regs_arm64.h"
#endif

struct check {
	struct btf *local, *kernel;
	size_t structs, members, wrong;
};

/* Finds a member of a kernel type by name, also in anonymous structs and unions within it. */
static const struct btf_type *find_member(const struct btf *btf, const struct btf_type *t,
					  const char *name, __u32 *type_id)
{
	const struct btf_member *m = btf_members(t);

	for (int i = 0; i < btf_vlen(t); i++, m++) {
		const char *n = btf__name_by_offset(btf, m->name_off);
		const struct btf_type *inner;
		__s32 id;

		if (*n && !strcmp(n, name)) {
			*type_id = m->type;
			return t;
		}
		if (*n)
			continue;
		id = btf__resolve_type(btf, m->type);
		if (id < 0)
			continue;
		inner = btf__type_by_id(btf, (__u32)id);
		if (btf_is_composite(inner) && find_member(btf, inner, name, type_id))
			return inner;
	}
	return NULL;
}

static bool is_scalar(const struct btf *btf, __u32 id)
{
	__s32 to = btf__resolve_type(btf, id);
	const struct btf_type *t = to < 0 ? NULL : btf__type_by_id(btf, (__u32)to);

	return t && (btf_is_int(t) || btf_is_ptr(t) || btf_is_any_enum(t));
}

static void wrong(struct check *c, const char *type, const char *member, const char *what)
{
	fprintf(stderr, "struct %s%s%s: %s\n", type, *member ? "." : "", member, what);
	c->wrong++;
}

/* Read in the width that it has here: the lower half where the kernel has more. */
static bool may_be_wider(const char *type, const char *member)
{
	return !strcmp(type, "io_kiocb") && !strcmp(member, "flags");
}

static void check_members(struct check *c, const char *name, const struct btf_type *local,
			  const struct btf_type *kernel)
{
	const struct btf_member *m = btf_members(local);

	for (int i = 0; i < btf_vlen(local); i++, m++) {
		const char *member = btf__name_by_offset(c->local, m->name_off);
		__u32 id;

		if (!*member) {
			__s32 inner = btf__resolve_type(c->local, m->type);

			assert_true(inner > 0);
			check_members(c, name, btf__type_by_id(c->local, (__u32)inner), kernel);
			continue;
		}
		c->members++;
		if (!find_member(c->kernel, kernel, member, &id))
			wrong(c, name, member, "not in this kernel");
		else if (is_scalar(c->local, m->type) != is_scalar(c->kernel, id))
			wrong(c, name, member, "a scalar on one side only");
		else if (is_scalar(c->local, m->type) && !may_be_wider(name, member) &&
			 btf__resolve_size(c->local, m->type) != btf__resolve_size(c->kernel, id))
			wrong(c, name, member, "of another size in this kernel");
	}
}

static void check_struct(struct check *c, const char *name)
{
	__s32 local = btf__find_by_name_kind(c->local, name, BTF_KIND_STRUCT);
	__s32 kernel = btf__find_by_name_kind(c->kernel, name, BTF_KIND_STRUCT);

	c->structs++;
	if (local < 0)
		wrong(c, name, "", "no program uses it");
	if (kernel < 0)
		wrong(c, name, "", "not in this kernel");
	if (local >= 0 && kernel >= 0)
		check_members(c, name, btf__type_by_id(c->local, (__u32)local),
			      btf__type_by_id(c->kernel, (__u32)kernel));
}

static void check_header(struct check *c, const char *path)
{
	FILE *f = fopen(path, "r");
	char line[256], name[64];

	if (!f)
		fail_msg("%s: %s; to be run from the top of the source tree", path,
			 strerror(errno));
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "struct %63[a-z0-9_] {", name) == 1 && strchr(line, '{'))
			check_struct(c, name);
	fclose(f);
}

static void header_and_kernel(void **state)
{
	struct beartrap_bpf *skel = beartrap_bpf__open();
	struct check c = { 0 };

	assert_non_null(skel);
	c.local = bpf_object__btf(skel->obj);
	c.kernel = btf__load_vmlinux_btf();
	assert_non_null(c.local);
	assert_non_null(c.kernel);
	check_header(&c, "vmlinux/vmlinux.h");
	check_header(&c, REGS_H);
	assert_true(c.structs > 30);
	assert_true(c.members > 80);
	assert_int_equal(c.wrong, 0);
	btf__free(c.kernel);
	beartrap_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_and_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
