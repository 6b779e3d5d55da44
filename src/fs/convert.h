/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_CONVERT_H
#define MRQ_FS_CONVERT_H

/*
 * A plain file that gets protection, and a protected one that loses it, get a new backing inode:
 * it is written beside the old one, takes its metadata and its name, and then stands under the same
 * node.  Open files and the page cache stay, since the plaintext is the same; the open files
 * are decided upon anew, and fenced when somebody is no longer entitled.
 */
#include "creds.h"
#include "inode.h"

/**
 * Convert ino, whose use the caller does not hold.  label or permissions as mrq_file_convert; with
 * neither, PROTECT is for the caller alone.  Requests on its content wait meanwhile.
 *
 * Returns MRQ_OK; MRQ_E_BUSY when its name went to another file; MRQ_E_UNSUPPORTED when it has
 * several names, which would keep the old content; else as mrq_file_convert.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_convert(const struct mrq_call *call, struct mrq_inode *ino,
	    enum mrq_convert direction, const char *label,
	    const struct mrq_permissions *permissions,
	    const struct mrq_change_options *options, struct mrq_error *err);

#endif
