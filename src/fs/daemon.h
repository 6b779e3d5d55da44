/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_DAEMON_H
#define MRQ_FS_DAEMON_H

/* The life of a mount, from the options to the exit status: marquefs(8). */
#include "fs/options.h"

/** Mount and serve until the end.  In the background the caller's process exits inside. */
int mrq_daemon_main(const struct mrq_options *options);

#endif
