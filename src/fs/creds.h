/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_CREDS_H
#define MRQ_FS_CREDS_H

/*
 * Acting with a caller's identity.  Each worker has its own fsuid, fsgid, supplementary groups
 * (raw system calls: glibc's would change every thread) and umask (after unshare(CLONE_FS)).
 * A worker stays as it is until the next request needs it otherwise, so a run of requests of
 * one user switches once.  When the daemon is not root nothing is switched but the umask.
 */
#include "fs.h"

/** Who asks for what is done; the do_ functions see this and never a fuse_req_t. */
struct mrq_call {
	struct mrq_fs *fs;
	struct mrq_caller who;
	mode_t umask;
};
struct mrq_call mrq_call_of(fuse_req_t req);

/** Give the calling thread file system state of its own; once per worker. */
MRQ_MUST_CHECK enum mrq_status mrq_creds_thread_init(struct mrq_error *err);

enum mrq_creds_groups { MRQ_CREDS_NO_GROUPS, MRQ_CREDS_GROUPS };
/**
 * Become the caller on this thread.  Without groups first: reading them is dear, and few
 * requests need one; ask again with them after EACCES or EPERM.  False when the identity
 * could not be taken on (errno set): then the thread is the daemon.
 */
bool mrq_creds_become(const struct mrq_call *call, enum mrq_creds_groups groups);
/** Become the daemon again. */
void mrq_creds_daemon(void);

/** Evaluate expr (an int, -1 with errno on failure) as the caller, again with groups if refused. */
#define MRQ_AS_CALLER(call, groups, expr)                                              \
	__extension__({                                                                \
		int mrq_as_r_ = mrq_creds_become((call), (groups)) ? (expr) : -1;      \
		if (mrq_as_r_ < 0 && (errno == EACCES || errno == EPERM) &&            \
		    (groups) == MRQ_CREDS_NO_GROUPS &&                                 \
		    mrq_creds_become((call), MRQ_CREDS_GROUPS))                        \
			mrq_as_r_ = (expr);                                            \
		int mrq_as_errno_ = errno;                                             \
		mrq_creds_daemon();                                                    \
		errno = mrq_as_errno_;                                                 \
		mrq_as_r_;                                                             \
	})

/** POSIX permission of the caller on the object of a handle, mask of R_OK W_OK X_OK. */
MRQ_MUST_CHECK enum mrq_status mrq_creds_access(const struct mrq_call *call, int fd,
						int mask, struct mrq_error *err);

/**
 * What the kernel does to a file that others write to: clear set-user-ID and, when the group may
 * execute it or the caller is none of the group, set-group-ID.
 */
void mrq_creds_kill_priv(const struct mrq_call *call, int fd);

#endif
