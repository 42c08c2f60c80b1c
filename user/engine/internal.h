/* SPDX-License-Identifier: BSD-2-Clause */
/* Private to engine/: the engine's own struct and what its files call of each other. */
#ifndef BT_ENGINE_INTERNAL_H
#define BT_ENGINE_INTERNAL_H

#include "alert/dedup.h"
#include "base/table.h"
#include "engine/engine.h"
#include "engine/past.h"
#include "flow/flow.h"
#include "flow/params.h"
#include "proto/mcp.h"
#include "proc/proc.h"
#include "stream/stream.h"

#define ENGINE_MAX_PROCS 16384
#define ENGINE_MAX_FILES 65536
#define ENGINE_MAX_STREAMS 16384
#define ENGINE_MAX_WIRES 1024
#define ENGINE_MAX_LINKS 4096
#define ENGINE_MAX_ALERTS 65536
#define ENGINE_MAX_HELD_STREAM (4u * 1024 * 1024)
/* How often pieces that wait for a missing one are looked at, in ms. */
#define ENGINE_HELD_MS 250
#define ENGINE_MAX_HELD_TOTAL (32u * 1024 * 1024)
/* Hits of one JSON-RPC line kept until its end tells where they stood. */
#define WIRE_MAX_PENDING 64
/* A stream is silent when this much time has passed since its last byte. */
#define SILENT_NS 20000000ull
/* Files with secrets in them that are remembered. */
#define ENGINE_MAX_KEPT 512
/* Values learnt between two searches of the past; further ones are not looked back for. */
#define LOOK_MAX 64

/* What the bytes of a stream are to us. */
enum tap_role {
	TAP_IGNORE, /* nobody else reads them: a file being read, /dev/null, the far end of a pipe */
	TAP_WIRE,   /* one direction of an MCP wire */
	TAP_SINK,   /* free text that goes somewhere: stderr, file, syslog, network, pipe, ... */
	TAP_LEARN,  /* not a sink; secrets are learnt here: network input */
	TAP_OPAQUE, /* TLS records: cannot be looked into from the outside */
};

/* Which of a process's standard streams a file object is. */
struct stdio_role {
	struct bt_file_id id;
	uint32_t tgid; /* first process that had it so */
	uint64_t start_ns;
	uint8_t fds; /* 1 << fd for each of 0, 1, 2 that it is */
	bool root;   /* it is a watch root's own: the MCP client is at the other end */
};

/* A stream's consumer state; hangs on struct stream.user. */
struct tap {
	enum tap_role role;
	enum sink_class class; /* of a TAP_SINK */
	unsigned int flags;    /* SINK_F_* known from the object alone */
	bool file_known;       /* classified with its BT_REC_FILE at hand */
	bool started;          /* bytes were seen */
	bool datagram;         /* every message is a text of its own */
	bool quic;             /* and its connection is encrypted */
	uint64_t next_off;     /* file offset expected next (positioned writes), ~0 none */
	struct actor last;     /* who moved bytes last: an open candidate may end after that */
	struct scan *scan;
	struct stream *stream;                 /* it hangs on */
	struct tap *silent_prev, *silent_next; /* in engine.silent, while `scan` is undecided */
	bool silent;
	struct wire *wire;       /* TAP_WIRE; holds a reference */
	struct link *link;       /* of a TCP socket; holds a reference */
	struct watch *watch;     /* of text that people read */
	struct past_stream past; /* of a TAP_SINK */
	uint8_t wire_dir;        /* enum mcp_dir */
};

/* Where flow/ is being fed from, for what it finds. */
struct engine_at {
	const struct actor *who;
	const struct sink
		*sink; /* or NULL: engine_place(file, class, flags), done when something is found */
	const struct bt_file_id *file;
	enum sink_class class;
	unsigned int flags;
	const struct alert_mcp *mcp; /* or NULL */
	bool http;                   /* an HTTP message: its parts are sinks of their own */
};

/* A value that was learnt, until the past is searched for it. */
struct look_for {
	uint64_t id;
	bool on_connection;
	struct bt_file_id born; /* the connection that it was learnt on */
};

struct engine {
	struct engine_config cfg;
	struct proc_table *procs;
	struct stream_table *streams; /* NULL after engine_finish */
	struct dedup *dedup;
	struct ledger *ledger;
	struct flows *flows;
	const struct engine_at *at; /* while flow/ runs */
	struct table *roles;        /* bt_file_id key -> struct stdio_role */
	struct table *wires;        /* owner process key -> struct wire */
	struct table *tls;          /* process key -> struct engine_tls */
	struct table *links;        /* bt_file_id key -> struct link */
	struct table *root_env;     /* fingerprint -> marker: secrets in a root's own environment */
	struct table *kept;         /* inode -> struct kept */
	struct scan *args_scan;
	struct past past;
	struct look_for look[LOOK_MAX];
	size_t n_look;
	const struct bt_file_id *birth; /* while bytes of a connection are looked at */
	uint64_t challenges;            /* flows_challenges() when the past was last searched */
	uint64_t looked_ns;             /* when that was */
	struct scan *look_scan;
	struct wire *look_wire[2]; /* of stdio, of HTTP */
	struct tap *silent; /* taps amid a candidate: judged when nothing comes for a while */
	uint64_t ticked_ns; /* of engine_feed_recorded */
	struct engine_totals totals;
	struct stream_totals stream_totals; /* at engine_finish */
};

void actor_of(const struct event *ev, struct actor *ret);

/* judge.c: a redacted hit at a sink becomes an alert, or nothing. `mcp` NULL off the wire. */
void engine_judge(struct engine *e, const struct redacted *secret, struct sink *sink,
		  const struct alert_mcp *mcp, const struct actor *who);
