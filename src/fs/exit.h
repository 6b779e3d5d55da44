/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_EXIT_H
#define MRQ_FS_EXIT_H

/* The one place where marquefs prints an error and chooses its exit status. */
#include "base/error.h"

enum mrq_exit {
	MRQ_EXIT_DONE = 0,
	MRQ_EXIT_FAILED = 1,
	MRQ_EXIT_USAGE = 2,
	MRQ_EXIT_DENIED = 3,
	MRQ_EXIT_UNREACHABLE = 4,
	MRQ_EXIT_DAMAGED = 5,
};

/** marquefs(8), "EXIT STATUS". */
int mrq_exit_code(enum mrq_status status);
/** "marquefs: SENTENCE" on standard error. */
void mrq_exit_print(const char *sentence);

#endif
