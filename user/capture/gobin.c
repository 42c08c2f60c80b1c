/* SPDX-License-Identifier: BSD-2-Clause */
#include <capstone/capstone.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "capture/elfsym.h"
#include "capture/gobin.h"
#include "capture/gopclntab.h"

static const char *const names[GO_TLS_FUNCS] = {
	[GO_TLS_READ] = "crypto/tls.(*Conn).Read",
	[GO_TLS_WRITE] = "crypto/tls.(*Conn).Write",
};

/* Larger ones are no table, or no function, that a linker made. */
#define TABLE_MAX (512u << 20)
#define FUNC_MAX (64u << 10)

/* Arguments are in registers since these (Go 1 release notes: 1.17, 1.18). */
#define MINOR_X86_64 17
#define MINOR_AARCH64 18

struct gobin {
	int fd;
	Elf *elf;
	uint16_t machine;
	GElf_Shdr text, table, info; /* sh_size 0: not there */
	bool is_go;
};

/* --- sections and pointers -------------------------------------------------------------------- */

static bool look_at_sections(struct gobin *g)
{
	Elf_Scn *scn = NULL;
	GElf_Ehdr eh;
	size_t strings;

	if (!gelf_getehdr(g->elf, &eh) || eh.e_ident[EI_CLASS] != ELFCLASS64 ||
	    elf_getshdrstrndx(g->elf, &strings))
		return false;
	g->machine = eh.e_machine;
	while ((scn = elf_nextscn(g->elf, scn))) {
		GElf_Shdr sh;
		const char *name;

		if (!gelf_getshdr(scn, &sh))
			continue;
		name = elf_strptr(g->elf, strings, sh.sh_name);
		if (!name)
			continue;
		if (!strcmp(name, ".text"))
			g->text = sh;
		else if (!strcmp(name, ".gopclntab") || !strcmp(name, ".data.rel.ro.gopclntab"))
			g->table = sh;
		else if (!strcmp(name, ".go.buildinfo"))
			g->info = sh;
		else if (!strcmp(name, ".note.go.buildid"))
			g->is_go = true;
	}
	g->is_go |= g->table.sh_size || g->info.sh_size;
	return g->is_go;
}

/* Of initialised memory, as it is in the file. */
static bool read_memory(const struct gobin *g, uint64_t addr, void *p, size_t len)
{
	size_t n = 0;

	if (elf_getphdrnum(g->elf, &n))
		return false;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;

		if (gelf_getphdr(g->elf, (int)i, &ph) && ph.p_type == PT_LOAD &&
		    addr >= ph.p_vaddr && addr - ph.p_vaddr < ph.p_filesz)
			return elfsym_read(g->fd, p, len, addr - ph.p_vaddr + ph.p_offset);
	}
	return false;
}

/* What the dynamic linker puts at `addr`, of a program that may be loaded anywhere. 0: nothing. */
static uint64_t relocated(const struct gobin *g, uint64_t addr)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(g->elf, scn))) {
		Elf_Data *data;
		GElf_Shdr sh;
		GElf_Rela r;

		if (!gelf_getshdr(scn, &sh) || sh.sh_type != SHT_RELA)
			continue;
		data = elf_getdata(scn, NULL);
		for (int i = 0; data && gelf_getrela(data, i, &r); i++)
			if (r.r_offset == addr)
				return (uint64_t)r.r_addend;
	}
	return 0;
}

static uint64_t pointer_at(const struct gobin *g, uint64_t addr)
{
	uint64_t p = 0;

	if (!read_memory(g, addr, &p, sizeof(p)))
		return 0;
	return p ? p : relocated(g, addr);
}

/* --- the version ------------------------------------------------------------------------------ */

/* debug/buildinfo of Go: magic, length of a pointer, flags; then two strings behind pointers, or since 1.18 in place. */
#define INFO_MAGIC "\xff Go buildinf:"
#define INFO_FLAGS_AT 15
#define INFO_BIG_ENDIAN 1
#define INFO_INLINE 2
#define INFO_STRINGS_AT 32
#define INFO_POINTERS_AT 16

/* The N of "go1.N", or -1. */
static int minor_of(const char *version)
{
	const char *at = strstr(version, "go1.");

	return at && at[4] >= '0' && at[4] <= '9' ? atoi(at + 4) : -1;
}

