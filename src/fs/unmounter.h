/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_UNMOUNTER_H
#define MRQ_FS_UNMOUNTER_H

/*
 * Taking a mount away.  Root does it itself; a user needs fusermount3(1), which a daemon behind its
 * system call filter cannot start any more: so a helper process is forked before anything
 * secret is read, and does it when told.  When the daemon dies the helper ends and leaves the mount
 * point as it is: a program must not find the empty folder below and write plaintext there.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>

struct mrq_unmounter;

enum mrq_unmount {
	MRQ_UNMOUNT_IDLE, /* only when nothing is open there: else MRQ_E_BUSY */
	MRQ_UNMOUNT_LAZY, /* out of sight now, gone when the last file is closed */
};

/**
 * @mount_point  absolute, without symbolic links; copied
 * @root         whether umount2(2) will do
 *
 * Returns MRQ_OK; MRQ_E_SYS; MRQ_E_NOMEM.  Single-threaded callers only.
 */
MRQ_MUST_CHECK enum mrq_status mrq_unmounter_new(const char *mount_point, bool root,
						 struct mrq_unmounter **ret,
						 struct mrq_error *err);
/** MRQ_E_BUSY; MRQ_E_SYS.  One thread at a time. */
MRQ_MUST_CHECK enum mrq_status mrq_unmounter_run(struct mrq_unmounter *unmounter,
						 enum mrq_unmount how,
						 struct mrq_error *err);
void mrq_unmounter_free(struct mrq_unmounter *unmounter);
MRQ_DEFINE_CLEANUP(mrq_unmounter_free, struct mrq_unmounter *)

#endif
