/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_SOURCE_MOUNTED_H
#define MRQ_CORE_SOURCE_MOUNTED_H

/* Mounts of marque, as /proc/self/mountinfo tells them: proc(5). */
#include <marque/control.h>

#define MRQ_MOUNT_TYPE "fuse.marque"

/**
 * Take one line apart, in place.  False when it is none of ours; *ret points into line, with
 * the escapes (\040) undone.
 */
bool mrq_mountinfo_line(char *line, struct mrq_mount_info *ret);
/** Is path the folder or below it?  Both absolute, without "." and ".." and double slashes. */
bool mrq_path_is_below(const char *folder, const char *path);

#endif
