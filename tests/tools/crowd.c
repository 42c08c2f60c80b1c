/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * crowd PROCESSES STREAMS: starts so many processes, each of which writes a log line into so many pipes of its own; then
 * says "ready" on stdout, and ends them when stdin does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void be_one(int streams, int ready)
{
	static const char line[] = "2026-11-24T06:04:42.113Z INFO  server: handled tools/call\n";

	for (int i = 0; i < streams; i++) {
		int p[2];

		if (pipe(p) || write(p[1], line, sizeof(line) - 1) < 0)
			_exit(1);
	}
	if (write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	int processes = argc == 3 ? atoi(argv[1]) : 0, ready[2];
	pid_t *pids;
	char c;

	if (processes < 1 || pipe(ready)) {
		fprintf(stderr, "usage: crowd PROCESSES STREAMS\n");
		return 2;
	}
	pids = calloc((size_t)processes, sizeof(*pids));
	if (!pids)
		return 1;
	for (int i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			return 1;
		if (!pids[i])
			be_one(atoi(argv[2]), ready[1]);
		if (read(ready[0], &c, 1) != 1)
			return 1;
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	for (int i = 0; i < processes; i++)
		kill(pids[i], SIGKILL);
	free(pids);
	return 0;
}
