/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_CLI_H
#define MRQ_CLI_CLI_H

/*
 * The program `marque`: a table of verbs (main.c), one file for the handler of each.  A handler
 * prints results on standard output; failures are returned, or noted per path, and printed by
 * exit.c.
 */
#include "base/cleanup.h"
#include "exit.h"
#include "options.h"

#include <marque/session.h>

#include <limits.h>

struct cli;

/** A verb of one or two words. */
struct cli_verb {
	const char *name;     /* "label set" */
	const char *operands; /* for the synopsis: "NAME PATH..." */
	const char *help;     /* one line */
	enum mrq_status (*run)(struct cli *cli, struct mrq_error *err);
	uint64_t options; /* besides CLI_GLOBAL */
	int min, max;     /* operands; max -1: any number */
};
/** All verbs, in the order of the manual; the last one has no name. */
extern const struct cli_verb cli_verbs[];

struct cli {
	const struct cli_verb *verb;
	struct cli_given given;
	int n; /* operands */
	char **args;
	bool json;
	unsigned verbose;
	char state_dir[PATH_MAX], config_file[PATH_MAX];
	struct mrq_session *session;  /* opened by cli_session */
	bool keys;                    /* it holds keys */
	struct mrq_error session_err; /* why none could be opened; MRQ_OK: not tried */
	struct cli_outcome outcome;
	bool told; /* the path that failed has its JSON line already */
};

/* ---- session.c ---- */

/** Fill in state_dir and config_file from options, user and environment. */
MRQ_MUST_CHECK enum mrq_status cli_resolve(struct cli *cli, struct mrq_error *err);
/**
 * The session, opened at first use; asks for the passphrase when the authority needs one.  One
 * with keys also serves who needs none, not the reverse: ask for keys first.
 */
MRQ_MUST_CHECK enum mrq_status cli_session(struct cli *cli, enum mrq_session_keys keys,
					   struct mrq_session **ret,
					   struct mrq_error *err);
void cli_session_close(struct cli *cli);

/* ---- help.c ---- */

void cli_help_all(FILE *out);
void cli_help_verb(const struct cli_verb *verb, FILE *out);
/** "marque label set [options] NAME PATH..." */
void cli_synopsis(const struct cli_verb *verb, FILE *out);

/* ---- paths: main.c ---- */

/** One path failed: print the sentence now, count it, go on. */
void cli_path_failed(struct cli *cli, const struct mrq_error *err);

/* ---- handlers, verb-NAME.c ---- */

#define CLI_HANDLER(name)                                                              \
	MRQ_MUST_CHECK enum mrq_status name(struct cli *cli, struct mrq_error *err)
CLI_HANDLER(cli_init);
CLI_HANDLER(cli_mount);
CLI_HANDLER(cli_umount);
CLI_HANDLER(cli_status);
CLI_HANDLER(cli_label_list);
CLI_HANDLER(cli_label_set);
CLI_HANDLER(cli_label_rm);
CLI_HANDLER(cli_protect);
CLI_HANDLER(cli_unprotect);
CLI_HANDLER(cli_view);
CLI_HANDLER(cli_why);
CLI_HANDLER(cli_authority);
CLI_HANDLER(cli_key_list);
CLI_HANDLER(cli_key_rotate);
CLI_HANDLER(cli_rewrap);
CLI_HANDLER(cli_revoke);
CLI_HANDLER(cli_unrevoke);
CLI_HANDLER(cli_track);
CLI_HANDLER(cli_audit_tail);
CLI_HANDLER(cli_audit_search);
CLI_HANDLER(cli_audit_verify);
CLI_HANDLER(cli_audit_export);
CLI_HANDLER(cli_cache_list);
CLI_HANDLER(cli_cache_clear);
CLI_HANDLER(cli_fsck);
CLI_HANDLER(cli_doctor);
CLI_HANDLER(cli_version);
CLI_HANDLER(cli_help);

#endif
