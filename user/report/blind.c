/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "report/blind.h"

const struct blind_spot blind_spots[] = {
	/* Ways past the probes: event_loss_name() of BT_LOSS_SENDFILE and after. */
	{ "io_uring",
	  "requests of an io_uring could not be followed: they complete in silence, are of a kind "
	  "that is "
	  "not known, or the kernel does not tell of them",
	  "keep programs from it: sysctl kernel.io_uring_disabled=2, or UV_USE_IO_URING=0 for node",
	  BLIND_IO_URING },
	{ "32-bit-program",
	  "32-bit system calls have no tracepoints; nothing that a 32-bit program does is seen "
	  "here",
	  "run a 64-bit build of it, or a kernel that takes fexit programs", BLIND_COMPAT },
	{ "shared-mmap",
	  "a writable shared mapping of a device, or of a file that could not be read afterwards: "
	  "it "
	  "was gone, or too big; and what is overwritten before the file is looked at",
	  "`beartrap scan` the file afterwards", BLIND_PROGRAM },
	{ "splice",
	  "splice or tee moved bytes out of a socket, or out of a pipe that others fill too, to "
	  "where they "
	  "cannot be read",
	  "`beartrap scan` where they went", BLIND_PROGRAM },
	{ "sendfile", "sendfile moved bytes, and their source could not be read afterwards",
	  "`beartrap scan` where they went", BLIND_PROGRAM },
	{ "copy_file_range",
	  "copy_file_range moved bytes, and their source could not be read afterwards",
	  "`beartrap scan` where they went", BLIND_PROGRAM },
	/* No loss of bytes that could have been had: the summary notes them where it knows of them. */
	{ "tls-library",
	  "TLS of a library that is not hooked (rustls, NSS, Java's JSSE, mbed TLS, wolfSSL, "
	  "OpenSSL or BoringSSL in a stripped static program): only sealed records are seen; the "
	  "summary "
	  "names the process",
	  "use a build with OpenSSL or GnuTLS as shared libraries, or one that is not stripped",
	  BLIND_PROGRAM },
	{ "quic",
	  "QUIC and HTTP/3 are encrypted datagrams of the program's own making; no library of it "
	  "is hooked, and the summary says how many bytes they were",
	  "turn HTTP/3 off in the program", BLIND_PROGRAM },
	{ "ktls",
	  "of a socket that the kernel encrypts the plain text is seen, and taken for what goes "
	  "over the wire: a finding may say clear text where it is sealed",
	  "see where the socket goes before acting on such a finding", BLIND_PROGRAM },
	{ "device-mapping",
	  "what a program stores in a mapping of a device (GPU, DMA, persistent memory) is no call",
	  "keep secrets off such devices", BLIND_PROGRAM },
	{ "not-descended",
	  "a process that did not start under watch (a service asked over D-Bus, a container "
	  "runtime's shim) is not seen, whatever is sent to it",
	  "`beartrap attach` to it as well", BLIND_PROGRAM },
	/* Load and limits. */
	{ "matched-lane",
	  "under load bytes are examined by matching only: plain text is found, what is encoded or "
	  "in fragments is not; the summary says how many",
	  "give beartrap more processor time", BLIND_AT_TIMES },
	{ "ring-window", "the ring for what stands around a hit was full: records were dropped",
	  "give beartrap more processor time", BLIND_AT_TIMES },
	{ "ring-prio", "the ring for processes and files was full: records were dropped",
	  "give beartrap more processor time", BLIND_AT_TIMES },
	{ "fault", "memory of the program was not there to be read when its call ended",
	  "`beartrap scan` the files that it wrote", BLIND_AT_TIMES },
	{ "fd-gone", "a descriptor was closed before the end of the call that used it",
	  "mend the program: it closes what another of its threads uses", BLIND_AT_TIMES },
	{ "map-stream", "there were more open files at once than beartrap follows",
	  "watch fewer servers with one beartrap", BLIND_AT_TIMES },
	{ "map-proc", "there were more processes at once than beartrap follows",
	  "watch fewer servers with one beartrap", BLIND_AT_TIMES },
	{ "storage", "the kernel had no memory to mark a thread as watched: it was not",
	  "give the machine more memory", BLIND_AT_TIMES },
	{ "iov", "a call had more pieces or messages than are read",
	  "`beartrap scan` where they went", BLIND_AT_TIMES },
	{ "args", "an argument list or environment was too long, or not in memory",
	  "shorten it, or `beartrap scan` what it is made of", BLIND_AT_TIMES },
	{ "path", "a path was too long or too deep: places may be named by their end only",
	  "use shorter paths", BLIND_AT_TIMES },
	{ "tls-call",
	  "of a call into a TLS library only the end was seen: it began before the watch",
	  "start the server with `beartrap run`", BLIND_AT_TIMES },
	{ "moved-unread",
	  "bytes went from one file to another past the program, and were no longer to be had when "
	  "beartrap looked",
	  "`beartrap scan` where they went", BLIND_AT_TIMES },
	{ "helper", "the kernel refused something, or left a program out",
	  "run `beartrap doctor`, and --debug", BLIND_AT_TIMES },
	{ "gap", "bytes are missing in the middle of a stream", "see the other causes",
	  BLIND_AT_TIMES },
	{ "args-gap", "pieces of arguments or environments are missing", "see the other causes",
	  BLIND_AT_TIMES },
	{ "unscanned", "bytes came, and there was no memory to look through them",
	  "give the machine more memory", BLIND_AT_TIMES },
	{ "bad-record", "records of the kernel side, or of a recording, could not be read",
	  "use the kernel side and the program of one build", BLIND_AT_TIMES },
	{ "stream-evicted",
	  "there were more streams at once than beartrap keeps: some were given up",
	  "watch fewer servers with one beartrap", BLIND_AT_TIMES },
	{ "restart",
	  "what looks at the bytes died and was started again: values learnt before are forgotten, "
	  "and what "
	  "it had read and not yet judged is gone",
	  "give the machine more memory; report it when memory was not the reason",
	  BLIND_AT_TIMES },
	{ "unread", "the kernel side sent records that did not arrive", "see the other causes",
	  BLIND_AT_TIMES },
	{ "unaccounted", "what programs moved is more, or less, than what became of it adds up to",
	  "report it: the count itself is at fault", BLIND_AT_TIMES },
	{ 0 },
};

const struct blind_spot *blind_spot_find(const char *name)
{
	for (const struct blind_spot *b = blind_spots; b->name; b++)
		if (!strcmp(b->name, name))
			return b;
	return NULL;
}
