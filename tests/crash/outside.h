/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_OUTSIDE_H
#define MRQ_TEST_CRASH_OUTSIDE_H

/*
 * A program of somebody else's that judges states: what is seen of each file is put into a
 * folder, then it is asked.  (Files that cannot be read are left out.)
 */
#include "promise.h"

struct outside;
/** Starts "PROGRAM check FOLDER", with a new folder below scratch. */
struct outside *outside_start(const char *program, const char *scratch);
void outside_end(struct outside *o);
/** Ask about transactions from floor to ceiling; false with the reason. */
bool outside_agrees(struct outside *o, const struct seen *seen, size_t n,
		    uint64_t floor, uint64_t ceiling, char why[static 512]);

#endif
