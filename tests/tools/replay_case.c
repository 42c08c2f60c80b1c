// SPDX-License-Identifier: BSD-2-Clause
/*
 * replay_case EVENTS.jsonl OUT.btrec OUT.secrets
 *
 * Compiles a replay case (tests/replay/README.md) into a recording with its key beside it, and a file
 * of the secrets that were generated for it, one a line. Every run makes other secrets.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "base/fileio.h"
#include "cases/cases.h"

#define MAX_TEXT (4u << 20)

struct files {
	struct rec_writer *recording;
	FILE *secrets;
};

static int on_record(void *arg, struct span record)
{
	return rec_writer_add(((struct files *)arg)->recording, record);
}

static void on_secret(void *arg, const char *text)
{
	fprintf(((struct files *)arg)->secrets, "%s\n", text);
}

static int compile(char **argv, struct error *err)
{
	struct buf text = BUF_INIT(MAX_TEXT);
	struct files files = { NULL, NULL };
	struct case_out out = { on_record, on_secret, &files };
	struct rec_totals totals;
	struct rec_info info;
	struct timespec now;
	int ret;

	ret = file_read_all(argv[1], MAX_TEXT, &text, err);
	if (ret)
		goto done;
	clock_gettime(CLOCK_REALTIME, &now);
	case_info(buf_span(&text), (uint64_t)now.tv_sec * 1000000000u, &info);
	umask(077);
	files.secrets = fopen(argv[3], "w");
	if (!files.secrets) {
		ret = error_set(err, -errno, "%s: %s", argv[3], strerror(errno));
		goto done;
	}
	ret = rec_writer_open(argv[2], &info, &files.recording, err);
	if (ret)
		goto done;
	ret = case_compile(argv[1], buf_span(&text), &info, &out, &totals, err);
	if (ret)
		rec_writer_abort(files.recording);
	else
		ret = rec_writer_close(files.recording, &totals, err);
done:
	if (files.secrets && fclose(files.secrets) && !ret)
		ret = error_set(err, -EIO, "%s: cannot write", argv[3]);
	buf_release(&text);
	return ret;
}

int main(int argc, char **argv)
{
	struct error err = { 0 };

	if (argc != 4) {
		fprintf(stderr, "usage: replay_case EVENTS.jsonl OUT.btrec OUT.secrets\n");
		return 2;
	}
	if (sodium_init() < 0)
		error_set(&err, -EIO, "no random numbers");
	else if (!compile(argv, &err))
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return 1;
}
