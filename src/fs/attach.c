/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"
#include "reply.h"
#include "settle.h"

struct mrq_retired {
	struct mrq_file *file;
	struct mrq_retired *next;
};

static void
retired_free(struct mrq_retired *list)
{
	while (list) {
		struct mrq_retired *next = list->next;
		mrq_file_free(list->file);
		free(list);
		list = next;
	}
}

struct mrq_retired *
mrq_retired_new(void)
{
	return calloc(1, sizeof(struct mrq_retired));
}

void
mrq_attach_replace(struct mrq_inode *ino, struct mrq_file *file,
		   struct mrq_retired *old)
{
	(void)pthread_mutex_lock(&ino->lock);
	old->file = ino->file;
	old->next = ino->retired;
	ino->retired = old;
	ino->file = file;
	(void)pthread_mutex_unlock(&ino->lock);
}

/** Open the backing file as the daemon, for writing where that is possible. */
static int
open_backing(const struct mrq_fs *fs, const struct mrq_inode *ino)
{
	int fd = -1;
	if (!fs->options.read_only)
		fd = mrq_path_reopen(ino->fd, O_RDWR | O_NONBLOCK);
	if (fd < 0 && (fs->options.read_only || errno == EACCES || errno == EROFS ||
		       errno == EPERM || errno == ETXTBSY))
		fd = mrq_path_reopen(ino->fd, O_RDONLY | O_NONBLOCK);
	return fd;
}

/** Caller holds ino->lock. */
static enum mrq_status
attach_locked(struct mrq_fs *fs, struct mrq_inode *ino, const char *path,
	      struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = open_backing(fs, ino);
	if (fd < 0)
		return mrq_fail_errno(err, errno);
	MRQ_TRY(mrq_file_attach(fs->session, fd, path, &ino->file, err));
	fd = -1;
	return MRQ_OK;
}

