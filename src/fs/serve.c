/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/daemon-internal.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <marque/version.h>

#include "base/log.h"

#define READ_AHEAD_KIB "1024"
#define IDLE_TRIES     10 /* of an unmount that found the mount in use */
#define IDLE_PAUSE_NS  100000000L

/* ---- the end of a mount ---- */

/* The root of our own mount, or -1; errno EXDEV when something else is there. */
static int
open_mount(const struct mrq_daemon *d)
{
	struct stat st;
	int fd = open(d->place.mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && major(st.st_dev) == d->major &&
	    minor(st.st_dev) == d->minor)
		return fd;
	(void)close(fd);
	errno = EXDEV;
	return -1;
}

/* The workers serve the WRITEs that this causes: never call it from one of them. */
static void
write_dirty_pages(int fd, const struct mrq_daemon *d)
{
	if (syncfs(fd) < 0)
		mrq_log(MRQ_LOG_ERROR, "cannot write everything of '%s' back: %s",
			d->place.mount_point, strerrordesc_np(errno));
}

static enum mrq_status
unmount_idle(struct mrq_daemon *d, struct mrq_error *err)
{
	struct timespec pause = { .tv_nsec = IDLE_PAUSE_NS };
	enum mrq_status s = MRQ_E_BUSY;

	for (int i = 0; i < IDLE_TRIES && s == MRQ_E_BUSY; i++) {
		if (i > 0)
			(void)nanosleep(&pause, NULL);
		s = mrq_unmounter_run(d->unmounter, MRQ_UNMOUNT_IDLE, err);
	}
	return s;
}

/* Files are open: nobody else may come in, and those who are in lose what they write from now on. */
static void
unmount_busy(struct mrq_daemon *d)
{
	struct mrq_error err = { 0 };
	int fd MRQ_CLEANUP(mrq_close) = open_mount(d);

	mrq_log(MRQ_LOG_WARNING,
		"'%s' is unmounted while %lu files or folders are open in it",
		d->place.mount_point, atomic_load(&d->fs->handles));
	if (mrq_unmounter_run(d->unmounter, MRQ_UNMOUNT_LAZY, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_ERROR, "%s", err.msg);
	if (fd >= 0)
		write_dirty_pages(fd, d);
}

/* A user's mount whose root he may not list, for one. */
static void
unmount_unseen(struct mrq_daemon *d, int why)
{
	struct mrq_error err = { 0 };

	/* Covered by another mount, or unmounted already: what is there now is none of ours. */
	if (why == EXDEV || why == ENOENT || why == ENOTCONN)
		mrq_log(MRQ_LOG_NOTICE, "'%s' is not our mount any more: left as it is",
			d->place.mount_point);
	else if (mrq_unmounter_run(d->unmounter, MRQ_UNMOUNT_LAZY, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_ERROR, "%s", err.msg);
}

static void
unmount_seen(struct mrq_daemon *d, int fd)
{
	struct mrq_error err = { 0 };

	write_dirty_pages(fd, d);
	(void)close(fd);
	enum mrq_status s = unmount_idle(d, &err);
	if (s == MRQ_E_BUSY)
		unmount_busy(d);
	else if (s != MRQ_OK)
		mrq_log(MRQ_LOG_ERROR, "%s", err.msg);
}

void
mrq_daemon_stop(struct mrq_daemon *d)
{
	int fd = open_mount(d);

	if (fd >= 0)
		unmount_seen(d, fd);
	else
		unmount_unseen(d, errno);
	atomic_store(&d->gone, true);
	mrq_fs_stop(d->fs);
}

/* ---- the thread of signals ---- */

static void
fill_signals(sigset_t *set)
{
	(void)sigemptyset(set);
	(void)sigaddset(set, SIGTERM);
	(void)sigaddset(set, SIGINT);
	(void)sigaddset(set, SIGHUP);
}

void
mrq_daemon_block_signals(void)
{
	sigset_t set;

	fill_signals(&set);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* A shell starts its background jobs with SIGINT ignored: then nobody could take it. */
	(void)signal(SIGTERM, SIG_DFL);
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGHUP, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
}

/* After the first answer: the kernel takes the smaller of this and what was agreed at the start. */
static void
raise_read_ahead(const struct mrq_daemon *d)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb",
		       d->major, d->minor);
	int fd MRQ_CLEANUP(mrq_close) = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, READ_AHEAD_KIB, sizeof(READ_AHEAD_KIB) - 1) < 0)
		mrq_log(MRQ_LOG_DEBUG, "cannot raise the read-ahead in '%s': %s", path,
			strerrordesc_np(errno));
}

static void
reload(struct mrq_daemon *d)
{
	struct mrq_error err = { 0 };

	mrq_ready_notify(d->notify_socket, "RELOADING=1");
	if (mrq_fs_reload(d->fs, &err) == MRQ_OK)
		mrq_log(MRQ_LOG_NOTICE, "configuration read again");
	else
		mrq_log(MRQ_LOG_ERROR, "the configuration stays as it was: %s",
			err.msg);
	mrq_ready_notify(d->notify_socket, "READY=1");
}

