/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_PROGRAMS_H
#define MRQ_CLI_PROGRAMS_H

/* Our other programs, and running them. */
#include "cli.h"

/**
 * Path of a program of ours: beside this one, where a build tree has it, or where it is installed.
 * MRQ_E_NOT_FOUND.
 */
MRQ_MUST_CHECK enum mrq_status cli_find_program(const char *name,
						const char *build_folder,
						const char *installed_folder,
						char ret[static PATH_MAX],
						struct mrq_error *err);
/**
 * Run a program, wait for it; *ret is its exit code, 128 + signal when one killed it.  A path
 * without '/' is searched in PATH.
 */
MRQ_MUST_CHECK enum mrq_status cli_run(const char *path, char *const *argv, int *ret,
				       struct mrq_error *err);
/** Become a program: returns on failure only. */
enum mrq_status cli_become(const char *path, char *const *argv, struct mrq_error *err);

#endif