static int built_with(const struct gobin *g)
{
	char head[INFO_STRINGS_AT], version[64] = "";
	uint64_t text, string;

	if (g->info.sh_size < sizeof(head) ||
	    !elfsym_read(g->fd, head, sizeof(head), g->info.sh_offset) ||
	    memcmp(head, INFO_MAGIC, sizeof(INFO_MAGIC) - 1) != 0)
		return -1;
	if (head[INFO_FLAGS_AT] & INFO_INLINE) {
		unsigned char in_place[1 + sizeof(version)] = { 0 };
		size_t len = g->info.sh_size - sizeof(head);

		if (len > sizeof(in_place))
			len = sizeof(in_place);
		if (!elfsym_read(g->fd, in_place, len, g->info.sh_offset + sizeof(head)))
			return -1;
		/* The first byte is the length: a varint, but no version is that long. */
		len = in_place[0] < sizeof(version) ? in_place[0] : sizeof(version) - 1;
		memcpy(version, in_place + 1, len);
		return minor_of(version);
	}
	if (head[INFO_FLAGS_AT] & INFO_BIG_ENDIAN)
		return -1;
	string = pointer_at(g, g->info.sh_addr + INFO_POINTERS_AT);
	text = string ? pointer_at(g, string) : 0;
	if (!text || !read_memory(g, text, version, sizeof(version) - 1))
		return -1;
	return minor_of(version);
}

/* The N of Go 1.N, or a lower one, or -1. */
static int go_minor(const struct gobin *g)
{
	int minor = built_with(g);
	char head[4];

	if (minor >= 0 || g->table.sh_size < sizeof(head) ||
	    !elfsym_read(g->fd, head, sizeof(head), g->table.sh_offset))
		return minor;
	return gopclntab_minor(span_of(head, sizeof(head)));
}

/* --- functions -------------------------------------------------------------------------------- */

/* The code that asks whether the stack is large enough; nearly every Go function begins with it. */
static bool begins_go_function(const struct gobin *g, uint64_t addr)
{
	static const unsigned char small[] = { 0x49, 0x3b, 0x66, 0x10 }, /* cmp 0x10(%r14),%rsp */
		large[] = { 0x4c, 0x8d, 0xa4, 0x24 },                    /* lea n(%rsp),%r12 */
		larger[] = { 0x4c, 0x8d, 0x64, 0x24 }, arm[] = { 0x90, 0x0b, 0x40, 0xf9 };
	uint64_t at = elfsym_offset(g->elf, addr);
	unsigned char code[4];

	if (!at || !elfsym_read(g->fd, code, sizeof(code), at))
		return false;
	if (g->machine == EM_AARCH64)
		return !memcmp(code, arm, 4); /* ldr x16, [x28, #16] */
	return !memcmp(code, small, 4) || !memcmp(code, large, 4) || !memcmp(code, larger, 4);
}

#define SAMPLES 64

/*
 * Are the addresses of the table true? Most functions begin in the one way, and nothing else does: with a base that
 * is wrong, hardly any would. A probe at a wrong place would crash the program.
 */
static bool is_true(const struct gobin *g, const struct gopclntab *t)
{
	uint64_t step = t->n_funcs / SAMPLES + 1, n = 0, good = 0;
	struct gofunc f;

	for (uint64_t i = 0; i < t->n_funcs; i += step) {
		if (!gopclntab_func(t, i, &f))
			continue;
		n++;
		good += begins_go_function(g, f.addr);
	}
	return good && good >= n / 4;
}

static int search_table(const struct gobin *g, struct span table, struct elfsym *ret)
{
	struct gopclntab t;
	struct gofunc f;
	int err = gopclntab_open(table, &t), found = 0;

	if (err)
		return err;
	if (t.text_at && !t.text_start)
		t.text_start = relocated(g, g->table.sh_addr + t.text_at);
	/* Since Go 1.26 it is not there any more. */
	if (t.text_at && !t.text_start)
		t.text_start = g->text.sh_addr;
	if (!is_true(g, &t))
		return -EBADMSG;
	for (uint64_t i = 0; i < t.n_funcs && found < GO_TLS_FUNCS; i++) {
		if (!gopclntab_func(&t, i, &f))
			continue;
		for (int k = 0; k < GO_TLS_FUNCS; k++) {
			if (ret[k].addr || !span_eq_str(f.name, names[k]))
				continue;
			ret[k] = (struct elfsym){ f.addr, f.end - f.addr };
			found++;
		}
	}
	return found;
}