static void *
signals_main(void *arg)
{
	struct mrq_daemon *d = arg;
	struct stat st;
	sigset_t set;

	if (stat(d->place.mount_point, &st) == 0 || errno != ENOTCONN) {
		if (d->root)
			raise_read_ahead(d);
		mrq_log(MRQ_LOG_NOTICE, "'%s' is mounted on '%s'", d->place.source,
			d->place.mount_point);
		mrq_ready_done(&d->ready, d->notify_socket);
	}
	fill_signals(&set);
	while (!atomic_load(&d->ending)) {
		int signo = sigwaitinfo(&set, NULL);
		if (atomic_load(&d->ending))
			break;
		if (signo == SIGHUP)
			reload(d);
		if (signo != SIGTERM && signo != SIGINT)
			continue;
		mrq_ready_notify(d->notify_socket, "STOPPING=1");
		mrq_daemon_stop(d);
		break;
	}
	return NULL;
}

enum mrq_status
mrq_daemon_start_signals(struct mrq_daemon *d, struct mrq_error *err)
{
	errno = pthread_create(&d->signals, NULL, signals_main, d);
	if (errno)
		return mrq_fail_sys(err, "cannot start the thread of signals");
	d->signals_run = true;
	return MRQ_OK;
}

void
mrq_daemon_end_signals(struct mrq_daemon *d)
{
	if (!d->signals_run)
		return;
	atomic_store(&d->ending, true);
	(void)pthread_kill(d->signals, SIGTERM);
	(void)pthread_join(d->signals, NULL);
	d->signals_run = false;
}

/* ---- the control socket ---- */

static enum mrq_status
control_why(void *arg, uid_t uid, const char *path, char *ret, size_t len,
	    struct mrq_error *err)
{
	struct mrq_daemon *d = arg;

	return mrq_session_why(d->session, uid, path, ret, len, err);
}

static enum mrq_status
control_status(void *arg, struct mrq_json_out *out, struct mrq_error *err)
{
	struct mrq_daemon *d = arg;

	(void)err;
	mrq_json_out_path(out, "source", d->place.source);
	mrq_json_out_path(out, "mount_point", d->place.mount_point);
	mrq_json_out_text(out, "version", mrq_version());
	mrq_json_out_integer(out, "pid", getpid());
	mrq_json_out_integer(out, "uid", geteuid());
	mrq_json_out_bool(out, "shared", d->options->shared);
	mrq_json_out_bool(out, "read_only", d->options->read_only);
	return MRQ_OK;
}

static enum mrq_status
control_counters(void *arg, struct mrq_json_out *out, struct mrq_error *err)
{
	struct mrq_daemon *d = arg;
	struct mrq_fs_counters n = { 0 };
	char *session MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(mrq_session_counters(d->session, &session, err));
	mrq_json_out_raw(out, "session", session);
	mrq_fs_count(d->fs, &n);
	mrq_json_out_begin(out, "mount", '{');
	mrq_json_out_integer(out, "inodes", (int64_t)n.inodes);
	mrq_json_out_integer(out, "files", (int64_t)n.files);
	mrq_json_out_integer(out, "handles", (int64_t)n.handles);
	mrq_json_out_integer(out, "requests", (int64_t)n.requests);
	mrq_json_out_integer(out, "unsettled", (int64_t)n.unsettled);
	mrq_json_out_integer(out, "fenced", (int64_t)n.fenced);
	mrq_json_out_end(out, '}');
	return MRQ_OK;
}

static enum mrq_status
control_flush(void *arg, struct mrq_error *err)
{
	struct mrq_daemon *d = arg;
	int fd MRQ_CLEANUP(mrq_close) = open_mount(d);

	if (fd >= 0 && syncfs(fd) < 0)
		return mrq_fail_sys(err, "cannot write everything of '%s' back",
				    d->place.mount_point);
	return mrq_fs_flush(d->fs, err);
}

static enum mrq_status
control_reload(void *arg, struct mrq_error *err)
{
	struct mrq_daemon *d = arg;

	return mrq_fs_reload(d->fs, err);
}

static enum mrq_status
control_revoked(void *arg, struct mrq_error *err)
{
	struct mrq_daemon *d = arg;

	return mrq_session_poll(d->session, err);
}

static enum mrq_status
control_drain(void *arg, unsigned seconds, struct mrq_error *err)
{
	struct mrq_daemon *d = arg;

	MRQ_TRY(mrq_fs_drain(d->fs, seconds * 1000, err));
	if (kill(getpid(), SIGTERM) < 0)
		return mrq_fail_sys(err, "cannot stop '%s'", d->place.mount_point);
	return MRQ_OK;
}

const struct mrq_control_ops mrq_daemon_control_ops = {
	.why = control_why,
	.status = control_status,
	.counters = control_counters,
	.flush = control_flush,
	.reload = control_reload,
	.revoked = control_revoked,
	.drain = control_drain,
};
