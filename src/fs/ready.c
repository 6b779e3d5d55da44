/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/ready.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "fs/exit.h"

/* On the pipe: one byte of exit code, then the sentence, then its end. */
struct message {
	unsigned char code;
	char sentence[sizeof(((struct mrq_error *)NULL)->msg)];
};

static _Noreturn void
explain_death(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	char text[128];
	if (WIFSIGNALED(status))
		(void)snprintf(text, sizeof(text),
			       "the daemon was killed by signal %d before it was ready",
			       WTERMSIG(status));
	else
		(void)snprintf(text, sizeof(text),
			       "the daemon ended before it was ready, with status %d",
			       WEXITSTATUS(status));
	mrq_exit_print(text);
	_exit(MRQ_EXIT_FAILED);
}

static _Noreturn void
wait_for(pid_t child, int fd)
{
	struct message m = { 0 };
	size_t got = 0;

	while (got < sizeof(m) - 1) {
		ssize_t n = read(fd, (char *)&m + got, sizeof(m) - 1 - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	if (got == 0)
		explain_death(child);
	if (m.sentence[0])
		mrq_exit_print(m.sentence);
	_exit(m.code);
}

enum mrq_status
mrq_ready_fork(struct mrq_ready *ret, struct mrq_error *err)
{
	int pipes[2];

	if (pipe2(pipes, O_CLOEXEC) < 0)
		return mrq_fail_sys(err, "cannot make a pipe");
	pid_t pid = fork();
	if (pid < 0) {
		(void)close(pipes[0]);
		(void)close(pipes[1]);
		return mrq_fail_sys(err, "cannot go to the background");
	}
	if (pid > 0) {
		(void)close(pipes[1]);
		wait_for(pid, pipes[0]);
	}
	(void)close(pipes[0]);
	*ret = (struct mrq_ready){ .fd = pipes[1] };
	return MRQ_OK;
}

static void
tell_parent(struct mrq_ready *ready, int code, const char *sentence)
{
	struct message m = { .code = (unsigned char)code };
	int n = snprintf(m.sentence, sizeof(m.sentence), "%s", sentence);
	size_t len = n < 0 ? 0 : (size_t)n;

	if (len >= sizeof(m.sentence))
		len = sizeof(m.sentence) - 1;
	/* Less than PIPE_BUF: whole or not at all. */
	(void)!write(ready->fd, &m, offsetof(struct message, sentence) + len);
	(void)close(ready->fd);
	ready->fd = -1;
}

void
mrq_ready_notify(const char *notify_socket, const char *state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = notify_socket ? strlen(notify_socket) : 0;

	if (len < 2 || len >= sizeof(address.sun_path))
		return;
	int fd MRQ_CLEANUP(mrq_close) = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	memcpy(address.sun_path, notify_socket, len);
	if (address.sun_path[0] == '@')
		address.sun_path[0] = '\0'; /* abstract */
	(void)sendto(fd, state, strlen(state), MSG_NOSIGNAL,
		     (struct sockaddr *)&address,
		     (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
}

static void
leave_terminal(void)
{
	int null MRQ_CLEANUP(mrq_close) = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		(void)dup2(null, fd);
}

void
mrq_ready_done(struct mrq_ready *ready, const char *notify_socket)
{
	ready->told = true;
	mrq_ready_notify(notify_socket, "READY=1");
	if (ready->fd < 0)
		return;
	leave_terminal();
	tell_parent(ready, MRQ_EXIT_DONE, "");
}

void
mrq_ready_fail(struct mrq_ready *ready, int code, const char *sentence)
{
	if (ready->told)
		return;
	ready->told = true;
	if (ready->fd >= 0)
		tell_parent(ready, code, sentence);
	else
		mrq_exit_print(sentence);
}
