/* SPDX-License-Identifier: BSD-2-Clause */
/* By another thread or process. */
#include "paths.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* The descriptor crosses to another process, which was started before it was opened. */
static void way_passed_fd(struct leak *l)
{
	char room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr m = { .msg_iov = &(struct iovec){ (char[1]){ 0 }, 1 },
			    .msg_iovlen = 1,
			    .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int sockets[2], status;
	pid_t pid;

	need(!socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), "socketpair");
	pid = fork();
	if (pid == 0) {
		need(recvmsg(sockets[1], &m, 0) == 1, "recvmsg");
		c = CMSG_FIRSTHDR(&m);
		put_each(l, *(int *)CMSG_DATA(c), by_write);
		_exit(0);
	}
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	*(int *)CMSG_DATA(c) = a_file(l, 0);
	need(sendmsg(sockets[0], &m, 0) == 1, "sendmsg");
	waitpid(pid, &status, 0);
}

static void *in_thread(void *arg)
{
	put_each(arg, a_file(arg, 0), by_write);
	return NULL;
}

static void way_thread(struct leak *l)
{
	pthread_t t;

	need(!pthread_create(&t, NULL, in_thread, l), "pthread_create");
	pthread_join(t, NULL);
}

static void spawn(char **argv, char **envp, int in)
{
	posix_spawn_file_actions_t actions;
	int status;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	if (in >= 0)
		posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	need(!posix_spawnp(&pid, argv[0], &actions, NULL, argv, envp), "posix_spawn");
	waitpid(pid, &status, 0);
}

static void way_argv(struct leak *l)
{
	spawn((char *[]){ "true", (char *)l->piece[0], (char *)l->piece[1], NULL }, environ, -1);
}

static void way_environment(struct leak *l)
{
	char one[256], two[256];

	snprintf(one, sizeof(one), "TOKEN=%s", l->piece[0]);
	snprintf(two, sizeof(two), "MORE=%s", l->piece[1] ? l->piece[1] : "");
	spawn((char *[]){ "true", NULL }, (char *[]){ one, two, "PATH=/usr/bin:/bin", NULL }, -1);
}

/* Into the standard input of a child that has been there for a while. */
static void way_child_stdin(struct leak *l)
{
	int in[2], ready[2], status;
	pid_t pid;

	need(!pipe2(in, O_CLOEXEC) && !pipe2(ready, O_CLOEXEC), "pipe");
	pid = fork();
	if (pid == 0) {
		dup2(in[0], STDIN_FILENO);
		execlp("cat", "cat", "-", (char *)NULL);
		_exit(1);
	}
	close(ready[1]);
	need(!read(ready[0], &(char){ 0 }, 1), "read"); /* closed by exec */
	put_each(l, in[1], by_write);
	close(in[1]);
	waitpid(pid, &status, 0);
}

/* A grandchild, by a shell: from its input to a file. */
static void way_grandchild(struct leak *l)
{
	int fds[2];

	need(!pipe2(fds, O_CLOEXEC), "pipe");
	put_each(l, fds[1], by_write);
	close(fds[1]);
	spawn((char *[]){ "sh", "-c", "(tr a a >grandchild.log)", NULL }, environ, fds[0]);
}

static void way_inherited(struct leak *l)
{
	int fd = a_file(l, 0), status;
	pid_t pid = fork();

	if (pid == 0) {
		put_each(l, fd, by_write);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

const struct way process_ways[] = {
	WAY(passed_fd),   WAY(inherited),   WAY(thread),     WAY(argv),
	WAY(environment), WAY(child_stdin), WAY(grandchild), { 0 },
};
