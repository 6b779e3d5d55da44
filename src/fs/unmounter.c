/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/unmounter.h"

#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

struct mrq_unmounter {
	char *mount_point;
	int helper; /* socket of the helper; -1: root */
	pid_t pid;
};

/* fusermount3 tells no reason but on stderr: the mount is there still, so it is in use. */
enum helper_answer { HELPER_DONE, HELPER_BUSY, HELPER_NO_PROGRAM };

static enum helper_answer
run_fusermount(const char *mount_point, enum mrq_unmount how)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return HELPER_NO_PROGRAM;
	if (pid == 0) {
		if (how == MRQ_UNMOUNT_LAZY)
			(void)execlp("fusermount3", "fusermount3", "-u", "-z", "--",
				     mount_point, (char *)NULL);
		else
			(void)execlp("fusermount3", "fusermount3", "-u", "--",
				     mount_point, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status) || WEXITSTATUS(status) == 127)
		return HELPER_NO_PROGRAM;
	return WEXITSTATUS(status) == 0 ? HELPER_DONE : HELPER_BUSY;
}

/* Signals of the terminal are for the daemon, which then tells us. */
static _Noreturn void
helper_main(int fd, const char *mount_point)
{
	char how;

	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Whoever waits for the end of our output must not wait for the end of the mount. */
	int null = open("/dev/null", O_RDWR);
	for (int i = STDIN_FILENO; null >= 0 && i <= STDERR_FILENO; i++)
		(void)dup2(null, i);
	(void)dup2(fd, 3);
	(void)close_range(4, ~0u, 0);
	if (chdir("/") < 0)
		_exit(1);
	while (read(3, &how, 1) == 1) {
		char answer = (char)run_fusermount(mount_point, (enum mrq_unmount)how);
		if (write(3, &answer, 1) != 1)
			break;
	}
	_exit(0);
}

static enum mrq_status
start_helper(struct mrq_unmounter *u, struct mrq_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return mrq_fail_sys(err, "cannot make a socket");
	u->pid = fork();
	if (u->pid == 0)
		helper_main(pair[1], u->mount_point);
	(void)close(pair[1]);
	u->helper = pair[0];
	if (u->pid < 0)
		return mrq_fail_sys(err, "cannot start the helper that unmounts");
	return MRQ_OK;
}

enum mrq_status
mrq_unmounter_new(const char *mount_point, bool root, struct mrq_unmounter **ret,
		  struct mrq_error *err)
{
	struct mrq_unmounter *u MRQ_CLEANUP(mrq_unmounter_free) = calloc(1, sizeof(*u));

	if (!u)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to mount");
	u->helper = -1;
	u->mount_point = strdup(mount_point);
	if (!u->mount_point)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to mount");
	if (!root)
		MRQ_TRY(start_helper(u, err));
	*ret = MRQ_STEAL(u);
	return MRQ_OK;
}

static enum mrq_status
fail_busy(const struct mrq_unmounter *u, struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_BUSY, "'%s' is in use; fuser -m tells by whom",
			u->mount_point);
}

static enum mrq_status
run_helper(struct mrq_unmounter *u, enum mrq_unmount how, struct mrq_error *err)
{
	char command = (char)how, answer = HELPER_NO_PROGRAM;

	if (send(u->helper, &command, 1, MSG_NOSIGNAL) != 1 ||
	    recv(u->helper, &answer, 1, 0) != 1)
		return mrq_fail_sys(err,
				    "the helper that unmounts '%s' is gone: run "
				    "fusermount3 -u",
				    u->mount_point);
	if (answer == HELPER_DONE)
		return MRQ_OK;
	if (answer == HELPER_BUSY)
		return fail_busy(u, err);
	return mrq_fail(err, MRQ_E_NOT_FOUND,
			"cannot run fusermount3: install the package fuse3");
}

enum mrq_status
mrq_unmounter_run(struct mrq_unmounter *unmounter, enum mrq_unmount how,
		  struct mrq_error *err)
{
	int flags = UMOUNT_NOFOLLOW | (how == MRQ_UNMOUNT_LAZY ? MNT_DETACH : 0);

	if (unmounter->helper >= 0)
		return run_helper(unmounter, how, err);
	if (umount2(unmounter->mount_point, flags) == 0)
		return MRQ_OK;
	if (errno == EBUSY)
		return fail_busy(unmounter, err);
	return mrq_fail_sys(err, "cannot unmount '%s'", unmounter->mount_point);
}

void
mrq_unmounter_free(struct mrq_unmounter *unmounter)
{
	if (!unmounter)
		return;
	if (unmounter->helper >= 0)
		(void)close(unmounter->helper);
	if (unmounter->pid > 0)
		(void)waitpid(unmounter->pid, NULL, 0);
	free(unmounter->mount_point);
	free(unmounter);
}
