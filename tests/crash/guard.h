/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_GUARD_H
#define MRQ_TEST_CRASH_GUARD_H

/*
 * The guard against rollback, as it stands in the daemon's state folder when the power
 * goes: it must not take what a power cut left for an older version put back.  Of the
 * state folder all is taken to have reached the disk, of the source what the state says.
 */
#include "disk.h"

struct guard;
/** The log's history of the state folder is h; scratch is a folder for copies of it. */
struct guard *guard_open(const struct history *h, const char *config_file,
			 const char *scratch);
void guard_close(struct guard *g);
/** Take the state folder as it was when this record had been made. */
void guard_move(struct guard *g, const struct crash_record *until);
/** A number for what it has seen. */
uint64_t guard_key(const struct guard *g);
/** False, with the reason, when a file with this sequence is refused. */
bool guard_allows(const struct guard *g, const uint8_t file_id[static 16],
		  uint64_t sequence, char why[static 512]);

#endif
