/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "settle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attach.h"
#include "base/log.h"
#include "notify.h"
#include "path.h"

#define WAITING_MAX 4096u /* files waiting at once */
#define BATCH       1024u /* settled after one syncfs */

struct mrq_settler {
	struct mrq_fs *fs;
	int sync_fd; /* a folder of the source's file system; owned */
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	size_t warm_max;           /* attached without users */
	size_t many;               /* files waiting that are not to wait longer */
	bool stop;                 /* guarded by lock */
	struct mrq_inode *waiting; /* unsettled, referred to; guarded by lock */
	size_t n_waiting;          /* guarded by lock */
	struct mrq_inode *oldest, *newest; /* attached without users; guarded by lock */
	size_t n_warm;                     /* guarded by lock */
};

enum mrq_status
mrq_settler_new(struct mrq_fs *fs, struct mrq_settler **ret, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) =
		openat(fs->source_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot open the folder '%s'", fs->source);
	struct mrq_settler *s = calloc(1, sizeof(*s));
	if (!s)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the settler");
	s->fs = fs;
	size_t part = fs->open_files / 16;
	s->warm_max = part < MRQ_ATTACHED_MAX ? part : MRQ_ATTACHED_MAX;
	s->many = part < WAITING_MAX ? part : WAITING_MAX;
	s->sync_fd = MRQ_STEAL_FD(fd);
	(void)pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_t attr;
	(void)pthread_condattr_init(&attr);
	(void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&s->wake, &attr);
	(void)pthread_condattr_destroy(&attr);
	*ret = s;
	return MRQ_OK;
}

void
mrq_settle_later(struct mrq_fs *fs, struct mrq_inode *ino)
{
	struct mrq_settler *s = fs->settler;
	(void)pthread_mutex_lock(&s->lock);
	if (!ino->unsettled) {
		mrq_inode_ref(ino);
		ino->unsettled = true;
		ino->unsettled_next = s->waiting;
		s->waiting = ino;
		if (++s->n_waiting > s->many)
			(void)pthread_cond_signal(&s->wake);
	}
	(void)pthread_mutex_unlock(&s->lock);
}

