/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "passphrase.h"

#define STATE_OF_ROOT  "/var/lib/marque"
#define CONFIG_OF_ROOT "/etc/marque/marque.conf"

/* An XDG base folder: the variable when it is absolute, else a folder of the home. */
static enum mrq_status
xdg(const char *variable, const char *below_home, const char *tail,
    char ret[static PATH_MAX], struct mrq_error *err)
{
	const char *base = getenv(variable), *home = getenv("HOME");
	bool given = base && base[0] == '/';
	int n;

	if (!given && (!home || home[0] != '/'))
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"neither %s nor HOME is an absolute path; use --state and "
			"--config",
			variable);
	if (given)
		n = snprintf(ret, PATH_MAX, "%s/%s", base, tail);
	else
		n = snprintf(ret, PATH_MAX, "%s/%s/%s", home, below_home, tail);
	if (n < 0 || n >= PATH_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "the path in %s is too long",
				given ? variable : "HOME");
	return MRQ_OK;
}

static enum mrq_status
resolve(const struct cli *cli, enum cli_opt opt, const char *of_root,
	const char *variable, const char *below_home, const char *tail,
	char ret[static PATH_MAX], struct mrq_error *err)
{
	const char *given = cli_value(&cli->given, opt);

	if (!given && geteuid() != 0)
		return xdg(variable, below_home, tail, ret, err);
	if (!given)
		given = of_root;
	if (given[0] == '\0' || strlen(given) >= PATH_MAX)
		return mrq_fail(err, MRQ_E_INVAL, "--%s: no path, or too long a one",
				cli_options[opt].name);
	(void)stpcpy(ret, given);
	return MRQ_OK;
}

enum mrq_status
cli_resolve(struct cli *cli, struct mrq_error *err)
{
	MRQ_TRY(resolve(cli, CLI_STATE, STATE_OF_ROOT, "XDG_STATE_HOME", ".local/state",
			"marque", cli->state_dir, err));
	return resolve(cli, CLI_CONFIG, CONFIG_OF_ROOT, "XDG_CONFIG_HOME", ".config",
		       "marque/marque.conf", cli->config_file, err);
}

static enum mrq_status
open_with_passphrase(struct cli *cli, struct mrq_session_options *options,
		     struct mrq_error *err)
{
	struct cli_passphrase pass MRQ_CLEANUP(cli_passphrase_wipe) = { 0 };

	MRQ_TRY(cli_passphrase_get(&cli->given, CLI_PASSPHRASE_ONCE, &pass, err));
	options->passphrase = pass.bytes;
	options->passphrase_len = pass.len;
	return mrq_session_open(options, &cli->session, err);
}

static enum mrq_status
open_session(struct cli *cli, enum mrq_session_keys keys, struct mrq_error *err)
{
	struct mrq_session_options options = {
		.state_dir = cli->state_dir,
		.config_file = cli->config_file,
		.keys = keys,
	};
	enum mrq_status s = mrq_session_open(&options, &cli->session, err);

	if (s == MRQ_E_PASSPHRASE)
		s = open_with_passphrase(cli, &options, err);
	MRQ_TRY(s);
	cli->keys = keys == MRQ_SESSION_KEYS;
	return MRQ_OK;
}

enum mrq_status
cli_session(struct cli *cli, enum mrq_session_keys keys, struct mrq_session **ret,
	    struct mrq_error *err)
{
	struct mrq_error *failure = &cli->session_err;

	if (keys == MRQ_SESSION_KEYS && !cli->keys)
		cli_session_close(cli);
	/* What failed once is not tried, nor its passphrase asked for, at every path. */
	if (!cli->session && failure->status == MRQ_OK &&
	    open_session(cli, keys, failure) == MRQ_OK)
		failure->status = MRQ_OK;
	if (!cli->session) {
		*err = *failure;
		return failure->status;
	}
	*ret = cli->session;
	return MRQ_OK;
}

void
cli_session_close(struct cli *cli)
{
	mrq_session_free(cli->session);
	cli->session = NULL;
	cli->keys = false;
}
