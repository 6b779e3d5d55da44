/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_PROGRAM_H
#define MRQ_CORE_PROGRAM_H

/*
 * Which program asks: marquefs(8) "Trusted programs".  A process is known by a descriptor of
 * /proc/PID, which dies with it, so that a reused pid is never mistaken; an executable by device,
 * inode, times and size, digested once.  Thread-safe.
 *
 * Trusted is: digest listed, owned by root, writable by nobody else, set-group-ID of the trusted
 * group and running with it as effective group, not on the mount, not traced.  Anything that cannot be
 * found out makes it ordinary.
 */
#include "base/cleanup.h"
#include "core/config.h"

#include <marque/rights.h>

#include <sys/types.h>

/** A process: thread group and start time in clock ticks since boot. */
struct mrq_process {
	pid_t tgid; /* 0: unknown */
	uint64_t start;
	pid_t parent, group;
};

struct mrq_program_info {
	enum mrq_program kind;
	pid_t tgid;
	uid_t login_uid;
	char path[256];  /* of the executable, shortened; "" unknown */
	char digest[65]; /* SHA-256 hex; "" unknown */
};

struct mrq_programs;
/** Digests the trusted executables that the configuration lists; warns of one that it cannot. */
MRQ_MUST_CHECK enum mrq_status mrq_programs_new(const struct mrq_config *config,
						struct mrq_programs **ret,
						struct mrq_error *err);
void mrq_programs_free(struct mrq_programs *programs);
MRQ_DEFINE_CLEANUP(mrq_programs_free, struct mrq_programs *)

/** Look up the program of a thread; never fails, at worst an unknown ordinary one. */
void mrq_programs_identify(struct mrq_programs *programs, pid_t pid,
			   struct mrq_program_info *ret);
/** Read the process of a thread from /proc; false when it is gone or unknown. */
bool mrq_process_load(pid_t pid, struct mrq_process *ret);
/** Can it be fed by another process: does it hold the reading end of a pipe, or a socket? */
bool mrq_process_piped(pid_t tgid);

#endif
