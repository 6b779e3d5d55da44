/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_PROMISE_H
#define MRQ_TEST_CRASH_PROMISE_H

/*
 * What must be there after a crash, from the marks of the program alone: it knows nothing
 * of containers, nor of how the tree was made or read.
 *
 *   - what a sync of a file covered is there, block by block that or newer;
 *   - each block is of one of the contents that the file had since, whole;
 *   - a name that was made durable leads to a file it led to since; a name that changed
 *     leads to the one or the other, and a file whose name moved has one of them;
 *   - nothing that has been durable is unreadable.
 */
#include "disk.h"

enum power {
	POWER_CUT,  /* what was synced is promised */
	POWER_KEPT, /* the daemon was killed: what was closed is promised, too */
};

/** A file as it was found. */
struct seen {
	char path[CRASH_NAME_MAX];
	bool readable;
	const char *why; /* it is not */
	const uint8_t *data;
	uint64_t size;
	uint8_t label[16];
	uint8_t file_id[16];
	uint64_t sequence;
};

struct promises;
struct promises *promises_make(const struct history *h);
void promises_free(struct promises *p);
/** Labels before and after the change that a program made, by file number. */
void promises_labels(struct promises *p, const struct seen *before, size_t n_before,
		     const struct seen *after, size_t n_after);
/** A number for what is promised after so many steps: equal for equal promises. */
uint64_t promises_key(const struct promises *p, size_t steps);
/** Which transactions may be the last one; false when there are none in the history. */
bool promises_commits(const struct promises *p, size_t steps, uint64_t *ret_floor,
		      uint64_t *ret_ceiling);
/** Does what is seen keep the promises of so many steps?  If not, why has the reason. */
bool promises_kept(const struct promises *p, size_t steps, enum power power,
		   const struct seen *seen, size_t n_seen, char why[static 512]);

#endif