/* The same for a hit in free text that went to a file object. Redacts it. */
void engine_judge_text(struct engine *e, const struct bt_file_id *file, enum sink_class class,
		       unsigned int flags, const struct hit *hit, const struct actor *who);
/* Fills in process and times, and hands it out unless it is a repeat. */
void engine_raise(struct engine *e, struct alert *a, const struct actor *who);
/* Adds of which flow it is; nothing when of none. */
void engine_tell_flow(struct alert *a, const struct flow_brief *f);
/* Adds what is known of the secret's life to an alert: flow, phase, birth. True when it is spent. */
bool engine_story(struct engine *e, struct alert *a, uint64_t now_ns);
void sink_init(struct sink *s, enum sink_class class, unsigned int flags, int fd);

/* classify.c */
void engine_learn_stdio(struct engine *e, const struct event *ev);
/* Fills a new tap (or one classified without its file) for a stream. 0 or -ENOMEM. */
int engine_classify(struct engine *e, const struct stream *s, struct tap *tap);
/* Fills a sink with class and flags, and with the path or peer of the object. */
void engine_place(struct engine *e, const struct bt_file_id *file, enum sink_class class,
		  unsigned int flags, const struct actor *who, struct sink *ret);
struct span file_key(const struct bt_file_id *id, char out[20]);
/* One life of a process, as a table's key. */
struct span process_key(uint32_t tgid, uint64_t start_ns, char out[12]);

/* tap.c */
extern const struct stream_ops engine_stream_ops;
/* Judges the candidates of streams that have fallen silent by `now_ns` (CLOCK_BOOTTIME). */
void engine_peek_silent(struct engine *e, uint64_t now_ns);

/* wire.c */
/* The process's wire, made on first need; with a reference for the caller. NULL: out of memory. */
struct wire *wire_get(struct engine *e, uint32_t tgid, uint64_t start_ns, bool root);
/* Gives a reference back; accepts NULL. */
void wire_put(void *wire);
/* Bytes of a tap in order, at stream offset `off`. 0 or -ENOMEM. */
int wire_data(struct wire *w, const struct tap *t, const struct bt_file_id *file, struct span bytes,
	      uint64_t off);
/* Another reference; accepts NULL. */
struct wire *wire_ref(struct wire *w);
/* Streamable HTTP and HTTP+SSE: a wire of bodies; its reference is the caller's. NULL: out of memory. */
struct wire *wire_for_http(struct engine *e);
/* Bytes of a body, or of an event's data; a line feed ends the message. 0 or -ENOMEM. */
int wire_body(struct wire *w, enum mcp_dir dir, const struct bt_file_id *file,
	      const struct actor *who, struct span bytes);
void wire_gap(struct wire *w, enum mcp_dir dir, uint64_t missing);
/* Judges a line of the past again, for what engine_looks_for(). */
void wire_again(struct engine *e, const struct past_piece *line);
void wire_end(struct wire *w, enum mcp_dir dir);

/* tls.c: what was sealed and what was not, by process. */
void engine_note_tls(struct engine *e, const struct bt_file_id *file, const struct tap *t,
		     size_t len);
/* http.c */
/* The connection of a TCP socket, made on first need; with a reference for the caller. NULL: out of memory. */
struct link *link_get(struct engine *e, const struct bt_file_id *file);
void link_put(void *link); /* accepts NULL */
void link_data(struct link *l, enum bt_dir dir, const struct actor *who, struct span bytes,
	       uint64_t off);
void link_gap(struct link *l, enum bt_dir dir, uint64_t missing);
void link_end(struct link *l);
/* True when the messages of that direction are understood whole: guesses by key names are not needed. */
bool link_parses(const struct link *l, enum bt_dir dir);

/* watch.c */
/* `past`: of the stream that the text is of, or NULL; an authorization URL in it is flow/'s to judge, not the past's. */
struct watch *watch_new(struct engine *e, struct past_stream *past);
struct watch *watch_free(struct watch *w);
/* e->at must be set: an authorization URL may be found. */
void watch_feed(struct watch *w, const struct flow_ctx *ctx, struct span bytes, uint64_t off);
void watch_end(struct watch *w, const struct flow_ctx *ctx);
/* True when the byte at `off` was in a request target with a code or token in its query. */
bool watch_in_target(const struct watch *w, uint64_t off);

/* found.c */
void engine_found(void *arg, const struct flow_finding *f);
void engine_say(struct alert *a, const char *before, const char *text, const char *after);
void engine_ctx(const struct actor *who, struct flow_ctx *ret); /* of text, not of a connection */
void engine_scan_html(struct engine *e, const struct sink *sink, const struct actor *who,
		      struct span page);

/* lookback.c */
/* Listener of the ledger: a new value. */
void engine_learnt(void *arg, int64_t id);
/* A hit in a piece of the past is one that the search is for, and no alert was given for it. */
bool engine_looks_for(const struct engine *e, const struct past_piece *b, const struct hit *hit);
/* Searches the past for what was learnt; not so soon after the last time, unless `now_ns` is UINT64_MAX. */
void engine_look_back(struct engine *e, uint64_t now_ns);

/* keep.c */
/* A secret was written to a file. */
void engine_keep(struct engine *e, const struct bt_file_id *file, const struct redacted *secret,
		 const struct sink *sink, const struct actor *who);
/* BT_REC_NAME: what is in that file is judged again. */
void engine_name(struct engine *e, const struct event *ev);
/* BT_REC_EXIT: temporary files that a watch root leaves. */
void engine_kept_exit(struct engine *e, const struct event *ev);

/* args.c */
void engine_args(struct engine *e, const struct event *ev);

#endif /* BT_ENGINE_INTERNAL_H */
