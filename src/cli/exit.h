/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_EXIT_H
#define MRQ_CLI_EXIT_H

/*
 * The one place that prints errors and knows exit codes: marque(1), "EXIT STATUS".
 */
#include "base/error.h"

#include <stddef.h>

#define CLI_EXIT_DONE        0
#define CLI_EXIT_SOME        1 /* some paths, or the command, failed */
#define CLI_EXIT_USAGE       2
#define CLI_EXIT_DENIED      3
#define CLI_EXIT_UNREACHABLE 4
#define CLI_EXIT_DAMAGED     5

int cli_exit_code(enum mrq_status status);
/** The status a mount tells by errno: marquefs(8). */
enum mrq_status cli_status_of_errno(int sys_errno);

/** How the paths of one command fared. */
struct cli_outcome {
	size_t done, failed;
	int code; /* of the failures so far: their common code, CLI_EXIT_SOME when they differ */
};
void cli_outcome_fail(struct cli_outcome *outcome, enum mrq_status status);
/**
 * Damage among the failures is CLI_EXIT_DAMAGED; when no path was done, the failures' common
 * code; else CLI_EXIT_SOME.
 */
int cli_outcome_code(const struct cli_outcome *outcome);

/** "marque: SENTENCE" on standard error. */
void cli_print_error(const struct mrq_error *err);

#endif
