/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_AUDIT_LINE_H
#define MRQ_CLI_AUDIT_LINE_H

/* Lines of the audit log for people, and the options that choose among them. */
#include <stdio.h>

#include <marque/audit.h>

#include "cli.h"

/**
 * Print one record: time, result, event, who, what, why.  A line that is no JSON object is printed as
 * it is, harmless.
 */
void cli_put_audit_line(FILE *out, const char *json, size_t len);
/** The filter of --from, --to, ...; strings point into argv. */
MRQ_MUST_CHECK enum mrq_status cli_audit_filter(const struct cli_given *given,
						int64_t now,
						struct mrq_audit_filter *ret,
						struct mrq_error *err);
/** Path of the log: --log, else that of the configuration. */
MRQ_MUST_CHECK enum mrq_status cli_audit_path(struct cli *cli, const char **ret,
					      struct mrq_error *err);

#endif
