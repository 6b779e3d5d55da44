/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_FILE_H
#define MRQ_BASE_FILE_H

/*
 * Descriptors and whole files: complete reads and writes, EINTR retried, and state files
 * that are replaced whole.
 */
#include <sys/types.h>

#include "error.h"

#include <stddef.h>
#include <stdint.h>

/** Read len bytes at off; a short file is MRQ_E_FORMAT.  `what` names the object. */
MRQ_MUST_CHECK enum mrq_status mrq_pread_full(int fd, void *ret, size_t len, off_t off,
					      const char *what, struct mrq_error *err);
/** Read up to len bytes at off into ret; *ret_len tells how many (short only at the end). */
MRQ_MUST_CHECK enum mrq_status mrq_pread_upto(int fd, void *ret, size_t len, off_t off,
					      size_t *ret_len, const char *what,
					      struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_pwrite_full(int fd, const void *data, size_t len,
					       off_t off, const char *what,
					       struct mrq_error *err);

/**
 * fsync, fdatasync, ftruncate and fallocate, begun again when a signal interrupts them
 * (file systems behind a network or in user space do).  0, or -1 with errno, never EINTR.
 */
MRQ_MUST_CHECK int mrq_fsync(int fd);
MRQ_MUST_CHECK int mrq_fdatasync(int fd);
MRQ_MUST_CHECK int mrq_ftruncate(int fd, off_t len);
MRQ_MUST_CHECK int mrq_fallocate(int fd, int mode, off_t off, off_t len);

/**
 * Read a whole regular file of at most max bytes; more is MRQ_E_LIMIT, none at all
 * MRQ_E_NOT_FOUND (sys_errno ENOENT), not regular MRQ_E_INVAL.  *ret is malloc'ed, with a NUL
 * after the last byte that *ret_len does not count; a secret is the caller's to wipe.
 */
MRQ_MUST_CHECK enum mrq_status mrq_file_load(int dirfd, const char *name, size_t max,
					     uint8_t **ret, size_t *ret_len,
					     struct mrq_error *err);
/**
 * Replace a file whole: temporary in the same folder, fsync, rename, fsync of the folder.
 * `mode` is set as it is, whatever the umask.
 */
MRQ_MUST_CHECK enum mrq_status mrq_file_replace(int dirfd, const char *name,
						const void *data, size_t len,
						mode_t mode, struct mrq_error *err);
/** mkdir -p of an absolute or relative path below PATH_MAX, new folders with mode. */
MRQ_MUST_CHECK enum mrq_status mrq_make_dirs(const char *path, mode_t mode,
					     struct mrq_error *err);

#endif
