/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_SANDBOX_H
#define MRQ_FS_SANDBOX_H

/*
 * What the daemon gives up.  marquefs(8), "SECURITY CONSIDERATIONS", lists it for administrators.
 * All of it is per thread or inherited by threads: call these before the first thread starts.
 */
#include "base/error.h"

#include <stdbool.h>

/**
 * Before anything secret is read: no core dumps, not dumpable (so not to be traced by the same
 * user), pages locked as they are touched, umask 077.  Pages that cannot be locked are a warning in
 * the log: the keys' own arena is locked besides.
 *
 * Returns MRQ_OK; MRQ_E_SYS.
 */
MRQ_MUST_CHECK enum mrq_status mrq_sandbox_begin(struct mrq_error *err);

/**
 * After the mount: keep the capabilities that serving needs (those of the process that are in
 * the list; none as a user), empty bounding, ambient and inheritable sets, and no_new_privs.
 *
 * Returns MRQ_OK; MRQ_E_SYS.
 */
MRQ_MUST_CHECK enum mrq_status mrq_sandbox_drop(struct mrq_error *err);

/**
 * Allow the system calls that serving needs; any other fails with EPERM and is logged by the kernel
 * where auditing of seccomp is on.  No new program, process, trace or network socket after it.
 *
 * Returns MRQ_OK; MRQ_E_SYS; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status mrq_sandbox_filter(struct mrq_error *err);

#endif
