/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exit.h"

#include <errno.h>
#include <stdio.h>

int
cli_exit_code(enum mrq_status status)
{
	switch (status) {
	case MRQ_OK:
		return CLI_EXIT_DONE;
	case MRQ_E_INVAL:
	case MRQ_E_CONFIG:
		return CLI_EXIT_USAGE;
	case MRQ_E_DENIED:
	case MRQ_E_POLICY:
	case MRQ_E_EXPIRED:
	case MRQ_E_REVOKED:
	case MRQ_E_AUDIT:
	case MRQ_E_PASSPHRASE:
		return CLI_EXIT_DENIED;
	case MRQ_E_NO_KEY:
	case MRQ_E_CLOCK:
		return CLI_EXIT_UNREACHABLE;
	case MRQ_E_FORMAT:
	case MRQ_E_FORGED:
	case MRQ_E_DAMAGED:
	case MRQ_E_ROLLBACK:
		return CLI_EXIT_DAMAGED;
	case MRQ_E_NOMEM:
	case MRQ_E_SYS:
	case MRQ_E_VERSION:
	case MRQ_E_LIMIT:
	case MRQ_E_NOT_FOUND:
	case MRQ_E_EXISTS:
	case MRQ_E_BUSY:
	case MRQ_E_UNSUPPORTED:
	case MRQ_E_PLAIN:
		return CLI_EXIT_SOME;
	}
	return CLI_EXIT_SOME;
}

enum mrq_status
cli_status_of_errno(int sys_errno)
{
	switch (sys_errno) {
	case EACCES:
		return MRQ_E_DENIED;
	case EPERM:
		return MRQ_E_POLICY;
	case EKEYEXPIRED:
		return MRQ_E_EXPIRED;
	case EKEYREVOKED:
		return MRQ_E_REVOKED;
	case ENOKEY:
		return MRQ_E_NO_KEY;
	case EIO:
		return MRQ_E_DAMAGED;
	case ENOENT:
	case ENODATA:
		return MRQ_E_NOT_FOUND;
	case EBUSY:
		return MRQ_E_BUSY;
	case EINVAL:
		return MRQ_E_INVAL;
	case EOPNOTSUPP:
		return MRQ_E_UNSUPPORTED;
	case ENOMEM:
		return MRQ_E_NOMEM;
	default:
		return MRQ_E_SYS;
	}
}

void
cli_outcome_fail(struct cli_outcome *outcome, enum mrq_status status)
{
	int code = cli_exit_code(status);

	if (outcome->failed++ == 0 || code == CLI_EXIT_DAMAGED)
		outcome->code = code;
	else if (outcome->code != code && outcome->code != CLI_EXIT_DAMAGED)
		outcome->code = CLI_EXIT_SOME;
}

int
cli_outcome_code(const struct cli_outcome *outcome)
{
	if (outcome->failed == 0)
		return CLI_EXIT_DONE;
	if (outcome->done > 0 && outcome->code != CLI_EXIT_DAMAGED)
		return CLI_EXIT_SOME;
	return outcome->code;
}

void
cli_print_error(const struct mrq_error *err)
{
	(void)fflush(stdout);
	(void)fprintf(stderr, "marque: %s\n", err->msg);
}
