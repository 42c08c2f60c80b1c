/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An alert, schema beartrap.alert/1 (rules/schema/alert.schema.json). Only redacted data can be put in one.
 */
#ifndef BT_ALERT_ALERT_H
#define BT_ALERT_ALERT_H

#include "alert/redact.h"

enum severity { SEV_INFO, SEV_LOW, SEV_MEDIUM, SEV_HIGH, SEV_CRITICAL, SEV_MAX };

enum sink_class {
	SINK_TOOL_RESULT,
	SINK_RESOURCE,
	SINK_PROMPT,
	SINK_INSTRUCTIONS,
	SINK_SAMPLING,
	SINK_ELICITATION,
	SINK_JSONRPC_ERROR,
	SINK_LOG_NOTIFICATION,
	SINK_PROGRESS,
	SINK_REQUEST_STATE,
	SINK_TOOL_ARGUMENT,
	SINK_STDOUT,
	SINK_STDERR,
	SINK_LOG_FILE,
	SINK_FILE,
	SINK_SYSLOG,
	SINK_ARGV,
	SINK_ENV,
	SINK_PIPE,
	SINK_HTTP_URL,
	SINK_HTTP_HEADER,
	SINK_HTTP_BODY,
	SINK_NETWORK,
	SINK_COOKIE,
	SINK_HTML,
	SINK_SECRET_STORE,
	SINK_TTY,
	SINK_CLASS_MAX
};

/* Facts about a sink that the policy's conditions can ask for. */
#define SINK_F_GROUP_READABLE 0x01u /* inode mode & 0040 */
#define SINK_F_WORLD_READABLE 0x02u /* inode mode & 0004 */
#define SINK_F_SHARED_PLACE 0x04u   /* /tmp, a work tree, ...: token-file-shared-location */
#define SINK_F_LOOPBACK 0x08u       /* peer stays on this machine */
#define SINK_F_CHILD                                                                               \
	0x10u /* argv, env, pipe of a child of the server, memory of a process that is not its own */
#define SINK_F_HELPER 0x20u         /* the process at the other end is a known credential helper */
#define SINK_F_INHERITED 0x40u      /* the value was already in the root's own environment */
#define SINK_F_NOT_RPC 0x80u        /* bytes on the MCP wire that are not JSON-RPC */
#define SINK_F_LEARNT 0x100u        /* set by the verdict: value is in the ledger */
#define SINK_F_RESOURCE_LINK 0x200u /* a URI given to the client */
#define SINK_F_MEMORY_FILE 0x400u   /* memfd, or tmpfs under $XDG_RUNTIME_DIR */
#define SINK_F_SPENT                                                                               \
	0x800u /* the value opens nothing any more: redeemed, rotated, revoked, expired */
#define SINK_F_ACCESS_LOG 0x1000u /* within a request target, as access logs have it */
#define SINK_F_URL_MODE 0x2000u   /* the URL of a URL-mode elicitation */
#define SINK_F_TLS 0x4000u        /* sent through a TLS library: sealed on its way */
#define SINK_F_PRIVATE 0x8000u    /* the peer has a private or link-local address */

struct sink {
	enum sink_class class;
	unsigned int flags; /* SINK_F_* */
	char path[1024];    /* "" when there is none */
	char peer[128];     /* printable address, "" */
	char host[256];
	int fd;                /* -1 unknown */
	uint64_t line, offset; /* 0 = unknown for line */
	const char *seen;      /* how, when not at the call that moved the bytes; static, or NULL */
};

struct alert_mcp {          /* transport "" when not on an MCP wire */
	char transport[16]; /* "stdio" */
	char direction[24]; /* "server-to-client" */
	char method[257], tool[257], id[65], json_path[161];
};

struct alert_process {
	uint32_t pid, tid, ppid, uid;
	char comm[17], exe[1024];
	char container[80], cgroup[256], unit[128]; /* "" unknown */
};

struct alert_flow { /* id "": of no flow that was followed */
	char id[33], phase[24];
	uint64_t age_ms;
	char client_id[256], issuer[256]; /* "" unknown */
};

/* Of an override, terminating NUL included. */
#define ALERT_REASON_LEN 201

struct alert {
	char id[33]; /* random hex */
	char rule[64];
	enum severity severity;
	uint64_t time_ns, first_ns, last_ns; /* CLOCK_REALTIME, ns since the epoch */
	uint64_t seen_count;
	struct redacted
		secret; /* fingerprint "": the finding is about no secret, or none at hand */
	struct sink sink;
	struct alert_mcp mcp;
	struct alert_process process;
	struct alert_flow flow;
	char why[512];
	/* By an override of the user's policy; "": by none. */
	char overridden_by[64], overridden_reason[ALERT_REASON_LEN];
	enum severity overridden_from;
};

const char *severity_name(enum severity s);
int severity_parse(struct span name, enum severity *ret); /* 0 or -ENOENT */
const char *sink_class_name(enum sink_class c);           /* "tool-result" */
int sink_class_parse(struct span name, enum sink_class *ret);

#endif /* BT_ALERT_ALERT_H */
