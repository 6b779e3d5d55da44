/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_ATTACH_H
#define MRQ_FS_ATTACH_H

/*
 * The struct mrq_file of an inode, and what is known of its backing file.
 *
 * 1. While users > 0 the backing file is ours to change and the mrq_file is the truth.
  * 2. When users fall to 0 the stamp is taken; one that differs later, without a change of ours (writes),
 *    means that somebody changed the file behind the mount, and the inode gets a new node id.  Those who
 *    read the old one then go on with what they have.
 * 3. A mrq_file without users stays attached for some seconds, among the last MRQ_ATTACHED_MAX (fewer
 *    where descriptors are few), so that a warm open costs no I/O; one that is not settled stays until
 *    it is.  The file's keys leave memory with it.
 */
#include "inode.h"

#define MRQ_ATTACHED_MAX 1024u

/** Begin to use the file's content or facts: attaches when needed. Regular files only. */
MRQ_MUST_CHECK enum mrq_status mrq_attach_get(struct mrq_fs *fs, struct mrq_inode *ino,
					      struct mrq_file **ret,
					      struct mrq_error *err);
/** As mrq_attach_get for a file just made: fd (taken over in any case) is it, open O_RDWR. */
MRQ_MUST_CHECK enum mrq_status mrq_attach_new(struct mrq_fs *fs, struct mrq_inode *ino,
					      int fd, struct mrq_file **ret,
					      struct mrq_error *err);
/** As mrq_attach_get when it is attached already, else NULL. */
struct mrq_file *mrq_attach_peek(struct mrq_inode *ino);
/** Begin to change something of the backing inode without attaching (mode, names, ...). */
void mrq_attach_hold(struct mrq_inode *ino);
/** End of get, new or hold. */
void mrq_attach_put(struct mrq_fs *fs, struct mrq_inode *ino);

/**
 * True when the backing file (its present stat in *st) was changed behind the mount; then the inode
 * is detached, and whoever wants to attach it later is answered ESTALE.
 */
bool mrq_attach_changed(struct mrq_fs *fs, struct mrq_inode *ino,
			const struct stat *st);

/** Kind and plaintext size of a regular file whose stat is *st; st->st_size becomes the latter. */
MRQ_MUST_CHECK enum mrq_status mrq_attach_facts(struct mrq_fs *fs,
						struct mrq_inode *ino, struct stat *st,
						enum mrq_file_kind *ret,
						struct mrq_error *err);
/** All facts of a regular file, for audit records. */
MRQ_MUST_CHECK enum mrq_status mrq_attach_all_facts(struct mrq_fs *fs,
						    struct mrq_inode *ino,
						    struct mrq_facts *ret,
						    struct mrq_error *err);
/**
 * With the writeback cache the kernel owns the mtime of a regular file: it takes the first one it is
 * told, and tells every change of its own.  So what we write must not show in the source's.
 */
void mrq_attach_tell(struct mrq_fs *fs, struct mrq_inode *ino, struct timespec *when);
/** The kernel set it. */
void mrq_attach_told(struct mrq_inode *ino, struct timespec when);
/**
 * Give the backing file the mtime that the kernel has; false when that has none of its own.  Caller
 * is a user of the file.
 */
bool mrq_attach_restore_mtime(struct mrq_inode *ino);
/** Nobody but us tells the source's when something changed without a write: without that cache. */
void mrq_attach_touch(struct mrq_fs *fs, struct mrq_inode *ino);
/** A program is about to read, perhaps from the kernel's cache alone: what relatime makes of it. */
void mrq_attach_accessed(struct mrq_fs *fs, struct mrq_inode *ino,
			 const struct stat *st);

/** Free the file of an inode that nobody uses any more (no lock held by anybody). */
void mrq_attach_drop(struct mrq_inode *ino);
/** Free it if nobody uses it and it is settled. */
void mrq_attach_trim(struct mrq_inode *ino);

/**
 * Put another file in the place of the attached one, which goes to `old` until nobody uses it any
 * more.  Caller is a user and holds ino->io exclusively.
 */
void mrq_attach_replace(struct mrq_inode *ino, struct mrq_file *file,
			struct mrq_retired *old);
/** Room for a file that is replaced, malloc'ed; NULL without memory. */
struct mrq_retired *mrq_retired_new(void);

#endif