enum mrq_status
mrq_attach_get(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_file **ret,
	       struct mrq_error *err)
{
	char path[MRQ_FS_PATH_MAX];
	mrq_path_of(fs->table, ino, path); /* table.names comes before inode.lock */
	(void)pthread_mutex_lock(&ino->lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &ino->lock;
	(void)held;
	if (ino->gone || ino->fence == MRQ_FENCE_CLOSED)
		return mrq_fail_errno(err, ESTALE);
	if (!ino->file)
		MRQ_TRY(attach_locked(fs, ino, path, err));
	ino->users++;
	*ret = ino->file;
	return MRQ_OK;
}

enum mrq_status
mrq_attach_new(struct mrq_fs *fs, struct mrq_inode *ino, int fd, struct mrq_file **ret,
	       struct mrq_error *err)
{
	char path[MRQ_FS_PATH_MAX];
	int own MRQ_CLEANUP(mrq_close) = fd;
	mrq_path_of(fs->table, ino, path);
	(void)pthread_mutex_lock(&ino->lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &ino->lock;
	(void)held;
	/* Somebody may have opened the new name already, and even be gone again. */
	struct stat st;
	if (!ino->file) {
		MRQ_TRY(fstat(own, &st) == 0 && st.st_size == 0
				? mrq_file_attach_new(fs->session, own, path,
						      &ino->file, err)
				: mrq_file_attach(fs->session, own, path, &ino->file,
						  err));
		own = -1;
	}
	ino->users++;
	*ret = ino->file;
	return MRQ_OK;
}

struct mrq_file *
mrq_attach_peek(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	struct mrq_file *file = ino->file;
	ino->users += file != NULL;
	(void)pthread_mutex_unlock(&ino->lock);
	return file;
}

/** Caller holds ino->lock. */
static bool
moved(const struct mrq_inode *ino, const struct stat *st)
{
	struct mrq_stamp now = mrq_stamp_of(st);
	return !mrq_stamp_equal(&now, &ino->stamp);
}

void
mrq_attach_hold(struct mrq_inode *ino)
{
	struct stat st;
	(void)pthread_mutex_lock(&ino->lock);
	if (ino->users == 0 && ino->known && fstat(ino->fd, &st) == 0 &&
	    moved(ino, &st))
		ino->stale = true;
	(void)atomic_fetch_add(&ino->writes, 1);
	ino->users++;
	(void)pthread_mutex_unlock(&ino->lock);
}

/** By (2).  Caller holds ino->lock. */
static void
take_stamp(struct mrq_inode *ino)
{
	struct stat st;
	struct mrq_facts facts;
	if (!S_ISREG(ino->type))
		return;
	if (fstat(ino->fd, &st) < 0) {
		ino->known = false;
		return;
	}
	unsigned long writes = atomic_load(&ino->writes);
	if (ino->known && writes == ino->stamped && moved(ino, &st))
		ino->stale = true; /* while we only read */
	ino->stamp = mrq_stamp_of(&st);
	ino->stamped = writes;
	if (!ino->file || ino->fence != MRQ_FENCE_NONE)
		return;
	mrq_file_facts(ino->file, &facts);
	ino->kind = facts.kind;
	ino->size = facts.size;
	ino->known = true;
}

void
mrq_attach_put(struct mrq_fs *fs, struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool last = --ino->users == 0;
	if (last)
		take_stamp(ino);
	bool attached = last && ino->file != NULL;
	struct mrq_retired *retired = last ? MRQ_STEAL(ino->retired) : NULL;
	(void)pthread_mutex_unlock(&ino->lock);
	retired_free(retired);
	if (attached)
		mrq_settle_warm(fs, ino);
}

/** May the inode be given up?  Caller holds ino->lock. */
static bool
only_read(struct mrq_inode *ino)
{
	return ino->users == 0 ||
	       (ino->writers == 0 && atomic_load(&ino->writes) == ino->stamped &&
		(!ino->file || mrq_file_settled(ino->file)));
}

bool
mrq_attach_changed(struct mrq_fs *fs, struct mrq_inode *ino, const struct stat *st)
{
	struct stat again;
	if (!S_ISREG(ino->type))
		return false;
	(void)pthread_mutex_lock(&ino->lock);
	bool changed = false;
	/* *st may be older than our own last change: look again before believing it */
	if (!ino->gone && only_read(ino) && ino->known &&
	    (ino->stale || moved(ino, st)))

		changed = ino->stale ||
			  (fstat(ino->fd, &again) == 0 && moved(ino, &again));
	struct mrq_file *file = NULL;
	if (changed) {
		ino->gone = true;
		ino->known = false;
		if (ino->users == 0)
			file = MRQ_STEAL(ino->file);
		else if (ino->file)
			mrq_file_freeze(ino->file);
	}
	(void)pthread_mutex_unlock(&ino->lock);
	if (changed) {
		mrq_file_free(file);
		(void)mrq_table_detach(fs->table, ino);
	}
	return changed;
}

/** To look at a file without having been there. */
static int
reopen_unseen(int fd)
{
	int own = mrq_path_reopen(fd, O_RDONLY | O_NONBLOCK | O_NOATIME);
	return own < 0 && errno == EPERM ? mrq_path_reopen(fd, O_RDONLY | O_NONBLOCK)
					 : own;
}

/** Read the facts of a file that is not attached.  Caller holds ino->lock. */
static enum mrq_status
load_facts(struct mrq_fs *fs, struct mrq_inode *ino, struct stat *st,
	   struct mrq_error *err)
{
	struct mrq_facts facts;
	int fd MRQ_CLEANUP(mrq_close) = reopen_unseen(ino->fd);
	if (fd < 0 && errno != EACCES && errno != EPERM)
		return mrq_fail_errno(err, errno);
	if (fd < 0) {
		/* Not readable for us: its opens will fail the same way. */
		ino->kind = MRQ_FILE_PLAIN;
		ino->size = (uint64_t)st->st_size;
		return MRQ_OK;
	}
	struct stat now;
	if (fstat(fd, &now) < 0)
		return mrq_fail_errno(err, errno);
	MRQ_TRY(mrq_facts_load(fs->session, fd, "", &facts, err));
	ino->kind = facts.kind;
	ino->size = facts.size;
	ino->stamp = mrq_stamp_of(&now);
	ino->known = true;
	*st = now;
	return MRQ_OK;
}

enum mrq_status
mrq_attach_facts(struct mrq_fs *fs, struct mrq_inode *ino, struct stat *st,
		 enum mrq_file_kind *ret, struct mrq_error *err)
{
	(void)pthread_mutex_lock(&ino->lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &ino->lock;
	(void)held;
	if (ino->users > 0 && ino->file) {
		struct mrq_facts facts;
		mrq_file_facts(ino->file, &facts);
		st->st_size = (off_t)facts.size;
		*ret = facts.kind;
		return MRQ_OK;
	}
	if (!ino->known || (ino->users == 0 && moved(ino, st)))
		MRQ_TRY(load_facts(fs, ino, st, err));
	st->st_size = (off_t)ino->size;
	*ret = ino->kind;
	return MRQ_OK;
}

enum mrq_status
mrq_attach_all_facts(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_facts *ret,
		     struct mrq_error *err)
{
	struct mrq_file *file = mrq_attach_peek(ino);
	if (file) {
		mrq_file_facts(file, ret);
		mrq_attach_put(fs, ino);
		return MRQ_OK;
	}
	int fd MRQ_CLEANUP(mrq_close) = reopen_unseen(ino->fd);
	if (fd < 0)
		return mrq_fail_errno(err, errno);
	return mrq_facts_load(fs->session, fd, "", ret, err);
}

void
mrq_attach_drop(struct mrq_inode *ino)
{
	mrq_file_free(MRQ_STEAL(ino->file));
	retired_free(MRQ_STEAL(ino->retired));
}

void
mrq_attach_trim(struct mrq_inode *ino)
{
	struct mrq_file *file = NULL;
	(void)pthread_mutex_lock(&ino->lock);
	if (ino->users == 0 && ino->file && mrq_file_settled(ino->file))
		file = MRQ_STEAL(ino->file);
	(void)pthread_mutex_unlock(&ino->lock);
	mrq_file_free(file);
}

void
mrq_attach_tell(struct mrq_fs *fs, struct mrq_inode *ino, struct timespec *when)
{
	if (!S_ISREG(ino->type) || !atomic_load(&fs->writeback))
		return;
	(void)pthread_mutex_lock(&ino->lock);
	if (!ino->is_told)
		ino->told = *when;
	ino->is_told = true;
	*when = ino->told;
	(void)pthread_mutex_unlock(&ino->lock);
}

void
mrq_attach_told(struct mrq_inode *ino, struct timespec when)
{
	(void)pthread_mutex_lock(&ino->lock);
	ino->told = when;
	(void)pthread_mutex_unlock(&ino->lock);
}

bool
mrq_attach_restore_mtime(struct mrq_inode *ino)
{
	struct stat st;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	(void)pthread_mutex_lock(&ino->lock);
	bool told = ino->is_told;
	times[1] = ino->told;
	(void)pthread_mutex_unlock(&ino->lock);
	if (!told || fstat(ino->fd, &st) < 0 ||
	    (st.st_mtim.tv_sec == times[1].tv_sec &&
	     st.st_mtim.tv_nsec == times[1].tv_nsec))
		return told;
	(void)atomic_fetch_add(&ino->writes, 1);
	(void)utimensat(ino->fd, "", times, AT_EMPTY_PATH);
	return true;
}

void
mrq_attach_touch(struct mrq_fs *fs, struct mrq_inode *ino)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
					   { .tv_nsec = UTIME_NOW } };
	if (!atomic_load(&fs->writeback))
		(void)utimensat(ino->fd, "", times, AT_EMPTY_PATH);
}

static bool
older(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec ||
	       (a->tv_sec == b->tv_sec && a->tv_nsec <= b->tv_nsec);
}

void
mrq_attach_accessed(struct mrq_fs *fs, struct mrq_inode *ino, const struct stat *st)
{
	char byte;
	if (!atomic_load(&fs->writeback) ||
	    !(older(&st->st_atim, &st->st_mtim) || older(&st->st_atim, &st->st_ctim)))
		return;
	/* A read, since a change of the time itself would change the ctime. */
	int fd MRQ_CLEANUP(mrq_close) = mrq_path_reopen(ino->fd, O_RDONLY | O_NONBLOCK);
	if (fd >= 0 && pread(fd, &byte, 1, 0) < 0)
		errno = 0; /* the program's own read will tell */
}
