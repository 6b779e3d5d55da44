/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_PLACE_H
#define MRQ_FS_PLACE_H

/*
 * Source and mount point: do they exist, do they fit one another and the mounts that are
 * there, and is the source ours alone on this host?
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>

struct mrq_place {
	char *source, *mount_point; /* absolute, without symbolic links */
	int source_fd;              /* O_PATH */
	int lock_fd;                /* held as long as the mount lives */
};
void mrq_place_clear(struct mrq_place *place);
MRQ_DEFINE_CLEANUP_VALUE(mrq_place_clear, struct mrq_place)

struct mrq_place_wish {
	const char *source, *mount_point; /* as given */
	bool root, allow_other;
	bool shared; /* the source may be mounted more than once, if all say so */
};

/**
 * Check and lock.  A mount point that a marquefs left behind when it crashed is cleaned up, and the
 * log says so.
 *
 * @ret  zeroed but for the descriptors (-1); to be cleared in every case
 *
 * Returns MRQ_OK; MRQ_E_NOT_FOUND (source, mount point, /dev/fuse); MRQ_E_DENIED; MRQ_E_BUSY when the
 * source or the mount point is taken; MRQ_E_UNSUPPORTED when they do not fit; MRQ_E_SYS;
 * MRQ_E_LIMIT; MRQ_E_NOMEM.  Single-threaded callers only.
 */
MRQ_MUST_CHECK enum mrq_status mrq_place_take(const struct mrq_place_wish *wish,
					      struct mrq_place *ret,
					      struct mrq_error *err);

/** Is path the folder or below it?  Both absolute and clean. */
bool mrq_place_is_below(const char *folder, const char *path);

/** Does a text in the form of fuse.conf(5) allow "user_allow_other"? */
bool mrq_place_allows_other(const char *fuse_conf);

#endif
