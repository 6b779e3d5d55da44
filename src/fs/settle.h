/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_SETTLE_H
#define MRQ_FS_SETTLE_H

/*
 * Bringing closed files to rest, and forgetting those not used of late.  One thread: every few
 * seconds it makes the source durable once (syncfs) and then settles all files that wait.  It does so
 * at once when many wait, and has the kernel forget files that nobody uses when it knows very many:
 * each of them holds a descriptor.
 */
#include "inode.h"

struct mrq_settler;

MRQ_MUST_CHECK enum mrq_status
mrq_settler_new(struct mrq_fs *fs, struct mrq_settler **ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_settler_start(struct mrq_settler *s,
						 struct mrq_error *err);
/** Stops the thread; settles nothing.  Accepts NULL. */
void mrq_settler_free(struct mrq_settler *s);

/** A file that was written waits to be settled. */
void mrq_settle_later(struct mrq_fs *fs, struct mrq_inode *ino);
/** The table holds more than half of the descriptors that there are. */
void mrq_settle_crowded(struct mrq_fs *fs);
/** A file without users stays attached for the pause between two turns, its keys in memory. */
void mrq_settle_warm(struct mrq_fs *fs, struct mrq_inode *ino);
/** The inode goes away. */
void mrq_settle_forget(struct mrq_fs *fs, struct mrq_inode *ino);
size_t mrq_settle_waiting(struct mrq_fs *fs);

/**
 * Commit what was written and settle, durable on return, keeping the times of the backing file.
 * Nobody writes meanwhile.
 */
MRQ_MUST_CHECK enum mrq_status mrq_settle_now(struct mrq_fs *fs, struct mrq_inode *ino,
					      struct mrq_error *err);
/** Files that nobody uses and that are settled: neither they nor their keys stay in memory. */
void mrq_settle_let_go(struct mrq_fs *fs);
/** All files that are attached; one syncfs.  The first failure. */
MRQ_MUST_CHECK enum mrq_status mrq_settle_all(struct mrq_fs *fs, struct mrq_error *err);

#endif
