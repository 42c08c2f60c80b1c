/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names that calls were given (BT_REC_NAME), as the kernel would write them: without dots and symbolic links; and which file is
 * behind one now. A process that has gone, or a name that is gone again, leaves the text as it is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "capture/internal.h"

struct name {
	char text[BT_PATH_LEN + 1];
	size_t len;
};

/*
 * Replaces the directory in `n` by what it really is, when it is reached by way of the root directory `root` and that is our
 * root too; opens it. -1.
 */
static int tidy(struct name *n, const char *root)
{
	char path[BT_PATH_LEN + 64], self[64], real[BT_PATH_LEN];
	char *slash = memrchr(n->text, '/', n->len);
	struct stat there, here;
	size_t base;
	ssize_t len;
	int fd;

	if (!slash)
		return -1;
	snprintf(path, sizeof(path), "%s%.*s/", root, (int)(slash - n->text), n->text);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	len = readlink(self, real, sizeof(real) - 1);
	base = n->len - (size_t)(slash - n->text);
	if (len <= 0 || (size_t)len + base > BT_PATH_LEN)
		return fd;
	real[len] = '\0';
	if (fstat(fd, &there) || stat(real, &here) || there.st_ino != here.st_ino ||
	    there.st_dev != here.st_dev)
		return fd;
	if (len == 1) /* the root itself */
		len = 0;
	memmove(n->text + len, slash, base);
	memcpy(n->text, real, (size_t)len);
	n->len = (size_t)len + base;
	n->text[n->len] = '\0';
	return fd;
}

/*
 * Directory of a name, open; the name tidied: as the process and as the watch root name it, and, when these are gone, as we do.
 * -1 when it cannot be reached.
 */
static int directory_of(struct name *n, struct span text, const struct bt_hdr *hdr)
{
	char root[3][32] = { { 0 } };
	int fd = -1;

	n->len = text.len < BT_PATH_LEN ? text.len : BT_PATH_LEN;
	if (n->len)
		memcpy(n->text, text.p, n->len);
	n->text[n->len] = '\0';
	snprintf(root[0], sizeof(root[0]), "/proc/%u/root", hdr->tgid);
	snprintf(root[1], sizeof(root[1]), "/proc/%u/root", hdr->root);
	for (int i = 0; i < 3 && fd < 0; i++)
		fd = tidy(n, root[i]);
	return fd;
}

static void identify(int dir, const struct name *n, bool follow, struct bt_file_id *ret)
{
	const char *slash = strrchr(n->text, '/');
	struct stat st;

	if (dir < 0 || !slash || fstatat(dir, slash + 1, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return;
	*ret = (struct bt_file_id){
		.ino = st.st_ino,
		.dev = major(st.st_dev) << 20 | minor(st.st_dev),
		.type = BT_FILE_REG,
		.mode = (__u16)st.st_mode,
	};
}

int name_record(struct capture *c, struct span raw)
{
	struct {
		struct bt_rec_name rec;
		char names[2 * BT_PATH_LEN];
	} out;
	struct name path, old;
	struct event ev;
	int dir;

	if (event_decode(raw, &ev))
		return 0;
	memcpy(&out.rec, raw.p, sizeof(out.rec));
	dir = directory_of(&path, ev.name.path, &out.rec.hdr);
	if (ev.name.what != BT_NAME_UNLINK)
		identify(dir, &path, ev.name.what == BT_NAME_MODE, &out.rec.file);
	if (dir >= 0)
		close(dir);
	dir = directory_of(&old, ev.name.old, &out.rec.hdr);
	if (dir >= 0)
		close(dir);
	out.rec.path_len = (__u16)path.len;
	out.rec.old_len = (__u16)old.len;
	out.rec.hdr.len = (__u32)(sizeof(out.rec) + path.len + old.len);
	memcpy(out.names, path.text, path.len);
	memcpy(out.names + path.len, old.text, old.len);
	return c->cfg.record(c->cfg.arg, span_of(&out, out.rec.hdr.len));
}
