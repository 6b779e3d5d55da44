/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <fcntl.h>
#include <string.h>

#include <marque/authority.h>

#include "base/file.h"
#include "base/json-doc.h"
#include "output.h"
#include "passphrase.h"

/* What a new installation begins with: every name marque.conf(5) knows, at its default. */
static const char default_config[] =
	"# Configuration of marque: marque.conf(5).  Names that are commented out show "
	"their\n"
	"# default.\n"
	"\n"
	"[identity]\n"
	"# The mail address of a user of this machine: %u login name, %o the "
	"organisation.\n"
	"#default = %u@%o\n"
	"# The same for groups: %g group name.\n"
	"#group = %g@%o\n"
	"# Single users, by login name or number.\n"
	"#user.ann = ann.miller@example.com\n"
	"#uid.1001 = bob@example.com\n"
	"\n"
	"[labels]\n"
	"# Label of new files in a folder below the mount, and of a user's new files.\n"
	"#directory./finance = Confidential/All Employees\n"
	"#user.ann@example.com = General\n"
	"\n"
	"[exempt]\n"
	"# Programs that may read files of a label without carrying it on to what they "
	"write.\n"
	"#Confidential/All Employees = /usr/bin/git\n"
	"\n"
	"[programs]\n"
	"# Programs that themselves enforce VIEW; set-group-ID to `group', owned by "
	"root.\n"
	"#trusted = /usr/bin/marque-view\n"
	"#group = marque-trusted\n"
	"\n"
	"[mount]\n"
	"# Plain files in a protected share: show or deny.\n"
	"#plain = show\n"
	"# Bytes of a block of new files: 4096 to 65536, a power of two.\n"
	"#block_size = 4096\n"
	"# Seconds within which a revocation takes effect.\n"
	"#poll = 60\n"
	"\n"
	"[audit]\n"
	"# Absolute path of the log; audit.log in the state folder when not set.\n"
	"#path = /var/log/marque/audit.log\n"
	"#journald = no\n"
	"#syslog = no\n"
	"\n"
	"[cache]\n"
	"# Use licences kept for offline use.\n"
	"#licences = 100000\n"
	"\n"
	"[authority]\n"
	"# Secret that binds keys to this machine; machine.key beside this file when "
	"not set.\n"
	"#machine_key = /etc/marque/machine.key\n"
	"#machine_id = /etc/machine-id\n";

enum seal { SEAL_MACHINE, SEAL_PASSPHRASE };

static enum mrq_status
take_seal(const struct cli *cli, enum seal *ret, struct mrq_error *err)
{
	const char *text = cli_value(&cli->given, CLI_SEAL);

	*ret = SEAL_MACHINE;
	if (!text || strcmp(text, "machine") == 0)
		return MRQ_OK;
	*ret = SEAL_PASSPHRASE;
	if (strcmp(text, "passphrase") == 0)
		return MRQ_OK;
	return mrq_fail(err, MRQ_E_INVAL,
			"--seal is 'machine' or 'passphrase', not '%.64s'", text);
}

static void
config_folder(const struct cli *cli, char ret[static PATH_MAX])
{
	const char *slash = strrchr(cli->config_file, '/');
	size_t len = slash ? (size_t)(slash - cli->config_file) : 0;

	if (!slash)
		(void)stpcpy(ret, ".");
	else
		(void)snprintf(ret, PATH_MAX, "%.*s", len ? (int)len : 1,
			       cli->config_file);
}

static enum mrq_status
write_config(const struct cli *cli, bool *ret_written, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = open(cli->config_file, O_PATH | O_CLOEXEC);

	*ret_written = false;
	if (fd >= 0)
		return MRQ_OK;
	MRQ_TRY(mrq_file_replace(AT_FDCWD, cli->config_file, default_config,
				 sizeof(default_config) - 1, 0644, err));
	*ret_written = true;
	return MRQ_OK;
}

static enum mrq_status
make(struct cli *cli, enum seal seal, const char *config_dir, struct mrq_error *err)
{
	struct cli_passphrase pass MRQ_CLEANUP(cli_passphrase_wipe) = { 0 };
	struct mrq_init_options options = {
		.state_dir = cli->state_dir,
		.config_dir = config_dir,
		.org = cli_value(&cli->given, CLI_ORG),
	};

	if (seal == SEAL_PASSPHRASE) {
		MRQ_TRY(cli_passphrase_get(&cli->given, CLI_PASSPHRASE_TWICE, &pass,
					   err));
		options.passphrase = pass.bytes;
		options.passphrase_len = pass.len;
	}
	return mrq_init(&options, err);
}

static enum mrq_status
report(const struct cli *cli, enum seal seal, const char *config_dir, bool written,
       struct mrq_error *err)
{
	const char *org = cli_value(&cli->given, CLI_ORG);

	if (cli->json) {
		struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
		mrq_json_out_begin(&out, NULL, '{');
		mrq_json_out_text(&out, "org", org);
		mrq_json_out_path(&out, "state", cli->state_dir);
		mrq_json_out_path(&out, "config", cli->config_file);
		mrq_json_out_bool(&out, "config_written", written);
		mrq_json_out_text(&out, "seal",
				  seal == SEAL_MACHINE ? "machine" : "passphrase");
		mrq_json_out_end(&out, '}');
		return cli_put_json(stdout, &out, err);
	}
	(void)printf("authority of %s made in %s\n", org, cli->state_dir);
	if (seal == SEAL_MACHINE)
		(void)printf(
			"its keys are sealed to this machine: %s/machine.key and the "
			"machine id open them, no passphrase is asked\n",
			config_dir);
	else
		(void)puts(
			"its keys are sealed with the passphrase: it is asked at every "
			"mount and cannot be recovered");
	(void)printf("configuration %s: %s\n", cli->config_file,
		     written ? "written" : "there already, kept");
	(void)puts("'marque label list' shows the starter labels, 'marque mount SOURCE "
		   "MOUNTPOINT' mounts a share");
	return MRQ_OK;
}

enum mrq_status
cli_init(struct cli *cli, struct mrq_error *err)
{
	char config_dir[PATH_MAX];
	enum seal seal;
	bool written = false;

	if (!cli_value(&cli->given, CLI_ORG))
		return mrq_fail(
			err, MRQ_E_INVAL,
			"'init' needs the organisation's domain: --org example.com");
	MRQ_TRY(take_seal(cli, &seal, err));
	config_folder(cli, config_dir);
	MRQ_TRY(make(cli, seal, config_dir, err));
	MRQ_TRY(write_config(cli, &written, err));
	return report(cli, seal, config_dir, written, err);
}
