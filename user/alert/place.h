/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef BT_ALERT_PLACE_H
#define BT_ALERT_PLACE_H

#include "alert/alert.h"

/*
 * Fills class, flags and path for a regular file: log file (O_APPEND in `open_flags`, *.log, *debug*, *trace*, *.out, under
 * /var/log) or plain file; SINK_F_GROUP/WORLD_READABLE from `mode` (inode permission bits), SINK_F_SHARED_PLACE from
 * the path (/tmp, /var/tmp, /dev/shm, node_modules, a work tree ...), SINK_F_MEMORY_FILE (memfd:, tmpfs under /run/user/UID).
 * catalogue.tsv: token-in-log-file, token-file-*.
 */
void sink_of_file(struct sink *ret, const char *path, unsigned int mode, unsigned int open_flags);
/* True for a name that is meant to be gone soon: *.tmp, *.bak, *~ and their like. */
bool file_is_temporary(const char *path);
/*
 * True for a file in which a program may keep settings or credentials, by its path: what is read from it is the program's own
 * secret. False for what packages bring (sources, documents, their data), and for the kernel's files.
 */
bool file_is_settings(const char *path);
/* True for credential helpers (secret-tool, pass, gpg, git-credential-*, security, keyctl ...) by executable path. */
bool exe_is_secret_helper(const char *exe);
/* True for the syslog and journald sockets: /dev/log, /run/systemd/journal/{socket,dev-log,stdout,syslog}. */
bool peer_is_syslog(const char *unix_path);

#endif /* BT_ALERT_PLACE_H */
