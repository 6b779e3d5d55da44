/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <marque/version.h>

#include "fs/daemon.h"
#include "fs/exit.h"

static int
fail(const struct mrq_error *err)
{
	mrq_exit_print(err->msg);
	return mrq_exit_code(err->status);
}

int
main(int argc, char **argv)
{
	struct mrq_options options MRQ_CLEANUP(mrq_options_clear) = { 0 };
	bool root = geteuid() == 0;
	struct mrq_error err = { 0 };

	if (mrq_options_parse(argc, argv, root, &options, &err) != MRQ_OK)
		return fail(&err);
	switch (options.action) {
	case MRQ_ACTION_HELP:
		(void)fputs(mrq_options_usage, stdout);
		return MRQ_EXIT_DONE;
	case MRQ_ACTION_VERSION:
		(void)printf("marquefs %s\n", mrq_version());
		return MRQ_EXIT_DONE;
	case MRQ_ACTION_CHECK:
		return MRQ_EXIT_DONE;
	case MRQ_ACTION_MOUNT:
		break;
	}
	if (mrq_options_defaults(&options, root, getenv, &err) != MRQ_OK)
		return fail(&err);
	return mrq_daemon_main(&options);
}
