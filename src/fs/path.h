/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_PATH_H
#define MRQ_FS_PATH_H

/*
 * Names below the root of the source.  The kernel hands over single names, and each is looked up
 * beneath its parent without following a link, so no request leaves the tree.
 */
#include "inode.h"

/** Open name beneath parent as a handle (O_PATH), a symbolic link itself; its stat in *st. */
MRQ_MUST_CHECK enum mrq_status mrq_path_open(const struct mrq_inode *parent,
					     const char *name, int *ret_fd,
					     struct stat *ret_st,
					     struct mrq_error *err);
/** "/proc/self/fd/N": follows to the object behind a handle. */
#define MRQ_PROC_FD_TEXT 32
void mrq_path_proc(int fd, char ret[static MRQ_PROC_FD_TEXT]);
/** Open the object behind a handle with flags. -1 and errno on failure. */
int mrq_path_reopen(int fd, int flags);

/** Remember where an inode is to be found; its last name when it has several. */
void mrq_path_name(struct mrq_table *t, struct mrq_inode *ino, struct mrq_inode *parent,
		   const char *name);
/** After a rename of what was ino: the same, also when it is not in the table (NULL). */
void mrq_path_renamed(struct mrq_table *t, struct mrq_inode *ino,
		      struct mrq_inode *parent, const char *name);
/** Its parent (with a reference) and name (malloc'ed); MRQ_E_NOT_FOUND when it has none. */
MRQ_MUST_CHECK enum mrq_status mrq_path_place(struct mrq_table *t,
					      struct mrq_inode *ino,
					      struct mrq_inode **ret_parent,
					      char **ret_name, struct mrq_error *err);
/** Path below the mount, "/docs/q3.txt", "/" for the root; one that does not fit begins with "...". */
void mrq_path_of(struct mrq_table *t, struct mrq_inode *ino,
		 char ret[static MRQ_FS_PATH_MAX]);
/** The same for a name in a folder. */
void mrq_path_child(struct mrq_table *t, struct mrq_inode *parent, const char *name,
		    char ret[static MRQ_FS_PATH_MAX]);

#endif
