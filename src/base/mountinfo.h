/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_MOUNTINFO_H
#define MRQ_BASE_MOUNTINFO_H

/* The mounts of this process, as proc(5) lists them in /proc/self/mountinfo. */
#include "cleanup.h"
#include "error.h"

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#define MRQ_MOUNTINFO_MAX (16u << 20)   /* bytes */
#define MRQ_MOUNT_TYPE    "fuse.marque" /* of our own */

/** Texts are unescaped and live as long as the list. */
struct mrq_mount {
	unsigned major, minor; /* st_dev */
	const char *point, *type, *source;
	const char *options; /* of the file system, not of the mount */
};

/** In the order they were mounted; zero it to begin. */
struct mrq_mounts {
	char *text;
	struct mrq_mount *items;
	size_t n;
};

void mrq_mounts_clear(struct mrq_mounts *mounts);
MRQ_DEFINE_CLEANUP_VALUE(mrq_mounts_clear, struct mrq_mounts)

/** Parse a text of len bytes; lines that do not follow proc(5) are left out.  MRQ_E_NOMEM. */
MRQ_MUST_CHECK enum mrq_status mrq_mounts_parse(const char *text, size_t len,
						struct mrq_mounts *ret,
						struct mrq_error *err);
/** Of this process.  MRQ_E_SYS; MRQ_E_LIMIT; MRQ_E_NOMEM. */
MRQ_MUST_CHECK enum mrq_status mrq_mounts_load(struct mrq_mounts *ret,
					       struct mrq_error *err);

/** The last mount at exactly this path (it covers the others); NULL when none. */
const struct mrq_mount *mrq_mounts_at(const struct mrq_mounts *mounts,
				      const char *point);
/** The first of a device and type; NULL when none. */
const struct mrq_mount *mrq_mounts_of(const struct mrq_mounts *mounts, dev_t dev,
				      const char *type);
/** Who mounted a FUSE file system; (uid_t)-1 when its options do not say. */
uid_t mrq_mount_user(const struct mrq_mount *mount);

#endif
