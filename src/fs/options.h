/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_OPTIONS_H
#define MRQ_FS_OPTIONS_H

/*
 * The command line of marquefs(8), also as mount(8) calls it: a program named mount.* takes mount(8)'s
 * flags, where -f means "fake".  Pure: nothing is opened, no environment is read.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <limits.h>
#include <stdbool.h>

#define MRQ_OPTIONS_TEXT_MAX    65536u  /* bytes of all -o arguments together */
#define MRQ_OPTIONS_KERNEL_MAX  4096u   /* bytes of what is passed on */
#define MRQ_OPTIONS_TIMEOUT_MAX 86400.0 /* seconds */

enum mrq_options_action {
	MRQ_ACTION_MOUNT,
	MRQ_ACTION_CHECK, /* mount -f: the options only */
	MRQ_ACTION_HELP,
	MRQ_ACTION_VERSION,
};

/** Zero it to begin; release with mrq_options_clear. */
struct mrq_options {
	enum mrq_options_action action;
	char *source, *mount_point;    /* as given */
	char *state_dir, *config_file; /* NULL: default */
	int passphrase_fd;             /* -1: none given */
	bool foreground, verbose;
	bool allow_other, read_only, shared;
	double attr_timeout, entry_timeout; /* seconds; negative: default */
	unsigned threads;                   /* 0: default */
	char *kernel; /* options for libfuse, comma separated; "" none */
};

void mrq_options_clear(struct mrq_options *options);
MRQ_DEFINE_CLEANUP_VALUE(mrq_options_clear, struct mrq_options)

/**
 * Parse a command line.  Not thread-safe (getopt).
 *
 * @argv  argv[0] tells how the program was called; its order may be changed
 * @root  the default of allow_other
 * @ret   zeroed; filled on success, to be cleared in every case
 *
 * Returns MRQ_OK; MRQ_E_INVAL names the option or argument that is wrong; MRQ_E_LIMIT; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status mrq_options_parse(int argc, char **argv, bool root,
						 struct mrq_options *ret,
						 struct mrq_error *err);

/** Environment: returns the value of a variable, NULL when unset. */
typedef char *(*mrq_options_env)(const char *name);

/**
 * Fill state_dir and config_file in where they are NULL: /var/lib/marque and
 * /etc/marque/marque.conf as root, else below $XDG_STATE_HOME and $XDG_CONFIG_HOME, which
 * default to folders of $HOME.  Also makes a relative one absolute (the daemon changes to "/").
 *
 * Returns MRQ_OK; MRQ_E_INVAL when HOME is needed and unset or relative; MRQ_E_NOMEM; MRQ_E_SYS.
 */
MRQ_MUST_CHECK enum mrq_status mrq_options_defaults(struct mrq_options *options,
						    bool root, mrq_options_env env,
						    struct mrq_error *err);

extern const char mrq_options_usage[];

#endif
