/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_PASSPHRASE_H
#define MRQ_FS_PASSPHRASE_H

/* The authority's passphrase from a descriptor: one line, never from argv or the environment. */
#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>

#define MRQ_PASSPHRASE_MAX 1024 /* bytes */

struct mrq_passphrase {
	char bytes[MRQ_PASSPHRASE_MAX];
	size_t len;
};
void mrq_passphrase_wipe(struct mrq_passphrase *pass);
MRQ_DEFINE_CLEANUP_VALUE(mrq_passphrase_wipe, struct mrq_passphrase)

/**
 * Read up to a newline or the end; on a terminal without echo.
 *
 * Returns MRQ_OK; MRQ_E_PASSPHRASE when empty; MRQ_E_LIMIT; MRQ_E_SYS.
 */
MRQ_MUST_CHECK enum mrq_status mrq_passphrase_read(int fd, struct mrq_passphrase *ret,
						   struct mrq_error *err);

#endif