static time_t
monotonic(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/** Caller holds s->lock. */
static void
warm_append(struct mrq_settler *s, struct mrq_inode *ino)
{
	ino->lru_prev = s->newest;
	ino->lru_next = NULL;
	if (s->newest)
		s->newest->lru_next = ino;
	else
		s->oldest = ino;
	s->newest = ino;
	ino->in_lru = true;
	ino->idle_since = monotonic();
	s->n_warm++;
}

/** Caller holds s->lock. */
static void
warm_remove(struct mrq_settler *s, struct mrq_inode *ino)
{
	if (ino->lru_prev)
		ino->lru_prev->lru_next = ino->lru_next;
	else
		s->oldest = ino->lru_next;
	if (ino->lru_next)
		ino->lru_next->lru_prev = ino->lru_prev;
	else
		s->newest = ino->lru_prev;
	ino->lru_next = ino->lru_prev = NULL;
	ino->in_lru = false;
	s->n_warm--;
}

void
mrq_settle_warm(struct mrq_fs *fs, struct mrq_inode *ino)
{
	struct mrq_settler *s = fs->settler;
	(void)pthread_mutex_lock(&s->lock);
	if (ino->in_lru)
		warm_remove(s, ino);
	warm_append(s, ino);
	if (s->n_warm > s->warm_max + s->warm_max / 4)
		(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
}

void
mrq_settle_crowded(struct mrq_fs *fs)
{
	struct mrq_settler *s = fs->settler;
	(void)pthread_mutex_lock(&s->lock);
	(void)pthread_cond_signal(&s->wake);
	(void)pthread_mutex_unlock(&s->lock);
}

void
mrq_settle_forget(struct mrq_fs *fs, struct mrq_inode *ino)
{
	struct mrq_settler *s = fs->settler;
	if (!s)
		return;
	(void)pthread_mutex_lock(&s->lock);
	if (ino->in_lru)
		warm_remove(s, ino);
	(void)pthread_mutex_unlock(&s->lock);
}

size_t
mrq_settle_waiting(struct mrq_fs *fs)
{
	struct mrq_settler *s = fs->settler;
	(void)pthread_mutex_lock(&s->lock);
	size_t n = s->n_waiting;
	(void)pthread_mutex_unlock(&s->lock);
	return n;
}

/** Take the whole list of waiting inodes, linked by unsettled_next. */
static struct mrq_inode *
take_waiting(struct mrq_settler *s)
{
	(void)pthread_mutex_lock(&s->lock);
	struct mrq_inode *list = s->waiting;
	s->waiting = NULL;
	s->n_waiting = 0;
	(void)pthread_mutex_unlock(&s->lock);
	return list;
}

/** The next of a taken list; that inode may be queued again from now on. */
static struct mrq_inode *
pop(struct mrq_settler *s, struct mrq_inode **list)
{
	struct mrq_inode *ino = *list;
	if (!ino)
		return NULL;
	(void)pthread_mutex_lock(&s->lock);
	*list = ino->unsettled_next;
	ino->unsettled_next = NULL;
	ino->unsettled = false;
	(void)pthread_mutex_unlock(&s->lock);
	return ino;
}

/** Settle without a change of the file's mtime: programs have been told when it was written. */
static enum mrq_status
settle_quietly(struct mrq_inode *ino, struct mrq_file *file, bool durable,
	       struct mrq_error *err)
{
	struct stat before, after;
	char path[MRQ_PROC_FD_TEXT];
	bool known = fstat(ino->fd, &before) == 0;
	MRQ_TRY(mrq_file_settle(file, durable, err));
	(void)atomic_fetch_add(&ino->writes, 1);
	if (mrq_attach_restore_mtime(ino))
		return MRQ_OK;
	if (!known || fstat(ino->fd, &after) < 0 ||
	    (before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
	     before.st_mtim.tv_nsec == after.st_mtim.tv_nsec))
		return MRQ_OK;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, before.st_mtim };
	mrq_path_proc(ino->fd, path);
	(void)utimensat(AT_FDCWD, path, times, 0);
	return MRQ_OK;
}

enum mrq_status
mrq_settle_now(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_error *err)
{
	struct mrq_file *file;
	MRQ_TRY(mrq_attach_get(fs, ino, &file, err));
	(void)pthread_rwlock_wrlock(&ino->io);
	enum mrq_status st = MRQ_OK;
	if (ino->fence != MRQ_FENCE_CLOSED && !mrq_file_settled(file))
		st = settle_quietly(ino, file, false, err);
	(void)pthread_rwlock_unlock(&ino->io);
	mrq_attach_put(fs, ino);
	return st;
}

struct item {
	struct mrq_inode *ino; /* referred to */
	struct mrq_file *file; /* got, NULL when there is nothing to do */
	unsigned long writes;
};

/** Before the sync: what is written reaches the kernel. */
static enum mrq_status
prepare(struct mrq_fs *fs, struct item *item, struct mrq_error *err)
{
	struct mrq_inode *ino = item->ino;
	MRQ_TRY(mrq_attach_get(fs, ino, &item->file, err));
	(void)pthread_rwlock_rdlock(&ino->io);
	item->writes = atomic_fetch_add(&ino->writes, 1) + 1;
	enum mrq_status st = MRQ_OK;
	if (ino->fence != MRQ_FENCE_CLOSED)
		st = mrq_file_commit(item->file, false, err);
	(void)pthread_rwlock_unlock(&ino->io);
	return st;
}

/** After the sync. */
static enum mrq_status
finish(struct mrq_fs *fs, struct item *item, bool synced, struct mrq_error *err)
{
	struct mrq_inode *ino = item->ino;
	if (!item->file)
		return MRQ_OK;
	enum mrq_status st = MRQ_OK;
	(void)pthread_rwlock_wrlock(&ino->io);
	if (ino->fence != MRQ_FENCE_CLOSED && !mrq_file_settled(item->file))
		st = settle_quietly(ino, item->file,
				    synced && item->writes == atomic_load(&ino->writes),
				    err);
	(void)pthread_rwlock_unlock(&ino->io);
	mrq_attach_put(fs, ino);
	return st;
}

/** Remember the first failure. */
static void
note(enum mrq_status *first, enum mrq_status st, const struct mrq_error *why,
     struct mrq_error *err)
{
	if (st == MRQ_OK || *first != MRQ_OK)
		return;
	*first = st;
	if (err)
		*err = *why;
}

static enum mrq_status
settle_items(struct mrq_settler *s, struct item *items, size_t n, struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	enum mrq_status first = MRQ_OK;
	for (size_t i = 0; i < n; i++)
		note(&first, prepare(s->fs, &items[i], &why), &why, err);
	int r;
	do
		r = syncfs(s->sync_fd);
	while (r < 0 && errno == EINTR);
	bool synced = r == 0;
	if (!synced) {
		enum mrq_status st =
			mrq_fail_sys(&why, "cannot sync '%s'", s->fs->source);
		note(&first, st, &why, err);
	}
	for (size_t i = 0; i < n; i++)
		note(&first, finish(s->fs, &items[i], synced, &why), &why, err);
	return first;
}

static bool
is_attached(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool yes = ino->file != NULL && ino->fence != MRQ_FENCE_CLOSED;
	(void)pthread_mutex_unlock(&ino->lock);
	return yes;
}

enum mrq_status
mrq_settle_all(struct mrq_fs *fs, struct mrq_error *err)
{
	struct mrq_inode **list MRQ_CLEANUP(free) = NULL;
	size_t n = 0;
	MRQ_TRY(mrq_table_collect(fs->table, is_attached, &list, &n, err));
	struct item *items MRQ_CLEANUP(free) = calloc(n + 1, sizeof(struct item));
	enum mrq_status st =
		items ? MRQ_OK : mrq_fail(err, MRQ_E_NOMEM, "no memory to settle");
	for (size_t i = 0; items && i < n; i++)
		items[i].ino = list[i];
	if (items)
		st = settle_items(fs->settler, items, n, err);
	for (size_t i = 0; i < n; i++)
		mrq_inode_unref(fs, list[i], 1);
	return st;
}

static bool
has_writers(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool yes = ino->writers > 0;
	(void)pthread_mutex_unlock(&ino->lock);
	return yes;
}

/** Settle those that wait, a batch at a time. */
static void
turn(struct mrq_settler *s)
{
	struct mrq_inode *list = take_waiting(s);
	while (list) {
		struct item items[BATCH];
		struct mrq_inode *inodes[BATCH];
		size_t n = 0, n_all = 0;
		struct mrq_inode *ino;
		while (n < BATCH && n_all < BATCH && (ino = pop(s, &list)) != NULL) {
			inodes[n_all++] = ino;
			if (!has_writers(ino)) /* else its last close queues it again */
				items[n++] = (struct item){ .ino = ino };
		}
		struct mrq_error err = { 0 };
		if (n > 0 && settle_items(s, items, n, &err) != MRQ_OK)
			mrq_log(MRQ_LOG_WARNING, "settling: %s", err.msg);
		for (size_t i = 0; i < n_all; i++)
			mrq_inode_unref(s->fs, inodes[i], 1);
	}
}

/** Take the oldest one out of the list, with a reference, if it is above the bound or idle since. */
static struct mrq_inode *
pop_oldest(struct mrq_settler *s, time_t since)
{
	struct mrq_inode *ino = NULL;
	(void)pthread_mutex_lock(&s->lock);
	while (!ino && s->oldest &&
	       (s->n_warm > s->warm_max || s->oldest->idle_since <= since)) {
		ino = s->oldest;
		warm_remove(s, ino);
		if (!mrq_inode_try_ref(ino))
			ino = NULL; /* going away by itself */
	}
	(void)pthread_mutex_unlock(&s->lock);
	return ino;
}

/** The keys of a file leave memory with it. */
static void
trim(struct mrq_settler *s, time_t since)
{
	struct mrq_inode *ino;
	while ((ino = pop_oldest(s, since)) != NULL) {
		mrq_attach_trim(ino);
		mrq_inode_unref(s->fs, ino, 1);
	}
}

void
mrq_settle_let_go(struct mrq_fs *fs)
{
	trim(fs->settler, monotonic());
}

static bool
is_idle(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool idle = ino->users == 0 && !S_ISDIR(ino->type);
	(void)pthread_mutex_unlock(&ino->lock);
	/* asking takes its turn with the requests in a folder: never twice in vain */
	return idle && !atomic_exchange(&ino->leaving, true);
}

/** Have the kernel forget the names of files that nobody uses; it tells us by FORGET. */
static void
relieve(struct mrq_settler *s)
{
	struct mrq_table *t = s->fs->table;
	struct mrq_inode **list MRQ_CLEANUP(free) = NULL, *parent;
	size_t n = 0;
	if (!atomic_load(&t->crowded))
		return;
	if (mrq_table_collect(t, is_idle, &list, &n, NULL) != MRQ_OK)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		char *name;
		if (mrq_path_place(t, list[i], &parent, &name, NULL) == MRQ_OK) {
			mrq_notify_entry(s->fs, parent, name);
			mrq_inode_unref(s->fs, parent, 1);
			free(name);
		}
		mrq_inode_unref(s->fs, list[i], 1);
	}
	mrq_table_relieved(t);
}

