/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/exit.h"

#include <stdio.h>

int
mrq_exit_code(enum mrq_status status)
{
	switch (status) {
	case MRQ_OK:
		return MRQ_EXIT_DONE;
	case MRQ_E_INVAL:
	case MRQ_E_CONFIG:
		return MRQ_EXIT_USAGE;
	case MRQ_E_DENIED:
	case MRQ_E_POLICY:
	case MRQ_E_EXPIRED:
	case MRQ_E_REVOKED:
	case MRQ_E_AUDIT:
	case MRQ_E_PASSPHRASE:
		return MRQ_EXIT_DENIED;
	case MRQ_E_NO_KEY:
	case MRQ_E_CLOCK:
		return MRQ_EXIT_UNREACHABLE;
	case MRQ_E_FORMAT:
	case MRQ_E_FORGED:
	case MRQ_E_DAMAGED:
	case MRQ_E_ROLLBACK:
		return MRQ_EXIT_DAMAGED;
	case MRQ_E_NOMEM:
	case MRQ_E_SYS:
	case MRQ_E_VERSION:
	case MRQ_E_LIMIT:
	case MRQ_E_NOT_FOUND:
	case MRQ_E_EXISTS:
	case MRQ_E_BUSY:
	case MRQ_E_UNSUPPORTED:
	case MRQ_E_PLAIN:
		return MRQ_EXIT_FAILED;
	}
	return MRQ_EXIT_FAILED;
}

void
mrq_exit_print(const char *sentence)
{
	(void)fprintf(stderr, "marquefs: %s\n", sentence);
}
