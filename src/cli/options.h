/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_OPTIONS_H
#define MRQ_CLI_OPTIONS_H

/*
 * Options, by one table.  An option means the same for every verb that takes it; a verb says by
 * a bit set which it takes.  "--name=value", "--name value", "-xvalue", "-x value", flags in one
 * word ("-rv"), "--" ends them.
 */
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cli_opt {
	/* of every verb */
	CLI_STATE,
	CLI_CONFIG,
	CLI_JSON,
	CLI_PASSPHRASE_FD,
	CLI_VERBOSE,
	CLI_HELP,
	CLI_VERSION,
	/* of some */
	CLI_ORG,
	CLI_SEAL,
	CLI_MOUNT_OPTIONS,
	CLI_FOREGROUND,
	CLI_DRAIN,
	CLI_LAZY,
	CLI_CSV,
	CLI_RIGHTS,
	CLI_RECURSIVE,
	CLI_WHAT_IF,
	CLI_JUSTIFICATION,
	CLI_NEW_KEY,
	CLI_PRESERVE,
	CLI_NO_PRESERVE,
	CLI_FILES0_FROM,
	CLI_USER,
	CLI_EXPIRES,
	CLI_OWNER,
	CLI_FILE_ONLY,
	CLI_FROM,
	CLI_TO,
	CLI_PRINCIPAL,
	CLI_PATH,
	CLI_FILE_ID,
	CLI_CONTENT_ID,
	CLI_EVENT,
	CLI_RESULT,
	CLI_SUPER_USER,
	CLI_LOG,
	CLI_FOLLOW,
	CLI_LINES,
	CLI_FORMAT,
	CLI_OUTPUT,
	CLI_KEY,
	CLI_REPAIR,
	CLI_ACCEPT,
	CLI_INPUT,
	CLI_FOR,
	CLI_OPTIONS, /* their number */
};

#define CLI_BIT(opt) (UINT64_C(1) << (opt))
#define CLI_GLOBAL                                                                     \
	(CLI_BIT(CLI_STATE) | CLI_BIT(CLI_CONFIG) | CLI_BIT(CLI_JSON) |                \
	 CLI_BIT(CLI_PASSPHRASE_FD) | CLI_BIT(CLI_VERBOSE) | CLI_BIT(CLI_HELP) |       \
	 CLI_BIT(CLI_VERSION))
#define CLI_GIVEN_MAX 1024 /* options on one command line */

/** One row of the table. */
struct cli_option {
	const char *name;
	char letter;     /* 0: none */
	const char *arg; /* name of its value; NULL: a flag */
	const char *help;
};
extern const struct cli_option cli_options[CLI_OPTIONS];

/** What a command line gave; pointers into argv. */
struct cli_given {
	size_t n;
	struct {
		enum cli_opt opt;
		const char *value; /* NULL for a flag */
	} items[CLI_GIVEN_MAX];
};

/**
 * Take the options of `allowed` out of argv[0..n): what is left are the operands, in order, in
 * argv[0..*ret_n).  A first pass with `stop` set ends at the first operand, and leaves it and
 * all behind it alone.
 *
 * Returns MRQ_OK; MRQ_E_INVAL for an unknown option, a missing or an unwanted value;
 * MRQ_E_LIMIT beyond CLI_GIVEN_MAX.
 */
MRQ_MUST_CHECK enum mrq_status cli_options_parse(uint64_t allowed, bool stop,
						 char **argv, int n,
						 struct cli_given *ret, int *ret_n,
						 struct mrq_error *err);

bool cli_has(const struct cli_given *given, enum cli_opt opt);
/** The last value, NULL when absent. */
const char *cli_value(const struct cli_given *given, enum cli_opt opt);
/** The i-th value, from 0, NULL behind the last. */
const char *cli_each(const struct cli_given *given, enum cli_opt opt, size_t i);
/** A decimal number from min to max; *ret keeps its value when the option is absent. */
MRQ_MUST_CHECK enum mrq_status cli_number(const struct cli_given *given,
					  enum cli_opt opt, uint32_t min, uint32_t max,
					  uint32_t *ret, struct mrq_error *err);
/** A time of mrq_time_parse, "never" as MRQ_NEVER; *ret keeps its value when absent. */
MRQ_MUST_CHECK enum mrq_status cli_time(const struct cli_given *given, enum cli_opt opt,
					int64_t now, int64_t *ret,
					struct mrq_error *err);

#endif
