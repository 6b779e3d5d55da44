/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * For tests/integration/attacks.sh: opens a file in ways that a program which wants to pass for a
 * trusted one would, and says what it got: the first line, or the name of the errno.
 *
 *	read FILE             plainly
 *	thread FILE           in a second thread
 *	wait FILE             says "ready", then opens at the first byte of standard input
 *	pass FILE COMMAND...  leaves it open as descriptor 9 for COMMAND
 *	exec COMMAND...       COMMAND is executed by a second thread
 *	traced COMMAND...     traced by who starts it
 *	trace PID COMMAND...  COMMAND runs while PID is traced
 *	numbered PID UID GID COMMAND...  COMMAND gets this process id
 */
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <linux/sched.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
open_and_tell(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);
	if (fd < 0) {
		puts(strerrorname_np(errno));
		return 1;
	}
	if (read(fd, text, sizeof(text) - 1) < 0)
		(void)strcpy(text, "unreadable\n");
	(void)close(fd);
	(void)fputs(text, stdout);
	return 0;
}

static int
execute(char **command)
{
	(void)execvp(command[0], command);
	perror(command[0]);
	return 126;
}

static void *
in_thread(void *arg)
{
	return (void *)(intptr_t)open_and_tell(arg);
}

static void *
exec_in_thread(void *arg)
{
	return (void *)(intptr_t)execute(arg);
}

static int
run_thread(void *(*what)(void *), void *arg)
{
	pthread_t thread;
	void *ret = NULL;
	if (pthread_create(&thread, NULL, what, arg) != 0)
		return 125;
	(void)pthread_join(thread, &ret);
	return (int)(intptr_t)ret;
}

static int
pass_on(const char *path, char **command)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0 || dup2(fd, 9) < 0)
		return 125;
	return execute(command);
}

static int
status_of(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) == pid && !WIFEXITED(status)) {
		if (WIFSIGNALED(status))
			return 124;
		(void)ptrace(PTRACE_CONT, pid, NULL, NULL);
	}
	return WEXITSTATUS(status);
}

static int
traced(char **command)
{
	pid_t pid = fork();
	if (pid != 0)
		return status_of(pid);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return 125;
	return execute(command);
}

static int
trace(pid_t who, char **command)
{
	if (ptrace(PTRACE_SEIZE, who, NULL, NULL) < 0) {
		puts(strerrorname_np(errno));
		return 1;
	}
	pid_t pid = fork();
	if (pid == 0)
		return execute(command);
	return status_of(pid);
}

static int
numbered(pid_t number, uid_t uid, gid_t gid, char **command)
{
	struct clone_args args = { .exit_signal = SIGCHLD,
				   .set_tid = (uintptr_t)&number,
				   .set_tid_size = 1 };
	long pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return 123;
	if (pid > 0)
		return status_of((pid_t)pid);
	if (setgroups(0, NULL) < 0 || setgid(gid) < 0 || setuid(uid) < 0)
		_exit(125);
	_exit(execute(command));
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	if (strcmp(verb, "read") == 0)
		return open_and_tell(argv[2]);
	if (strcmp(verb, "thread") == 0)
		return run_thread(in_thread, argv[2]);
	if (strcmp(verb, "wait") == 0) {
		puts("ready");
		(void)getchar();
		return open_and_tell(argv[2]);
	}
	if (strcmp(verb, "exec") == 0)
		return run_thread(exec_in_thread, argv + 2);
	if (strcmp(verb, "traced") == 0)
		return traced(argv + 2);
	if (strcmp(verb, "pass") == 0 && argc > 3)
		return pass_on(argv[2], argv + 3);
	if (strcmp(verb, "trace") == 0 && argc > 3)
		return trace(atoi(argv[2]), argv + 3);
	if (strcmp(verb, "numbered") == 0 && argc > 5)
		return numbered(atoi(argv[2]), (uid_t)atoi(argv[3]),
				(gid_t)atoi(argv[4]), argv + 5);
	return 2;
}
