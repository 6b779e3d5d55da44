/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "fence.h"
#include "loop.h"

enum job_kind { JOB_ENTRY, JOB_PAGES, JOB_FENCE, JOB_FLUSH };

struct job {
	enum job_kind kind;
	struct mrq_inode *ino; /* referred to; the folder of an entry */
	char *name;            /* of an entry; owned */
	struct mrq_parked *parked;
	struct job *next;
};

struct mrq_notifier {
	struct mrq_fs *fs;
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool stop;                /* guarded by lock */
	struct job *first, *last; /* guarded by lock */
};

enum mrq_status
mrq_notifier_new(struct mrq_fs *fs, struct mrq_notifier **ret, struct mrq_error *err)
{
	struct mrq_notifier *n = calloc(1, sizeof(*n));
	if (!n)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the notifier");
	n->fs = fs;
	(void)pthread_mutex_init(&n->lock, NULL);
	(void)pthread_cond_init(&n->wake, NULL);
	*ret = n;
	return MRQ_OK;
}

void
mrq_notify_pages_now(struct mrq_fs *fs, struct mrq_inode *ino)
{
	(void)fuse_lowlevel_notify_inval_inode(fs->se, mrq_inode_id(fs, ino), 0, 0);
}

void
mrq_notify_entry_now(struct mrq_fs *fs, struct mrq_inode *parent, const char *name)
{
	(void)fuse_lowlevel_notify_inval_entry(fs->se, mrq_inode_id(fs, parent), name,
					       strlen(name));
}

static void
do_job(struct mrq_notifier *n, struct job *job, bool stopped)
{
	switch (job->kind) {
	case JOB_ENTRY:
		if (!stopped)
			mrq_notify_entry_now(n->fs, job->ino, job->name);
		break;
	case JOB_PAGES:
		if (!stopped)
			mrq_notify_pages_now(n->fs, job->ino);
		break;
	case JOB_FENCE:
		mrq_fence_close(n->fs, job->ino, !stopped);
		break;
	case JOB_FLUSH:
		if (!stopped)
			mrq_notify_pages_now(n->fs, job->ino);
		mrq_loop_use_channel(job->parked->channel);
		job->parked->answer(job->parked, job->ino);
		mrq_loop_use_channel(-1);
		break;
	}
	mrq_inode_unref(n->fs, job->ino, 1);
	free(job->name);
	free(job);
}

static void *
run(void *arg)
{
	struct mrq_notifier *n = arg;
	for (;;) {
		(void)pthread_mutex_lock(&n->lock);
		while (!n->first && !n->stop)
			(void)pthread_cond_wait(&n->wake, &n->lock);
		struct job *job = n->first;
		if (job)
			n->first = job->next;
		bool stopped = n->stop;
		(void)pthread_mutex_unlock(&n->lock);
		if (!job)
			return NULL;
		do_job(n, job, stopped);
	}
}

enum mrq_status
mrq_notifier_start(struct mrq_notifier *n, struct mrq_error *err)
{
	int r = pthread_create(&n->thread, NULL, run, n);
	if (r != 0) {
		errno = r;
		return mrq_fail_sys(err, "cannot start the notifier");
	}
	n->running = true;
	return MRQ_OK;
}

void
mrq_notifier_stop(struct mrq_notifier *n)
{
	if (!n->running)
		return;
	(void)pthread_mutex_lock(&n->lock);
	n->stop = true;
	(void)pthread_cond_signal(&n->wake);
	(void)pthread_mutex_unlock(&n->lock);
	(void)pthread_join(n->thread, NULL);
	n->running = false;
}

void
mrq_notifier_free(struct mrq_notifier *n)
{
	if (!n)
		return;
	mrq_notifier_stop(n);
	(void)pthread_cond_destroy(&n->wake);
	(void)pthread_mutex_destroy(&n->lock);
	free(n);
}

/** Queue a job; false when there is no memory or no thread to do it. */
static bool
enqueue(struct mrq_fs *fs, enum job_kind kind, struct mrq_inode *ino, const char *name,
	struct mrq_parked *parked)
{
	struct mrq_notifier *n = fs->notifier;
	struct job *job = calloc(1, sizeof(*job));
	char *copy = name ? strdup(name) : NULL;
	if (!job || (name && !copy)) {
		free(job);
		free(copy);
		mrq_log(MRQ_LOG_WARNING, "no memory to notify the kernel");
		return false;
	}
	*job = (struct job){ .kind = kind, .ino = ino, .name = copy, .parked = parked };
	mrq_inode_ref(ino);
	(void)pthread_mutex_lock(&n->lock);
	bool taken = n->running && !n->stop;
	if (taken) {
		if (n->first)
			n->last->next = job;
		else
			n->first = job;
		n->last = job;
		(void)pthread_cond_signal(&n->wake);
	}
	(void)pthread_mutex_unlock(&n->lock);
	if (!taken) {
		mrq_inode_unref(fs, ino, 1);
		free(copy);
		free(job);
	}
	return taken;
}

void
mrq_notify_entry(struct mrq_fs *fs, struct mrq_inode *parent, const char *name)
{
	(void)enqueue(fs, JOB_ENTRY, parent, name, NULL);
}

void
mrq_notify_pages(struct mrq_fs *fs, struct mrq_inode *ino)
{
	(void)enqueue(fs, JOB_PAGES, ino, NULL, NULL);
}

void
mrq_notify_fence(struct mrq_fs *fs, struct mrq_inode *ino)
{
	if (!enqueue(fs, JOB_FENCE, ino, NULL, NULL))
		mrq_fence_close(fs, ino, false);
}

void
mrq_notify_flush(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_parked *p)
{
	if (!enqueue(fs, JOB_FLUSH, ino, NULL, p))
		p->answer(p, ino);
}