/** Anything to do before the pause ends?  Caller holds s->lock. */
static bool
pressed(const struct mrq_settler *s)
{
	return s->n_warm > s->warm_max + s->warm_max / 4 || s->n_waiting > s->many ||
	       atomic_load(&s->fs->table->crowded);
}

/** Wait for the pause to end; false when it is time to stop. */
static bool
pause_for(struct mrq_settler *s, const struct timespec *until, bool *ret_due)
{
	int r = 0;
	(void)pthread_mutex_lock(&s->lock);
	while (!s->stop && r == 0 && !pressed(s))
		r = pthread_cond_timedwait(&s->wake, &s->lock, until);
	bool go_on = !s->stop;
	*ret_due = r == ETIMEDOUT || s->n_waiting > s->many;
	(void)pthread_mutex_unlock(&s->lock);
	return go_on;
}

static void *
run(void *arg)
{
	struct mrq_settler *s = arg;
	struct timespec until;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += s->fs->options.settle_seconds;
	bool due;
	while (pause_for(s, &until, &due)) {
		if (due) {
			turn(s);
			(void)clock_gettime(CLOCK_MONOTONIC, &until);
			until.tv_sec += s->fs->options.settle_seconds;
		}
		trim(s, monotonic() - (time_t)s->fs->options.settle_seconds);
		relieve(s);
	}
	return NULL;
}

enum mrq_status
mrq_settler_start(struct mrq_settler *s, struct mrq_error *err)
{
	int r = pthread_create(&s->thread, NULL, run, s);
	if (r != 0) {
		errno = r;
		return mrq_fail_sys(err, "cannot start the settler");
	}
	s->running = true;
	return MRQ_OK;
}

void
mrq_settler_free(struct mrq_settler *s)
{
	if (!s)
		return;
	if (s->running) {
		(void)pthread_mutex_lock(&s->lock);
		s->stop = true;
		(void)pthread_cond_signal(&s->wake);
		(void)pthread_mutex_unlock(&s->lock);
		(void)pthread_join(s->thread, NULL);
	}
	(void)close(s->sync_fd);
	(void)pthread_cond_destroy(&s->wake);
	(void)pthread_mutex_destroy(&s->lock);
	free(s);
}
