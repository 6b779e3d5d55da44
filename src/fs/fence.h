/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_FENCE_H
#define MRQ_FS_FENCE_H

/*
 * Withdrawal of rights from files that are open.
 *
 *   state      entered when                     READ    cached WRITE  others, by handle  OPEN
 *   none       -                                served  served        served             decided
 *   draining   a handle's right no longer holds refused served        refused            waits
 *   closed     the dirty pages are written      refused refused       refused            ESTALE
 *
 * 1. The page cache belongs to the inode, so all its handles go, also of those still entitled:
 *    they open again and get the new node id.
 * 2. A writeback WRITE carries any writable handle and is never decided by it; what was accepted while
 *    the right held is kept.  So draining goes on until INVAL_INODE has returned.
 * 3. From draining to closed nothing is accepted any more: the change is made under ino->io.
 * 4. An OPEN that waits is answered ESTALE after the node id was detached: the kernel then looks the
 *    name up again and opens the new inode, where the decision is made.
 */
#include "handle.h"
#include "notify.h"

/**
 * Begin to fence ino for the reason st; returns at once.  Nothing when it is fenced already.
 * keeper (taken over, may be NULL) keeps the file unlocked until the dirty pages are written.
 */
void mrq_fence_begin(struct mrq_fs *fs, struct mrq_inode *ino, enum mrq_status st,
		     struct mrq_handle *keeper);
/** The rest, on the notifier's thread; mounted false: the kernel is gone. */
void mrq_fence_close(struct mrq_fs *fs, struct mrq_inode *ino, bool mounted);
/**
 * May a request by handle go on?  Caller holds ino->io (shared suffices).  writeback: it is a
 * WRITE of the page cache.
 */
MRQ_MUST_CHECK enum mrq_status mrq_fence_pass(const struct mrq_inode *ino,
					      bool writeback, struct mrq_error *err);
/** Park an OPEN on an inode that drains; false when it does not drain (p stays the caller's). */
bool mrq_fence_park(struct mrq_inode *ino, struct mrq_parked *p);

/** Ask again for every handle of one inode; true when it had to be fenced. */
bool mrq_fence_recheck(struct mrq_fs *fs, struct mrq_inode *ino);

#endif
