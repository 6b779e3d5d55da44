/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_HANDLE_H
#define MRQ_FS_HANDLE_H

/* Open files: what a FUSE file handle stands for. */
#include "creds.h"
#include "inode.h"

struct mrq_fh {
	struct mrq_inode *ino;    /* referred to */
	struct mrq_handle *right; /* guarded by ino->lock; NULL once fenced */
	struct mrq_caller who;
	enum mrq_request request;
	int flags; /* of open */
	bool writes;
	unsigned refs; /* guarded by ino->lock */
	bool listed;   /* guarded by ino->lock */
	bool checking; /* somebody uses right without the lock; guarded by ino->lock */
	struct mrq_fh *next, *prev; /* guarded by ino->lock */
};

/** What an open with these flags asks for. */
enum mrq_request mrq_handle_request(int flags);
bool mrq_handle_writes(int flags);

/**
 * A handle of a file whose users count the caller raised (mrq_attach_get): takes over that use and
 * right, and lists it with the inode.  MRQ_E_SYS (ESTALE) when that was fenced meanwhile,
 * MRQ_E_BUSY when right is of a file that the inode no longer has: then both stay the caller's.
 */
MRQ_MUST_CHECK enum mrq_status mrq_fh_new(const struct mrq_call *call,
					  struct mrq_inode *ino,
					  const struct mrq_file *file,
					  struct mrq_handle *right, int flags,
					  struct mrq_fh **ret, struct mrq_error *err);
/** The kernel closed it. */
void mrq_fh_close(struct mrq_fs *fs, struct mrq_fh *fh);
void mrq_fh_unref(struct mrq_fs *fs, struct mrq_fh *fh);

/** Every handle of an inode, each with a reference; *ret malloc'ed. */
MRQ_MUST_CHECK enum mrq_status mrq_fh_collect(struct mrq_inode *ino,
					      struct mrq_fh ***ret, size_t *ret_n,
					      struct mrq_error *err);
/** mrq_handle_recheck, with no lock held; MRQ_OK when it is fenced already. */
MRQ_MUST_CHECK enum mrq_status mrq_fh_recheck(struct mrq_fh *fh, struct mrq_error *err);
/** Take the rights of all handles of an inode away; caller holds ino->io exclusively. */
void mrq_fh_disown(struct mrq_inode *ino);

static inline struct mrq_fh *
mrq_fh_of(const struct fuse_file_info *fi)
{
	return (struct mrq_fh *)(uintptr_t)fi->fh;
}

#endif
