/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_MUTANT_H
#define MRQ_TEST_CRASH_MUTANT_H

/*
 * What the recorder would have seen of a program that has a certain bug: each of them
 * must be found, else the explorer sees nothing at all.
 */
#include "disk.h"

/** False when there is no such bug, or nothing of the history shows it. */
bool mutate(struct history *h, const char *name);

#endif
