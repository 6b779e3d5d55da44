/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

#include <string.h>
#include <strings.h>

#include <marque/label.h>

#include "base/clock.h"
#include "base/guid.h"
#include "output.h"
#include "permissions.h"

enum mrq_status
cli_change_options(const struct cli *cli, struct cli_change *ret, struct mrq_error *err)
{
	const struct cli_given *given = &cli->given;

	if (cli_has(given, CLI_PRESERVE) && cli_has(given, CLI_NO_PRESERVE))
		return mrq_fail(err, MRQ_E_INVAL,
				"--preserve and --no-preserve exclude one another");
	ret->options.justification = cli_value(given, CLI_JUSTIFICATION);
	ret->options.what_if = cli_has(given, CLI_WHAT_IF);
	ret->options.new_key = cli_has(given, CLI_NEW_KEY);
	ret->preserve = !cli_has(given, CLI_NO_PRESERVE);
	return MRQ_OK;
}

enum verdict { SUCCESS, SKIPPED };

/* Names of the original's Set-FileLabel beside ours. */
static enum mrq_status
put_line(const struct cli *cli, const struct cli_target *target, enum verdict verdict,
	 const char *comment, struct mrq_error *err)
{
	static const char *const words[] = { "success", "skipped" };

	if (cli->json) {
		struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
		mrq_json_out_begin(&out, NULL, '{');
		mrq_json_out_path(&out, "path", target->path);
		mrq_json_out_path(&out, "FileName", target->path);
		mrq_json_out_text(&out, "status", words[verdict]);
		mrq_json_out_text(&out, "comment", comment);
		mrq_json_out_end(&out, '}');
		return cli_put_json(stdout, &out, err);
	}
	cli_put_text(stdout, target->path);
	(void)printf(": %s\n", comment);
	return MRQ_OK;
}

static enum mrq_status
change_at(struct cli *cli, const struct cli_target *target,
	  const struct cli_change *change, struct mrq_error *err)
{
	struct mrq_session *session = NULL;

	switch (target->where) {
	case CLI_IN_MOUNT:
		return cli_change_in_mount(target, change, err);
	case CLI_IN_SOURCE:
		return cli_refuse_source(target, err);
	case CLI_OUTSIDE:
		MRQ_TRY(cli_session(cli, MRQ_SESSION_KEYS, &session, err));
		return cli_change_in_source(session, target, change, err);
	}
	return mrq_fail(err, MRQ_E_INVAL, "no such place");
}

static enum mrq_status
visit(struct cli *cli, const struct cli_target *target, void *arg,
      struct mrq_error *err)
{
	const struct cli_change *change = arg;
	enum mrq_status s = change_at(cli, target, change, err);

	if (s == MRQ_E_PLAIN)
		return put_line(cli, target, SKIPPED, "not protected", err);
	if (s == MRQ_OK)
		return put_line(cli, target, SUCCESS,
				change->options.what_if ? change->would : change->done,
				err);
	return s;
}

/* ---- verbs ---- */

/*
 * Whether the label's action is to remove protection: asked only of a session that is needed
 * anyway, as a mount knows by itself.
 */
static enum mrq_status
look_up_label(struct mrq_session *session, struct cli_change *change,
	      struct mrq_error *err)
{
	struct mrq_label_info *labels MRQ_CLEANUP(free) = NULL;
	struct mrq_guid id = { 0 };
	size_t n = 0;
	bool by_id = mrq_guid_parse(change->label, &id);

	MRQ_TRY(mrq_labels(session, &labels, &n, err));
	for (size_t i = 0; i < n; i++) {
		bool match = by_id ? mrq_guid_equal(&labels[i].id, &id)
				   : strcasecmp(labels[i].name, change->label) == 0;
		if (match)
			change->label_removes =
				strcmp(labels[i].protection, "removes") == 0;
	}
	return MRQ_OK;
}

struct label_walk {
	struct cli_change change;
	bool known; /* label_removes is */
};

static enum mrq_status
visit_labelling(struct cli *cli, const struct cli_target *target, void *arg,
		struct mrq_error *err)
{
	struct label_walk *w = arg;
	struct mrq_session *session = NULL;

	if (target->where == CLI_OUTSIDE && !w->known) {
		MRQ_TRY(cli_session(cli, MRQ_SESSION_KEYS, &session, err));
		MRQ_TRY(look_up_label(session, &w->change, err));
		w->known = true;
	}
	return visit(cli, target, &w->change, err);
}

enum mrq_status
cli_label_set(struct cli *cli, struct mrq_error *err)
{
	struct label_walk w = { .change = { .kind = CLI_CHANGE_LABEL,
					    .label = cli->args[0],
					    .done = "labelled",
					    .would = "would be labelled" } };

	if (cli->args[0][0] == '\0' || strlen(cli->args[0]) > MRQ_NAME_MAX)
		return mrq_fail(err, MRQ_E_INVAL,
				"no label name; 'marque label list' shows them");
	MRQ_TRY(cli_change_options(cli, &w.change, err));
	return cli_walk(cli, 1, false, visit_labelling, &w, err);
}

enum mrq_status
cli_label_rm(struct cli *cli, struct mrq_error *err)
{
	struct cli_change change = { .kind = CLI_CHANGE_UNLABEL,
				     .done = "label removed",
				     .would = "label would be removed" };

	MRQ_TRY(cli_change_options(cli, &change, err));
	return cli_walk(cli, 0, false, visit, &change, err);
}

enum mrq_status
cli_protect(struct cli *cli, struct mrq_error *err)
{
	struct cli_permissions *permissions MRQ_CLEANUP(free) =
		calloc(1, sizeof(*permissions));
	struct cli_change change = { .kind = CLI_CHANGE_PROTECT,
				     .done = "protected",
				     .would = "would be protected" };

	if (!permissions)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for permissions");
	MRQ_TRY(cli_permissions(&cli->given, mrq_clock_now(), permissions, err));
	change.permissions = &permissions->all;
	MRQ_TRY(cli_change_options(cli, &change, err));
	return cli_walk(cli, 0, false, visit, &change, err);
}

enum mrq_status
cli_unprotect(struct cli *cli, struct mrq_error *err)
{
	struct cli_change change = { .kind = CLI_CHANGE_UNPROTECT,
				     .done = "protection removed",
				     .would = "protection would be removed" };

	MRQ_TRY(cli_change_options(cli, &change, err));
	return cli_walk(cli, 0, false, visit, &change, err);
}

enum mrq_status
cli_rewrap(struct cli *cli, struct mrq_error *err)
{
	struct cli_change change = { .kind = CLI_CHANGE_REWRAP,
				     .done = "rewrapped",
				     .would = "would be rewrapped" };

	MRQ_TRY(cli_change_options(cli, &change, err));
	return cli_walk(cli, 0, false, visit, &change, err);
}
