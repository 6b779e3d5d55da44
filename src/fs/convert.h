/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_CONVERT_H
#define MRQ_FS_CONVERT_H

/*
 * A plain file that gets protection, and a protected one that loses it, get a new backing inode: it is
 * written under another name in the same folder, takes the old one's metadata and its name, and
 * then stands under the same node.
 */
#include "creds.h"
#include "inode.h"

/**
 * Convert ino, whose use the caller does not hold.  label or permissions as mrq_file_convert.
 *
 * Returns MRQ_OK; MRQ_E_BUSY when it is open; MRQ_E_UNSUPPORTED when it has several names; else as
 * mrq_file_convert.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_convert(const struct mrq_call *call, struct mrq_inode *ino,
	    enum mrq_convert direction, const char *label,
	    const struct mrq_permissions *permissions,
	    const struct mrq_change_options *options, struct mrq_error *err);

#endif
