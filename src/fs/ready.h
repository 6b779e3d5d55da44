/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_READY_H
#define MRQ_FS_READY_H

/*
 * Going to the background: the caller's process waits until the mount is served, and ends with the daemon's
 * exit status and sentence when it is not.
 */
#include "base/error.h"

#include <stdbool.h>

struct mrq_ready {
	int fd; /* to the waiting parent; -1: in front */
	bool told;
};

/**
 * Fork; returns in the child only.  The parent waits and exits: 0 when ready, else with the code and
 * sentence told, also when the child dies.  Single-threaded callers only.
 */
MRQ_MUST_CHECK enum mrq_status mrq_ready_fork(struct mrq_ready *ret,
					      struct mrq_error *err);
/**
 * The mount is served.  In the background standard input, output and error become /dev/null and
 * the parent ends; a service manager that waits on $NOTIFY_SOCKET is told (sd_notify(3)).  Once.
 *
 * @notify_socket  its value, NULL when unset
 */
void mrq_ready_done(struct mrq_ready *ready, const char *notify_socket);
/** It will not be: print, or let the parent print.  Nothing when ready was told. */
void mrq_ready_fail(struct mrq_ready *ready, int code, const char *sentence);
/** "READY=1", "STOPPING=1", ... to a service manager; nothing when notify_socket is NULL. */
void mrq_ready_notify(const char *notify_socket, const char *state);

#endif
