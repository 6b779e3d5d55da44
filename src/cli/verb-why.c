/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

#include <string.h>

#include <marque/control.h>

#include "output.h"

static enum mrq_status
visit(struct cli *cli, const struct cli_target *target, void *arg,
      struct mrq_error *err)
{
	char *request MRQ_CLEANUP(free) = NULL, *answer MRQ_CLEANUP(free) = NULL;
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	(void)arg;
	if (target->where == CLI_IN_SOURCE)
		return cli_refuse_source(target, err);
	if (target->where == CLI_OUTSIDE)
		return mrq_fail(
			err, MRQ_E_NOT_FOUND,
			"'%s' is in no mount of marque: nothing was refused there",
			target->path);
	/* Nothing is refused at a folder: there the last refusal anywhere is meant. */
	bool any = S_ISDIR(target->st.st_mode);
	MRQ_TRY(cli_why_request(target->real, &request, err));
	MRQ_TRY(mrq_control_call(target->real, any ? CLI_WHY_ANY : request, &answer,
				 err));
	MRQ_TRY(mrq_json_doc_parse(answer, strlen(answer), &doc, err));
	const char *why = mrq_json_node_text(mrq_json_doc_root(doc), "why");
	if (!why)
		return mrq_fail(err, MRQ_E_FORMAT, "the mount of '%s' gave no answer",
				target->path);
	if (cli->json) {
		struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
		mrq_json_out_begin(&out, NULL, '{');
		mrq_json_out_path(&out, "path", target->path);
		mrq_json_out_text(&out, "why", why);
		mrq_json_out_end(&out, '}');
		return cli_put_json(stdout, &out, err);
	}
	cli_put_text(stdout, why);
	(void)fputc('\n', stdout);
	return MRQ_OK;
}

enum mrq_status
cli_why(struct cli *cli, struct mrq_error *err)
{
	return cli_visit_one(cli, cli->args[0], true, visit, NULL, err);
}
