/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_NOTIFY_H
#define MRQ_FS_NOTIFY_H

/*
 * The thread that talks to the kernel unasked (invalidate, and what must follow it).  It serves no
 * requests and holds no lock while it does: an invalidation waits for our own WRITEs.
 */
#include "inode.h"

struct mrq_notifier;

MRQ_MUST_CHECK enum mrq_status
mrq_notifier_new(struct mrq_fs *fs, struct mrq_notifier **ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_notifier_start(struct mrq_notifier *n,
						  struct mrq_error *err);
/** Waits for what is queued.  Accepts NULL. */
void mrq_notifier_free(struct mrq_notifier *n);
/** The session is unmounted: drop what is queued, fail what waits for it. */
void mrq_notifier_stop(struct mrq_notifier *n);

/** Forget a name in a folder: the next use looks it up again. */
void mrq_notify_entry(struct mrq_fs *fs, struct mrq_inode *parent, const char *name);
/** Drop the pages of an inode, dirty ones after they were written. */
void mrq_notify_pages(struct mrq_fs *fs, struct mrq_inode *ino);
/** Run the fence of an inode (fence.h) on the notifier's thread. */
void mrq_notify_fence(struct mrq_fs *fs, struct mrq_inode *ino);

/** A request that waits for the notifier. */
struct mrq_parked {
	fuse_req_t req;
	int channel; /* that it came from: mrq_loop_channel */
	void (*answer)(struct mrq_parked *p,
		       struct mrq_inode *ino); /* replies and frees p */
	struct mrq_fh *fh;
	off_t off;
	int whence;
	struct mrq_parked *next;
};
/** Have the kernel write an inode's dirty pages, then call p->answer. */
void mrq_notify_flush(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_parked *p);

/** Low-level calls, for the notifier's thread only. */
void mrq_notify_pages_now(struct mrq_fs *fs, struct mrq_inode *ino);
void mrq_notify_entry_now(struct mrq_fs *fs, struct mrq_inode *parent,
			  const char *name);

#endif
