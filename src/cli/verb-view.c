/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "programs.h"

#include <string.h>

enum mrq_status
cli_view(struct cli *cli, struct mrq_error *err)
{
	char path[PATH_MAX], name[] = "marque-view", end[] = "--";
	char *file MRQ_CLEANUP(free) = strdup(cli->args[0]);
	char *argv[] = { name, end, file, NULL };

	if (!file)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to run marque-view");
	MRQ_TRY(cli_find_program(name, "/", MRQ_BINDIR, path, err));
	return cli_become(path, argv, err);
}
