/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"

#define PATHS (CLI_BIT(CLI_RECURSIVE) | CLI_BIT(CLI_FILES0_FROM) | CLI_BIT(CLI_WHAT_IF))
#define CHANGES                                                                        \
	(PATHS | CLI_BIT(CLI_JUSTIFICATION) | CLI_BIT(CLI_PRESERVE) |                  \
	 CLI_BIT(CLI_NO_PRESERVE))
#define FILTER                                                                         \
	(CLI_BIT(CLI_FROM) | CLI_BIT(CLI_TO) | CLI_BIT(CLI_PRINCIPAL) |                \
	 CLI_BIT(CLI_PATH) | CLI_BIT(CLI_FILE_ID) | CLI_BIT(CLI_CONTENT_ID) |          \
	 CLI_BIT(CLI_EVENT) | CLI_BIT(CLI_RESULT) | CLI_BIT(CLI_SUPER_USER) |          \
	 CLI_BIT(CLI_LOG))

const struct cli_verb cli_verbs[] = {
	{ "init", "", "make an authority: keys, starter labels and templates", cli_init,
	  CLI_BIT(CLI_ORG) | CLI_BIT(CLI_SEAL), 0, 0 },
	{ "mount", "SOURCE MOUNTPOINT", "mount a protected share", cli_mount,
	  CLI_BIT(CLI_MOUNT_OPTIONS) | CLI_BIT(CLI_FOREGROUND), 2, 2 },
	{ "umount", "MOUNTPOINT", "unmount a protected share", cli_umount,
	  CLI_BIT(CLI_DRAIN) | CLI_BIT(CLI_LAZY), 1, 1 },
	{ "status", "PATH...", "label, protection, owner and licence of files",
	  cli_status,
	  CLI_BIT(CLI_CSV) | CLI_BIT(CLI_RIGHTS) | CLI_BIT(CLI_RECURSIVE) |
		  CLI_BIT(CLI_FILES0_FROM),
	  0, -1 },
	{ "label list", "", "list the organisation's labels", cli_label_list, 0, 0, 0 },
	{ "label set", "NAME PATH...", "set or change the label of files",
	  cli_label_set, CHANGES | CLI_BIT(CLI_NEW_KEY), 1, -1 },
	{ "label rm", "PATH...", "remove the label of files", cli_label_rm, CHANGES, 0,
	  -1 },
	{ "protect", "PATH...", "protect files with permissions of their own",
	  cli_protect,
	  CHANGES | CLI_BIT(CLI_USER) | CLI_BIT(CLI_EXPIRES) | CLI_BIT(CLI_OWNER) |
		  CLI_BIT(CLI_NEW_KEY),
	  0, -1 },
	{ "unprotect", "PATH...", "remove the protection of files", cli_unprotect,
	  CHANGES, 0, -1 },
	{ "view", "FILE", "show a text that may be viewed but not copied", cli_view, 0,
	  1, 1 },
	{ "why", "PATH", "the last refusal, and what to do", cli_why, 0, 1, 1 },
	{ "authority", "NOUN VERB [NAME] [MEMBER=VALUE...]",
	  "administer users, groups, templates, labels and keys", cli_authority,
	  CLI_BIT(CLI_INPUT) | CLI_BIT(CLI_OUTPUT) | CLI_BIT(CLI_USER) |
		  CLI_BIT(CLI_FOR),
	  1, -1 },
	{ "key list", "", "list the organisation's keys", cli_key_list, 0, 0, 0 },
	{ "key rotate", "", "make a new organisation key", cli_key_rotate, 0, 0, 0 },
	{ "rewrap", "PATH...", "wrap files under the present organisation key",
	  cli_rewrap, PATHS | CLI_BIT(CLI_PRESERVE) | CLI_BIT(CLI_NO_PRESERVE), 0, -1 },
	{ "revoke", "CONTENT-ID|PATH...", "withdraw a licence from everybody",
	  cli_revoke, CLI_BIT(CLI_FILE_ONLY), 1, -1 },
	{ "unrevoke", "CONTENT-ID|PATH...", "give a withdrawn licence back",
	  cli_unrevoke, CLI_BIT(CLI_FILE_ONLY), 1, -1 },
	{ "track", "CONTENT-ID|PATH", "who used a protected file, and when", cli_track,
	  CLI_BIT(CLI_FROM) | CLI_BIT(CLI_TO) | CLI_BIT(CLI_LOG), 1, 1 },
	{ "audit tail", "", "the last records of the audit log", cli_audit_tail,
	  CLI_BIT(CLI_FOLLOW) | CLI_BIT(CLI_LINES) | CLI_BIT(CLI_LOG), 0, 0 },
	{ "audit search", "", "find records of the audit log", cli_audit_search, FILTER,
	  0, 0 },
	{ "audit verify", "", "verify the audit log's chain and signatures",
	  cli_audit_verify, CLI_BIT(CLI_LOG) | CLI_BIT(CLI_KEY), 0, 0 },
	{ "audit export", "", "write records for other programs", cli_audit_export,
	  FILTER | CLI_BIT(CLI_FORMAT) | CLI_BIT(CLI_OUTPUT), 0, 0 },
	{ "cache list", "", "licences in the cache", cli_cache_list, 0, 0, 0 },
	{ "cache clear", "[MAIL]", "forget cached licences", cli_cache_clear, 0, 0, 1 },
	{ "fsck", "PATH...", "verify protected files, and repair them", cli_fsck,
	  CLI_BIT(CLI_REPAIR) | CLI_BIT(CLI_ACCEPT) | CLI_BIT(CLI_FILES0_FROM), 0, -1 },
	{ "doctor", "", "check this installation", cli_doctor, 0, 0, 0 },
	{ "version", "", "print the version", cli_version, 0, 0, 0 },
	{ "help", "[VERB]", "help on marque or a verb", cli_help, 0, 0, 2 },
	{ 0 },
};

