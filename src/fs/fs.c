/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "base/log.h"
#include "fence.h"
#include "inode.h"
#include "notify.h"
#include "settle.h"

#define TIMEOUT_DEFAULT        1.0 /* seconds */
#define SETTLE_SECONDS_DEFAULT 5u
#define THREADS_MIN            4u
#define DRAIN_PAUSE_NS         20000000L
#define OPEN_FILES_MAX         1048576u /* the most that kernels allow unless told otherwise */
#define OPEN_FILES_MIN         256u

static void
resolve_options(struct mrq_fs_options *o)
{
	double timeout = o->shared ? 0.0 : TIMEOUT_DEFAULT;
	if (o->attr_timeout < 0)
		o->attr_timeout = timeout;
	if (o->entry_timeout < 0)
		o->entry_timeout = timeout;
	if (o->threads == 0) {
		long cpus = sysconf(_SC_NPROCESSORS_ONLN);
		o->threads = cpus > (long)THREADS_MIN ? (unsigned)cpus : THREADS_MIN;
	}
	if (o->threads > MRQ_FS_THREADS_MAX)
		o->threads = MRQ_FS_THREADS_MAX;
	if (o->settle_seconds == 0)
		o->settle_seconds = SETTLE_SECONDS_DEFAULT;
}

/** Raise the limit of descriptors as far as it goes; returns it. */
static size_t
raise_open_files(void)
{
	struct rlimit limit = { .rlim_cur = OPEN_FILES_MAX,
				.rlim_max = OPEN_FILES_MAX };
	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return OPEN_FILES_MAX;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return OPEN_FILES_MIN;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_max > OPEN_FILES_MIN ? limit.rlim_max : OPEN_FILES_MIN;
}

enum mrq_status
mrq_fs_new(struct mrq_session *session, int source_fd, const char *source,
	   const char *mount_point, const struct mrq_fs_options *options,
	   struct mrq_fs **ret, struct mrq_error *err)
{
	struct mrq_fs *fs MRQ_CLEANUP(mrq_fs_free) = calloc(1, sizeof(*fs));
	if (!fs)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the mount");
	fs->session = session;
	fs->options = *options;
	resolve_options(&fs->options);
	fs->source_fd = -1;
	fs->root = geteuid() == 0;
	(void)pthread_mutex_init(&fs->run_lock, NULL);
	(void)pthread_cond_init(&fs->run_end, NULL);
	fs->source = strdup(source);
	fs->mount_point = strdup(mount_point);
	if (!fs->source || !fs->mount_point)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the mount");
	fs->open_files = raise_open_files();
	int root MRQ_CLEANUP(mrq_close) = dup(source_fd);
	if (root < 0)
		return mrq_fail_sys(err, "cannot use the folder '%s'", source);
	fs->source_fd = source_fd;
	enum mrq_status st = mrq_settler_new(fs, &fs->settler, err);
	if (st == MRQ_OK)
		st = mrq_table_new(fs, root, &fs->table, err);
	if (st == MRQ_OK) {
		root = -1;
		st = mrq_notifier_new(fs, &fs->notifier, err);
	}
	if (st != MRQ_OK) {
		fs->source_fd = -1; /* stays the caller's */
		return st;
	}
	*ret = MRQ_STEAL(fs);
	return MRQ_OK;
}

void
mrq_fs_free(struct mrq_fs *fs)
{
	if (!fs)
		return;
	mrq_notifier_free(fs->notifier);
	fs->notifier = NULL;
	struct mrq_settler *settler = MRQ_STEAL(fs->settler);
	mrq_settler_free(settler);
	mrq_table_free(fs->table);
	if (fs->source_fd >= 0)
		(void)close(fs->source_fd);
	(void)pthread_mutex_destroy(&fs->run_lock);
	(void)pthread_cond_destroy(&fs->run_end);
	free(fs->source);
	free(fs->mount_point);
	free(fs);
}

enum mrq_status
mrq_fs_start(struct mrq_fs *fs, struct fuse_session *se, struct mrq_error *err)
{
	fs->se = se;
	MRQ_TRY(mrq_notifier_start(fs->notifier, err));
	return mrq_settler_start(fs->settler, err);
}

enum mrq_status
mrq_fs_flush(struct mrq_fs *fs, struct mrq_error *err)
{
	enum mrq_status st = mrq_settle_all(fs, err);
	mrq_settle_let_go(fs);
	return st;
}

static bool
is_open(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool yes = ino->handles != NULL && ino->fence == MRQ_FENCE_NONE;
	(void)pthread_mutex_unlock(&ino->lock);
	return yes;
}

void
mrq_fs_recheck(void *arg)
{
	struct mrq_fs *fs = arg;
	struct mrq_inode **list MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };
	size_t n = 0;
	if (mrq_table_collect(fs->table, is_open, &list, &n, &err) != MRQ_OK) {
		mrq_log(MRQ_LOG_ERROR, "asking for rights again: %s", err.msg);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		(void)mrq_fence_recheck(fs, list[i]);
		mrq_inode_unref(fs, list[i], 1);
	}
}

enum mrq_status
mrq_fs_reload(struct mrq_fs *fs, struct mrq_error *err)
{
	MRQ_TRY(mrq_session_reload(fs->session, err));
	mrq_fs_recheck(fs);
	return MRQ_OK;
}

enum mrq_status
mrq_fs_drain(struct mrq_fs *fs, unsigned timeout_ms, struct mrq_error *err)
{
	const struct timespec pause = { .tv_nsec = DRAIN_PAUSE_NS };
	atomic_store(&fs->draining, true);
	unsigned long left = atomic_load(&fs->handles);
	for (unsigned waited = 0; left > 0 && waited < timeout_ms;
	     waited += DRAIN_PAUSE_NS / 1000000) {
		(void)nanosleep(&pause, NULL);
		left = atomic_load(&fs->handles);
	}
	if (left > 0) {
		atomic_store(&fs->draining, false);
		return mrq_fail(err, MRQ_E_BUSY, "%lu files of '%s' are still open",
				left, fs->mount_point);
	}
	return mrq_fs_flush(fs, err);
}

static bool
count_attached(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool yes = ino->file != NULL;
	(void)pthread_mutex_unlock(&ino->lock);
	return yes;
}

void
mrq_fs_count(struct mrq_fs *fs, struct mrq_fs_counters *ret)
{
	struct mrq_inode **list MRQ_CLEANUP(free) = NULL;
	size_t n = 0;
	*ret = (struct mrq_fs_counters){
		.inodes = mrq_table_size(fs->table),
		.handles = atomic_load(&fs->handles),
		.requests = atomic_load(&fs->requests),
		.unsettled = mrq_settle_waiting(fs),
		.fenced = atomic_load(&fs->fenced),
	};
	if (mrq_table_collect(fs->table, count_attached, &list, &n, NULL) != MRQ_OK)
		return;
	ret->files = n;
	for (size_t i = 0; i < n; i++)
		mrq_inode_unref(fs, list[i], 1);
}
