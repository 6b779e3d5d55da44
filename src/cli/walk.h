/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_WALK_H
#define MRQ_CLI_WALK_H

/*
 * The files that a command line names: operands, NUL-separated lists, folders' contents; and where
 * each lies: in a mount, in the source of a mount, or elsewhere.  A file is reached by its folder's
 * descriptor and its name, so that nobody who moves folders under us leads a privileged command
 * elsewhere; symbolic links are followed in operands only.
 */
#include <sys/stat.h>

#include "cli.h"

#define CLI_DEPTH_MAX  128         /* folders inside one another: a descriptor each */
#define CLI_FILES0_MAX (64u << 20) /* bytes of a list of paths */
#define CLI_FOLDER_MAX 10000000u   /* names in one folder */

enum cli_where {
	CLI_IN_MOUNT,  /* changes go through the mount */
	CLI_IN_SOURCE, /* mounted elsewhere: what would write is refused */
	CLI_OUTSIDE,
};

struct cli_target {
	int dirfd;        /* folder, O_PATH; borrowed */
	const char *name; /* in it */
	const char *path; /* as given, for people */
	const char *real; /* absolute, without symbolic links */
	struct stat st;
	enum cli_where where;
	char mount_point[PATH_MAX]; /* of CLI_IN_SOURCE */
};

/**
 * Called per file.  MRQ_OK counts it as done; a failure is printed with its path in front of
 * it, counted, and the walk goes on.
 */
typedef enum mrq_status (*cli_visit)(struct cli *cli, const struct cli_target *target,
				     void *arg, struct mrq_error *err);

/**
 * Visit the files of the operands from `first` on and of --files0-from, into folders with
 * --recursive or `recurse`, names in byte order.  A failure of its own is the command's
 * (no path at all, an unreadable list); those of paths go to cli->outcome.
 */
MRQ_MUST_CHECK enum mrq_status cli_walk(struct cli *cli, int first, bool recurse,
					cli_visit visit, void *arg,
					struct mrq_error *err);
/** One path, a folder too when `folder`; failures are returned. */
MRQ_MUST_CHECK enum mrq_status cli_visit_one(struct cli *cli, const char *path,
					     bool folder, cli_visit visit, void *arg,
					     struct mrq_error *err);
/** The sentence for CLI_IN_SOURCE: names the mount to use. */
enum mrq_status cli_refuse_source(const struct cli_target *target,
				  struct mrq_error *err);

#endif
