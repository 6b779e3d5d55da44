/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_LOCKS_H
#define MRQ_FS_LOCKS_H

/*
 * The order of locks in the mount.  Take them from the left to the right only:
 *
 *	inode.io -> table.backing -> table.names -> table.lock -> inode.lock -> settler.lock -> notifier.lock
 *	-> the library (file, keyring, store transaction, log)
 *
 * 1. inode.io (read-write): shared by requests on content, exclusive for settling, fencing and
 *    converting.
 * 2. table.backing (read-write): which file of the source a name leads to: inode.h (3).
 * 3. table.names (read-write): parents and names of inodes.
 * 4. table.lock: the hash, the list of detached ones, the last references.
 * 5. inode.lock: attachment, handles, facts, stamp, fence.
 * 6. No lock is held while replying to the kernel, notifying it, or in mrq_file_open and
 *    mrq_file_check (they may wait for an authority); convert.c alone decides under inode.io.
 * 7. The notifier's thread holds no lock while it notifies: INVAL waits for our own WRITEs.
 */

#endif
