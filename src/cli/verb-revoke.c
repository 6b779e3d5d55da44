/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "content.h"

#include <string.h>

#include <marque/control.h>

#include "base/guid.h"
#include "output.h"

static bool
push(const struct mrq_mount_info *mount, void *arg)
{
	char *answer MRQ_CLEANUP(free) = NULL;

	(void)arg;
	/* A mount that cannot be told learns it at its next poll. */
	if (mrq_control_call(mount->mount_point, "{\"verb\":\"revoked\"}", &answer,
			     NULL) != MRQ_OK)
		return true;
	return true;
}

static enum mrq_status
report(const struct cli *cli, const char *what, const char *id, const char *done,
       bool file_only, struct mrq_error *err)
{
	if (cli->json) {
		struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
		mrq_json_out_begin(&out, NULL, '{');
		mrq_json_out_path(&out, "what", what);
		mrq_json_out_text(&out, file_only ? "file_id" : "content_id", id);
		mrq_json_out_text(&out, "status", done);
		mrq_json_out_end(&out, '}');
		return cli_put_json(stdout, &out, err);
	}
	cli_put_text(stdout, what);
	(void)printf(": %s %s %s\n", file_only ? "file" : "content", id, done);
	return MRQ_OK;
}

typedef enum mrq_status (*revoke_call)(struct mrq_session *session,
				       const struct mrq_caller *caller,
				       const char *what, bool only_file,
				       struct mrq_error *err);

/*
 * A path is told to the library by its real name in the source, where it weighs the caller's
 * right; in a mount, whose files it cannot read so, by its identifier.
 */
static enum mrq_status
change_one(struct cli *cli, const char *what, revoke_call call, const char *done,
	   struct mrq_error *err)
{
	bool file_only = cli_has(&cli->given, CLI_FILE_ONLY);
	struct mrq_caller self = mrq_caller_self();
	struct mrq_session *session = NULL;
	struct cli_content content;

	MRQ_TRY(cli_content_find(cli, what, &content, err));
	bool by_file = content.file_given || file_only;
	const char *id = by_file ? content.file_id : content.content_id;
	char named[PATH_MAX];
	(void)snprintf(named, sizeof(named), "%s%s", by_file ? "file:" : "", id);
	MRQ_TRY(cli_session(cli, MRQ_SESSION_KEYS, &session, err));
	MRQ_TRY(call(session, &self, content.real ? content.real : named, by_file,
		     err));
	return report(cli, what, id, done, by_file, err);
}

static enum mrq_status
change(struct cli *cli, revoke_call call, const char *done, struct mrq_error *err)
{
	for (int i = 0; i < cli->n; i++) {
		struct mrq_error why = { 0 };
		if (change_one(cli, cli->args[i], call, done, &why) == MRQ_OK)
			cli->outcome.done++;
		else
			cli_path_failed(cli, &why);
	}
	if (cli->outcome.done == 0)
		return MRQ_OK;
	return mrq_mounts_each(push, NULL, err);
}

enum mrq_status
cli_revoke(struct cli *cli, struct mrq_error *err)
{
	return change(cli, mrq_revoke, "revoked", err);
}

enum mrq_status
cli_unrevoke(struct cli *cli, struct mrq_error *err)
{
	return change(cli, mrq_unrevoke, "no longer revoked", err);
}