void
cli_path_failed(struct cli *cli, const struct mrq_error *err)
{
	cli_outcome_fail(&cli->outcome, err->status);
	cli_print_error(err);
}

/* Takes the verb's one or two words off the operands. */
static const struct cli_verb *
find_verb(struct cli *cli)
{
	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		size_t first = strcspn(v->name, " ");
		bool two = v->name[first] != '\0';
		if (cli->n < 1 + two || strlen(cli->args[0]) != first ||
		    memcmp(cli->args[0], v->name, first) != 0)
			continue;
		if (two && strcmp(cli->args[1], v->name + first + 1) != 0)
			continue;
		cli->args += 1 + two;
		cli->n -= 1 + two;
		return v;
	}
	return NULL;
}

/* The second words of a first one: "list, set, rm". */
static enum mrq_status
unknown_verb(const struct cli *cli, struct mrq_error *err)
{
	char known[128] = "";
	size_t len = strlen(cli->args[0]);

	for (const struct cli_verb *v = cli_verbs; v->name; v++) {
		size_t used = strlen(known);
		if (strncmp(v->name, cli->args[0], len) == 0 && v->name[len] == ' ')
			(void)snprintf(known + used, sizeof(known) - used, "%s%s",
				       used ? ", " : "", v->name + len + 1);
	}
	if (known[0])
		return mrq_fail(err, MRQ_E_INVAL, "'%.64s' needs one of: %s",
				cli->args[0], known);
	return mrq_fail(err, MRQ_E_INVAL, "unknown verb '%.64s'; see 'marque help'",
			cli->args[0]);
}

static enum mrq_status
check_operands(const struct cli *cli, struct mrq_error *err)
{
	const struct cli_verb *v = cli->verb;

	if (cli->n < v->min)
		return mrq_fail(err, MRQ_E_INVAL, "'%s' needs %s; see 'marque help %s'",
				v->name, v->operands, v->name);
	if (v->max >= 0 && cli->n > v->max)
		return mrq_fail(err, MRQ_E_INVAL,
				"'%s' does not take '%.64s'; see 'marque help %s'",
				v->name, cli->args[v->max], v->name);
	return MRQ_OK;
}

static enum mrq_status
parse(struct cli *cli, char **argv, int n, struct mrq_error *err)
{
	MRQ_TRY(cli_options_parse(CLI_GLOBAL, true, argv, n, &cli->given, &cli->n,
				  err));
	cli->args = argv;
	if (cli->n == 0) {
		static char help[] = "help", version[] = "version";
		static char *verb[] = { help, NULL };
		if (cli_has(&cli->given, CLI_VERSION))
			verb[0] = version;
		else if (!cli_has(&cli->given, CLI_HELP))
			return mrq_fail(err, MRQ_E_INVAL,
					"no verb given; see 'marque help'");
		cli->args = verb;
		cli->n = 1;
	}
	cli->verb = find_verb(cli);
	if (!cli->verb)
		return unknown_verb(cli, err);
	return cli_options_parse(CLI_GLOBAL | cli->verb->options, false, cli->args,
				 cli->n, &cli->given, &cli->n, err);
}

static void
log_to_stderr(enum mrq_log_level level, const char *msg, void *arg)
{
	(void)level;
	(void)arg;
	(void)fprintf(stderr, "marque: %s\n", msg);
}

static enum mrq_status
run(struct cli *cli, char **argv, int n, struct mrq_error *err)
{
	MRQ_TRY(parse(cli, argv, n, err));
	cli->json = cli_has(&cli->given, CLI_JSON);
	for (size_t i = 0; i < cli->given.n; i++)
		cli->verbose += cli->given.items[i].opt == CLI_VERBOSE;
	static const enum mrq_log_level levels[] = { MRQ_LOG_WARNING, MRQ_LOG_NOTICE,
						     MRQ_LOG_DEBUG };
	mrq_log_set_sink(log_to_stderr, levels[cli->verbose < 2 ? cli->verbose : 2],
			 NULL);
	if (cli_has(&cli->given, CLI_HELP) && cli->verb->run != cli_help) {
		cli_help_verb(cli->verb, stdout);
		return MRQ_OK;
	}
	if (cli_has(&cli->given, CLI_VERSION))
		return cli_version(cli, err);
	MRQ_TRY(check_operands(cli, err));
	MRQ_TRY(cli_resolve(cli, err));
	return cli->verb->run(cli, err);
}

/* Keys and passphrases are in here for a while: neither a core file nor another process sees them. */
static void
guard(void)
{
	static const struct rlimit none = { 0, 0 };

	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* A lease on a file under conversion is broken by a signal that would end us. */
	(void)signal(SIGIO, SIG_IGN);
}

int
main(int argc, char **argv)
{
	static struct cli cli;
	struct mrq_error err = { 0 };

	guard();
	enum mrq_status s = run(&cli, argv + (argc > 0), argc > 0 ? argc - 1 : 0, &err);
	cli_session_close(&cli);
	if (s == MRQ_OK && (fflush(stdout) != 0 || ferror(stdout)) && errno != EPIPE)
		s = mrq_fail_sys(&err, "cannot write to standard output");
	if (s != MRQ_OK) {
		cli_print_error(&err);
		return cli_exit_code(s);
	}
	return cli_outcome_code(&cli.outcome);
}