static int find_in_table(const struct gobin *g, struct elfsym *ret)
{
	size_t len = g->table.sh_size;
	char *p;
	int err;

	if (!len || len > TABLE_MAX || g->table.sh_type == SHT_NOBITS)
		return -EBADMSG;
	p = malloc(len);
	if (!p)
		return -ENOMEM;
	memset(ret, 0, GO_TLS_FUNCS * sizeof(*ret));
	err = elfsym_read(g->fd, p, len, g->table.sh_offset) ? search_table(g, span_of(p, len), ret)
							     : -EIO;
	free(p);
	return err;
}

/* --- code ------------------------------------------------------------------------------------- */

static int note_returns(csh cs, const struct gobin *g, const uint8_t *code, size_t len,
			uint64_t offset, struct go_func *ret)
{
	const unsigned int is_return = g->machine == EM_AARCH64 ? ARM64_INS_RET : X86_INS_RET;
	const uint8_t *from = code;
	cs_insn *insn = cs_malloc(cs);
	uint64_t at = 0;
	int err = 0;

	if (!insn)
		return -ENOMEM;
	while (len && !err) {
		if (!cs_disasm_iter(cs, &code, &len, &at, insn)) {
			err = -EBADMSG;
		} else if (insn->id != is_return) {
			continue;
		} else if (ret->n_returns == GO_MAX_RETURNS) {
			err = -E2BIG;
		} else {
			ret->returns[ret->n_returns++] =
				offset + (uint64_t)(code - from) - insn->size;
		}
	}
	cs_free(insn, 1);
	return err ? err : ret->n_returns ? 0 : -EBADMSG;
}

static int find_returns(const struct gobin *g, const struct elfsym *f, struct go_func *ret)
{
	uint8_t *code;
	int err;
	csh cs;

	ret->entry = elfsym_offset(g->elf, f->addr);
	if (!ret->entry || !f->size || f->size > FUNC_MAX || !begins_go_function(g, f->addr))
		return -EBADMSG;
	err = g->machine == EM_AARCH64 ? cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &cs)
				       : cs_open(CS_ARCH_X86, CS_MODE_64, &cs);
	if (err != CS_ERR_OK)
		return -ENOMEM;
	code = malloc(f->size);
	err = -ENOMEM;
	if (code)
		err = elfsym_read(g->fd, code, f->size, ret->entry)
			      ? note_returns(cs, g, code, f->size, ret->entry, ret)
			      : -EIO;
	free(code);
	cs_close(&cs);
	return err;
}

static int refuse(const char **why, int err, const char *reason)
{
	*why = reason;
	return err;
}

static int find(const struct gobin *g, struct go_func ret[GO_TLS_FUNCS], const char **why)
{
	int oldest = g->machine == EM_AARCH64 ? MINOR_AARCH64 : MINOR_X86_64, minor = go_minor(g);
	struct elfsym syms[GO_TLS_FUNCS];
	int found, err = 0;

	if (g->machine != EM_X86_64 && g->machine != EM_AARCH64)
		return refuse(why, -ENOTSUP, "it is for another machine");
	if (minor < oldest)
		return refuse(why, -ENOTSUP,
			      minor < 0 ? "its version of Go is not known"
					: "its version of Go is too old");
	found = elfsym_search(g->elf, SHT_SYMTAB, names, GO_TLS_FUNCS, syms);
	if (found != GO_TLS_FUNCS || !syms[0].size || !syms[1].size)
		found = find_in_table(g, syms);
	if (found < 0)
		return refuse(why, found, "its table of functions is not understood");
	if (found != GO_TLS_FUNCS)
		return refuse(why, -ENOENT, "it has no functions of crypto/tls");
	for (int i = 0; i < GO_TLS_FUNCS && !err; i++)
		err = find_returns(g, &syms[i], &ret[i]);
	return err ? refuse(why, err, "the code of its crypto/tls is not understood") : 1;
}

int gobin_find(int fd, struct go_func ret[GO_TLS_FUNCS], const char **why)
{
	struct gobin g = { .fd = fd };
	int err;

	memset(ret, 0, GO_TLS_FUNCS * sizeof(*ret));
	g.elf = elfsym_open(fd, &err);
	if (!g.elf)
		return 0;
	err = look_at_sections(&g) ? find(&g, ret, why) : 0;
	elf_end(g.elf);
	return err;
}

int gobin_minor(int fd)
{
	struct gobin g = { .fd = fd };
	int ret = -1, err;

	g.elf = elfsym_open(fd, &err);
	if (!g.elf)
		return ret;
	if (look_at_sections(&g))
		ret = go_minor(&g);
	elf_end(g.elf);
	return ret;
}
