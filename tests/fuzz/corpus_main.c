/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs a fuzz target over every file of the directories given, without libFuzzer: what fuzzing once found stays
 * found. Prints TAP; a crash ends the program before its plan is fulfilled.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fileio.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int not_hidden(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Runs one input in memory of just its size. False when it could not be read or was not passed. */
static bool run_file(const char *path)
{
	struct buf in = BUF_INIT(0);
	struct error err = { 0 };
	uint8_t *copy;
	bool ok;

	if (file_read_all(path, 16 << 20, &in, &err)) {
		printf("# %s\n", err.text);
		buf_release(&in);
		return false;
	}
	copy = malloc(in.len ? in.len : 1);
	if (!copy)
		abort();
	memcpy(copy, in.p, in.len);
	ok = !LLVMFuzzerTestOneInput(copy, in.len);
	free(copy);
	buf_release(&in);
	return ok;
}

/* Runs the regular files of a directory in the order of their names; their number. */
static int run_dir(const char *dir, int *count, int *failed)
{
	struct dirent **names;
	int n = scandir(dir, &names, not_hidden, alphasort), ran = 0;

	for (int i = 0; i < n; i++) {
		char path[4096];
		struct stat st;

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]->d_name);
		if (!stat(path, &st) && S_ISREG(st.st_mode)) {
			bool ok = run_file(path);

			ran++;
			*failed += !ok;
			printf("%s %d - %s\n", ok ? "ok" : "not ok", ++*count, path);
			fflush(stdout);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return ran;
}

int main(int argc, char **argv)
{
	int count = 0, failed = 0;

	for (int i = 1; i < argc; i++) {
		if (!run_dir(argv[i], &count, &failed)) {
			printf("not ok %d - %s: no corpus there\n", ++count, argv[i]);
			failed++;
		}
	}
	if (argc < 2) {
		printf("not ok %d - no corpus directory given\n", ++count);
		failed++;
	}
	printf("1..%d\n", count);
	return failed ? 1 : 0;
}
