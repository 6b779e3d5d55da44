/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_REPLY_H
#define MRQ_FS_REPLY_H

/* From a status to the errno that a program sees: marquefs(8), "ERRORS". */
#include "fs.h"

/** The errno of a failure; never 0.  err may be NULL: then by status alone. */
int mrq_reply_errno(enum mrq_status status, const struct mrq_error *err);
/** Answer a request with a failure (or 0 when status is MRQ_OK). */
void mrq_reply_status(fuse_req_t req, enum mrq_status status,
		      const struct mrq_error *err);

/**
 * A failed system call, without a sentence: the kernel carries the errno only, and failed
 * lookups are too frequent to format for nobody.  Returns MRQ_E_SYS.
 */
enum mrq_status mrq_fail_errno(struct mrq_error *err, int sys_errno);

#endif
