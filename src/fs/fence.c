/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fence.h"

#include <errno.h>
#include <stdlib.h>

#include "attach.h"
#include "base/log.h"
#include "loop.h"
#include "path.h"
#include "reply.h"
#include "settle.h"

void
mrq_fence_begin(struct mrq_fs *fs, struct mrq_inode *ino, enum mrq_status st,
		struct mrq_handle *keeper)
{
	(void)pthread_rwlock_wrlock(&ino->io);
	(void)pthread_mutex_lock(&ino->lock);
	bool begin = ino->fence == MRQ_FENCE_NONE;
	if (begin) {
		ino->fence = MRQ_FENCE_DRAINING;
		ino->fenced = st;
		ino->keeper = MRQ_STEAL(keeper);
	}
	(void)pthread_mutex_unlock(&ino->lock);
	(void)pthread_rwlock_unlock(&ino->io);
	mrq_handle_free(keeper);
	if (!begin)
		return;
	(void)atomic_fetch_add(&fs->fenced, 1);
	mrq_notify_fence(fs, ino);
}

enum mrq_status
mrq_fence_pass(const struct mrq_inode *ino, bool writeback, struct mrq_error *err)
{
	if (ino->fence == MRQ_FENCE_NONE ||
	    (ino->fence == MRQ_FENCE_DRAINING && writeback))
		return MRQ_OK;
	return mrq_fail(err, ino->fenced, "the right was withdrawn");
}

bool
mrq_fence_park(struct mrq_inode *ino, struct mrq_parked *p)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool draining = ino->fence == MRQ_FENCE_DRAINING;
	if (draining) {
		p->next = ino->parked;
		ino->parked = p;
	}
	(void)pthread_mutex_unlock(&ino->lock);
	return draining;
}

/** By (3): the last state of the content goes to rest, the handles lose their rights. */
static void
close_content(struct mrq_fs *fs, struct mrq_inode *ino)
{
	struct mrq_error err = { 0 };
	if (mrq_settle_now(fs, ino, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_ERROR, "withdrawing a file: %s", err.msg);
	(void)pthread_rwlock_wrlock(&ino->io);
	(void)pthread_mutex_lock(&ino->lock);
	ino->fence = MRQ_FENCE_CLOSED;
	struct mrq_handle *keeper = MRQ_STEAL(ino->keeper);
	if (ino->file)
		mrq_file_freeze(ino->file);
	(void)pthread_mutex_unlock(&ino->lock);
	mrq_fh_disown(ino);
	(void)pthread_rwlock_unlock(&ino->io);
	mrq_handle_free(keeper);
}

static void
detach(struct mrq_fs *fs, struct mrq_inode *ino, bool mounted)
{
	struct mrq_inode *parent = NULL;
	char *name MRQ_CLEANUP(free) = NULL;
	(void)mrq_table_detach(fs->table, ino);
	if (!mounted || mrq_path_place(fs->table, ino, &parent, &name, NULL) != MRQ_OK)
		return;
	mrq_notify_entry_now(fs, parent, name);
	mrq_inode_unref(fs, parent, 1);
}

/** By (4). */
static void
answer_parked(struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&ino->lock);
	struct mrq_parked *list = ino->parked;
	ino->parked = NULL;
	(void)pthread_mutex_unlock(&ino->lock);
	while (list) {
		struct mrq_parked *next = list->next;
		mrq_loop_use_channel(list->channel);
		list->answer(list, ino);
		list = next;
	}
	mrq_loop_use_channel(-1);
}

void
mrq_fence_close(struct mrq_fs *fs, struct mrq_inode *ino, bool mounted)
{
	if (mounted)
		mrq_notify_pages_now(fs, ino);
	close_content(fs, ino);
	detach(fs, ino, mounted);
	if (mounted) /* pages read while it drained, before the reader saw the fence */
		mrq_notify_pages_now(fs, ino);
	answer_parked(ino);
}

/** A failure of ours is no withdrawal: the next poll asks again. */
static bool
withdraws(enum mrq_status st)
{
	return st != MRQ_OK && st != MRQ_E_NOMEM && st != MRQ_E_SYS &&
	       st != MRQ_E_BUSY && st != MRQ_E_AUDIT && st != MRQ_E_LIMIT;
}

bool
mrq_fence_recheck(struct mrq_fs *fs, struct mrq_inode *ino)
{
	struct mrq_fh **list MRQ_CLEANUP(free) = NULL;
	size_t n = 0;
	struct mrq_error err = { 0 };
	enum mrq_status lost = mrq_fh_collect(ino, &list, &n, &err);
	if (lost != MRQ_OK)
		return false;
	for (size_t i = 0; i < n; i++) {
		enum mrq_status st = mrq_fh_recheck(list[i], &err);
		if (lost == MRQ_OK && withdraws(st))
			lost = st;
	}
	if (lost != MRQ_OK)
		mrq_fence_begin(fs, ino, lost, NULL);
	for (size_t i = 0; i < n; i++)
		mrq_fh_unref(fs, list[i]);
	return lost != MRQ_OK;
}
