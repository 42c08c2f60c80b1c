/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load VALUES FD COUNT SIZE EVERY: COUNT writes of SIZE bytes to FD, back to back, a new token in each EVERYth. The tokens are
 * made before the first write and listed in the file VALUES (load<TAB>TOKEN).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include <zlib.h>

#define TOKEN_LEN 40
#define BODY_LEN 30

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static void mint(char *token)
{
	uint8_t noise[BODY_LEN];
	unsigned long crc;

	if (getrandom(noise, sizeof(noise), 0) != (ssize_t)sizeof(noise))
		exit(1);
	memcpy(token, "gho_", 4);
	for (int i = 0; i < BODY_LEN; i++)
		token[4 + i] = base62[noise[i] % 62];
	crc = crc32(0, (const unsigned char *)token + 4, BODY_LEN);
	for (int i = TOKEN_LEN - 1; i >= 4 + BODY_LEN; i--) {
		token[i] = base62[crc % 62];
		crc /= 62;
	}
}

static int write_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t count, size, every;
	char *quiet, *loud, *tokens;
	FILE *values;
	int fd;

	if (argc != 6)
		return 2;
	fd = atoi(argv[2]);
	count = strtoul(argv[3], NULL, 10);
	size = strtoul(argv[4], NULL, 10);
	every = strtoul(argv[5], NULL, 10);
	if (!every || size < TOKEN_LEN + 2)
		return 2;
	quiet = malloc(size);
	loud = malloc(size);
	tokens = malloc((count / every + 1) * TOKEN_LEN);
	values = fopen(argv[1], "ae");
	if (!quiet || !loud || !tokens || !values)
		return 1;
	for (size_t i = 0; i < size; i++)
		quiet[i] = i % 6 == 5 ? ' ' : (char)('a' + i % 23);
	quiet[size - 1] = '\n';
	memcpy(loud, quiet, size);
	loud[size / 2 - TOKEN_LEN / 2 - 1] = loud[size / 2 + TOKEN_LEN / 2] = ' ';
	for (size_t i = 0; i < count / every; i++) {
		mint(tokens + i * TOKEN_LEN);
		fprintf(values, "load\t%.*s\n", TOKEN_LEN, tokens + i * TOKEN_LEN);
	}
	if (fclose(values))
		return 1;
	for (size_t i = 1; i <= count; i++) {
		if (i % every == 0)
			memcpy(loud + size / 2 - TOKEN_LEN / 2,
			       tokens + (i / every - 1) * TOKEN_LEN, TOKEN_LEN);
		if (write_all(fd, i % every ? quiet : loud, size))
			return 1;
	}
	return 0;
}
