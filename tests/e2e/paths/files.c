/* SPDX-License-Identifier: BSD-2-Clause */
/* Into files without a call that carries the bytes, and by files that get their name or mode afterwards. */
#include "paths.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define LEN 8192

/* Of the variant's own: what is overwritten before somebody looks was never there. */
static int own_file(struct leak *l)
{
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s-%s.log", l->way, l->variant);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
	need(fd >= 0, name);
	return fd;
}

/* A file, mapped, long enough for all pieces. */
static char *mapped(int fd, int prot)
{
	char *map;

	need(!ftruncate(fd, LEN), "ftruncate");
	map = mmap(NULL, LEN, prot, MAP_SHARED, fd, 0);
	need(map != MAP_FAILED, "mmap");
	return map;
}

static void by_mapping(struct leak *l, int fd, const char *p, size_t len)
{
	char *map = mapped(fd, PROT_READ | PROT_WRITE);

	memcpy(map + l->offset, p, len);
	munmap(map, LEN);
}

/* From the end of one page to the next. */
static void by_mapping_across(struct leak *l, int fd, const char *p, size_t len)
{
	char *map = mapped(fd, PROT_READ | PROT_WRITE);

	memcpy(map + LEN / 2 - 20 + l->offset, p, len);
	munmap(map, LEN);
}

static void by_msync(struct leak *l, int fd, const char *p, size_t len)
{
	char *map = mapped(fd, PROT_READ | PROT_WRITE);

	memcpy(map + l->offset, p, len);
	need(!msync(map, LEN, MS_SYNC), "msync");
}

static void by_mprotect(struct leak *l, int fd, const char *p, size_t len)
{
	char *map = mapped(fd, PROT_READ);

	need(!mprotect(map, LEN, PROT_READ | PROT_WRITE), "mprotect");
	memcpy(map + l->offset, p, len);
	munmap(map, LEN);
}

static void by_mremap(struct leak *l, int fd, const char *p, size_t len)
{
	char *map;

	need(!ftruncate(fd, LEN), "ftruncate");
	map = mmap(NULL, LEN / 2, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	need(map != MAP_FAILED, "mmap");
	map = mremap(map, LEN / 2, LEN, MREMAP_MAYMOVE);
	need(map != MAP_FAILED, "mremap");
	memcpy(map + LEN / 2 + l->offset, p, len);
	munmap(map, LEN);
}

#define MAPPING_WAY(name, put)                                                                     \
	static void way_##name(struct leak *l)                                                     \
	{                                                                                          \
		put_each(l, own_file(l), put);                                                     \
	}

MAPPING_WAY(shared_mapping, by_mapping)
MAPPING_WAY(mapping_across_pages, by_mapping_across)
MAPPING_WAY(mapping_msync, by_msync)
MAPPING_WAY(mapping_mprotect, by_mprotect)
MAPPING_WAY(mapping_mremap, by_mremap)

/* All pieces into one mapping, which is there until the process ends; nobody has the file open. */
static void way_mapping_to_exit(struct leak *l)
{
	int fd = own_file(l);
	char *map = mapped(fd, PROT_READ | PROT_WRITE);

	close(fd);
	for (int i = 0; l->piece[i]; i++) {
		strcpy(map + l->offset, l->piece[i]);
		l->offset += strlen(l->piece[i]);
	}
}

/* In the child, when the parent has no mapping any more. */
static void way_mapping_of_parent(struct leak *l)
{
	char *map = mapped(own_file(l), PROT_READ | PROT_WRITE), ready;
	int gate[2], status;
	pid_t pid;

	need(!pipe(gate), "pipe");
	pid = fork();
	if (pid == 0) {
		close(gate[1]);
		need(read(gate[0], &ready, 1) == 0, "read");
		for (int i = 0; l->piece[i]; i++) {
			strcpy(map + l->offset, l->piece[i]);
			l->offset += strlen(l->piece[i]);
		}
		_exit(0);
	}
	munmap(map, LEN);
	close(gate[1]);
	waitpid(pid, &status, 0);
}

/* POSIX shared memory is a file that others may open. */
static void way_mapping_shm(struct leak *l)
{
	char name[64];
	int fd;

	snprintf(name, sizeof(name), "/bt-paths-%s", l->variant);
	fd = shm_open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	need(fd >= 0, "shm_open");
	put_each(l, fd, by_mapping);
}

const struct way file_ways[] = {
	WAY(shared_mapping),    WAY(mapping_across_pages), WAY(mapping_msync),
	WAY(mapping_mprotect),  WAY(mapping_mremap),       WAY(mapping_to_exit),
	WAY(mapping_of_parent), WAY(mapping_shm),          { 0 },
};
