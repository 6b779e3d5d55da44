/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <string.h>

#include "output.h"

static enum mrq_status
add_row(struct cli_table *table, const struct mrq_json_node *item,
	struct mrq_error *err)
{
	const struct mrq_json_node *owner = mrq_json_node_member(item, "owner");
	bool owns = owner && owner->kind == MRQ_JSON_TRUE;
	const char *const cells[] = {
		mrq_json_node_text(item, "principal"),
		mrq_json_node_text(item, "content_id"),
		owns ? "owner" : mrq_json_node_text(item, "rights"),
		mrq_json_node_text(item, "stored"),
		mrq_json_node_text(item, "valid_until"),
	};

	return cli_table_add(table, cells, err);
}

static enum mrq_status
put_table(const char *json, struct mrq_error *err)
{
	static const char *const heads[] = { "PRINCIPAL", "CONTENT ID", "RIGHTS",
					     "STORED", "VALID UNTIL" };
	struct cli_table table MRQ_CLEANUP(cli_table_clear) = {
		.columns = sizeof(heads) / sizeof(heads[0]), .heads = heads
	};
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	MRQ_TRY(mrq_json_doc_parse(json, strlen(json), &doc, err));
	for (const struct mrq_json_node *item = mrq_json_doc_root(doc)->child; item;
	     item = item->next)
		MRQ_TRY(add_row(&table, item, err));
	cli_table_print(&table, stdout);
	return MRQ_OK;
}

enum mrq_status
cli_cache_list(struct cli *cli, struct mrq_error *err)
{
	struct mrq_session *session = NULL;
	char *json MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(cli_session(cli, MRQ_SESSION_KEYS, &session, err));
	MRQ_TRY(mrq_cache_list_json(session, &json, err));
	return cli->json ? cli_put_json_lines(stdout, json, err) : put_table(json, err);
}

enum mrq_status
cli_cache_clear(struct cli *cli, struct mrq_error *err)
{
	struct mrq_session *session = NULL;
	size_t n = 0;

	MRQ_TRY(cli_session(cli, MRQ_SESSION_KEYS, &session, err));
	MRQ_TRY(mrq_cache_forget(session, cli->n > 0 ? cli->args[0] : NULL, &n, err));
	if (cli->json)
		(void)printf("{\"forgotten\":%zu}\n", n);
	else
		(void)printf("%zu cached licence%s forgotten\n", n, n == 1 ? "" : "s");
	return MRQ_OK;
}
