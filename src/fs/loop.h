/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_LOOP_H
#define MRQ_FS_LOOP_H

/*
 * The session's loop: workers, each with a descriptor of /dev/fuse of its own where the kernel can
 * clone it.  A reply must go back through the descriptor that its request came from, so a
 * thread that answers for another one takes over its channel.
 */
#include "fs.h"

/** The channel of the request that this thread serves. */
int mrq_loop_channel(void);
/** Answer through another worker's channel from now on; -1: the session's own. */
void mrq_loop_use_channel(int channel);
/** Buffer of the calling thread for one reply, page-aligned, of MRQ_FS_IO_MAX bytes; NULL without memory. */
void *mrq_loop_buffer(void);
/** Wipe the first len bytes of it: what a file held does not outlive the answer in our memory. */
void mrq_loop_wipe(size_t len);

#define MRQ_FS_IO_MAX (1024u * 1024u) /* bytes of a READ or WRITE */

#endif
