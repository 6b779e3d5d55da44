/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <marque/label.h>

#include "base/guid.h"
#include "output.h"

static enum mrq_status
put_json(const struct mrq_label_info *label, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	char id[MRQ_GUID_TEXT], parent[MRQ_GUID_TEXT];

	mrq_guid_format(&label->id, id);
	mrq_guid_format(&label->parent, parent);
	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_text(&out, "id", id);
	mrq_json_out_text(&out, "name", label->name);
	mrq_json_out_text(&out, "parent",
			  mrq_guid_is_nil(&label->parent) ? NULL : parent);
	mrq_json_out_integer(&out, "order", label->order);
	mrq_json_out_text(&out, "protection", label->protection);
	mrq_json_out_text(&out, "template",
			  label->template_name[0] ? label->template_name : NULL);
	mrq_json_out_text(&out, "programs", label->programs);
	mrq_json_out_text(&out, "tooltip", label->tooltip);
	mrq_json_out_bool(&out, "default", label->is_default);
	mrq_json_out_bool(&out, "applicable", label->applicable);
	mrq_json_out_end(&out, '}');
	return cli_put_json(stdout, &out, err);
}

static enum mrq_status
add_row(struct cli_table *table, const struct mrq_label_info *label,
	struct mrq_error *err)
{
	char id[MRQ_GUID_TEXT], order[16];

	mrq_guid_format(&label->id, id);
	(void)snprintf(order, sizeof(order), "%d", label->order);
	const char *const cells[] = {
		order,
		label->name,
		label->template_name[0] ? label->template_name : label->protection,
		label->programs,
		label->is_default   ? "default"
		: label->applicable ? ""
				    : "not applicable",
		id,
	};
	return cli_table_add(table, cells, err);
}

enum mrq_status
cli_label_list(struct cli *cli, struct mrq_error *err)
{
	static const char *const heads[] = { "ORDER",    "LABEL", "PROTECTION",
					     "PROGRAMS", "NOTE",  "ID" };
	struct cli_table table MRQ_CLEANUP(cli_table_clear) = {
		.columns = sizeof(heads) / sizeof(heads[0]), .heads = heads
	};
	struct mrq_label_info *labels MRQ_CLEANUP(free) = NULL;
	struct mrq_session *session = NULL;
	size_t n = 0;

	MRQ_TRY(cli_session(cli, MRQ_SESSION_CLEAR, &session, err));
	MRQ_TRY(mrq_labels(session, &labels, &n, err));
	for (size_t i = 0; i < n; i++)
		MRQ_TRY(cli->json ? put_json(&labels[i], err)
				  : add_row(&table, &labels[i], err));
	cli_table_print(&table, stdout);
	return MRQ_OK;
}
