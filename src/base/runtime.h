/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_RUNTIME_H
#define MRQ_BASE_RUNTIME_H

/*
 * The folder of a user's running mounts (control sockets, locks): both ends find it from the uid
 * alone.  /run/marque for root; for others /run/user/UID/marque where there is a /run/user/UID,
 * else /tmp/marque-UID.
 */
#include "error.h"

#include <sys/types.h>

#include <stddef.h>

#define MRQ_RUNTIME_PATH_MAX 64u /* bytes of a folder's path with its NUL */

/** Name it; a pure function of the uid and of what exists. */
void mrq_runtime_folder(uid_t uid, char ret[static MRQ_RUNTIME_PATH_MAX]);
/**
 * Open it, O_PATH.  MRQ_E_NOT_FOUND when absent (nothing of that user runs); MRQ_E_DENIED when it is a
 * link, belongs to somebody else or others may write to it: who could, could pose as the mount.
 */
MRQ_MUST_CHECK enum mrq_status mrq_runtime_open(uid_t uid, int *ret,
						struct mrq_error *err);
/** Make it (0755) when absent, and open it. */
MRQ_MUST_CHECK enum mrq_status mrq_runtime_make(uid_t uid, int *ret,
						struct mrq_error *err);

#endif
