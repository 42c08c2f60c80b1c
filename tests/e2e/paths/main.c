/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * paths VALUES NAME...: each of the ways out named, three times: the value written whole, in two pieces, and in base64. VALUES
 * lists what is written, {"way": "WAY.VARIANT", "access_token": "VALUE"} a line. paths --list names the ways; one that this
 * machine does not have ends in 3. Each way has its own process, in the current directory; HOST and HOST6 are
 * expected to be addresses of the machine, and /run/systemd/journal to be there. Before that, paths --prepare VALUES NAME... writes the
 * files that some ways send from; and paths --receive, which is not to be watched, says in `receiver` where it has memory for one.
 */
#include "paths.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

static const struct way *const tables[] = { call_ways, process_ways, copy_ways, file_ways,
					    uring_ways };

static const struct way *find_way(const char *name)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct way *w = tables[t]; w->name; w++)
			if (!strcmp(w->name, name))
				return w;
	return NULL;
}

static void list(void)
{
	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++)
		for (const struct way *w = tables[t]; w->name; w++)
			puts(w->name);
}

static void base64(const char *in, size_t len, char *out)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)(unsigned char)in[i] << 16;

		v |= i + 1 < len ? (uint32_t)(unsigned char)in[i + 1] << 8 : 0;
		v |= i + 2 < len ? (unsigned char)in[i + 2] : 0;
		for (int k = 0; k < 4; k++)
			*out++ = i + (size_t)k > len ? '=' : digits[v >> (18 - 6 * k) & 63];
	}
	*out = 0;
}

/* What by_sendfile() and the like move is in files that are there already. */
static void prepare(struct leak *l)
{
	for (int i = 0; l->piece[i]; i++) {
		int fd = source_of(l, l->piece[i], O_WRONLY | O_CREAT | O_TRUNC);

		by_write(l, fd, l->piece[i], strlen(l->piece[i]));
		close(fd);
	}
}

static int receive(void)
{
	void *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	FILE *f = fopen("receiver.new", "we");

	if (room == MAP_FAILED || !f || fprintf(f, "%d %p\n", (int)getpid(), room) < 0 ||
	    fclose(f) || rename("receiver.new", "receiver"))
		return 1;
	return pause();
}

/* One way in one variant, in a process of its own. */
static int go(const struct way *way, const char *variant, const char *value, bool prepares)
{
	char text[512], first[256], second[256];
	struct leak l = { .way = way->name, .variant = variant, .piece = { text } };
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return 1;
	if (pid) {
		waitpid(pid, &status, 0);
		return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
	}
	alarm(60);
	snprintf(text, sizeof(text), " %s\n", value);
	if (!strcmp(variant, "encoded"))
		base64(value, strlen(value), text);
	if (!strcmp(variant, "split")) {
		snprintf(first, sizeof(first), "%.*s", (int)(strlen(text) / 2), text);
		snprintf(second, sizeof(second), "%s", text + strlen(first));
		l.piece[0] = first;
		l.piece[1] = second;
	}
	if (prepares)
		prepare(&l);
	else
		way->go(&l);
	_exit(0); /* the list's offset is shared */
}

int main(int argc, char **argv)
{
	char line[512];
	bool prepares = false;
	FILE *values;
	int ret = 0;

	signal(SIGPIPE, SIG_IGN);
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		list();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "--receive"))
		return receive();
	if (argc > 1 && !strcmp(argv[1], "--prepare")) {
		prepares = true;
		argv++;
		argc--;
	}
	values = argc > 2 ? fopen(argv[1], "re") : NULL;
	if (!values)
		return 2;
	while (fgets(line, sizeof(line), values)) {
		char name[64], variant[64], value[256];

		if (sscanf(line, "{\"way\": \"%63[^.].%63[^\"]\", \"access_token\": \"%255[^\"]\"}",
			   name, variant, value) != 3)
			return 2;
		for (int a = 2; a < argc; a++) {
			const struct way *way = strcmp(argv[a], name) ? NULL : find_way(name);

			if (way) {
				int status = go(way, variant, value, prepares);

				ret = status > ret ? status : ret;
			}
		}
	}
	return ret;
}
