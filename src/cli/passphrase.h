/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_PASSPHRASE_H
#define MRQ_CLI_PASSPHRASE_H

/*
 * Passphrases: from the terminal without echo, or from a descriptor; never from argv or the
 * environment.
 */
#include "base/cleanup.h"
#include "options.h"

#define CLI_PASSPHRASE_MAX 1024 /* bytes */

struct cli_passphrase {
	char bytes[CLI_PASSPHRASE_MAX];
	size_t len;
};
void cli_passphrase_wipe(struct cli_passphrase *pass);
MRQ_DEFINE_CLEANUP_VALUE(cli_passphrase_wipe, struct cli_passphrase)

enum cli_passphrase_times {
	CLI_PASSPHRASE_ONCE,
	CLI_PASSPHRASE_TWICE, /* a new one: typed again to be sure; not when from a descriptor */
};
/**
 * Read one line.  MRQ_E_PASSPHRASE when there is no terminal, it is empty, or the two differ;
 * MRQ_E_LIMIT when longer than CLI_PASSPHRASE_MAX.
 */
MRQ_MUST_CHECK enum mrq_status cli_passphrase_get(const struct cli_given *given,
						  enum cli_passphrase_times times,
						  struct cli_passphrase *ret,
						  struct mrq_error *err);

#endif
