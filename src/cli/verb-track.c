/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `marque track`: who used a protected file, from the audit log of this machine.  One line per
 * person, with the times of the first and last use; --json gives the records themselves.
 */
#include "audit-line.h"

#include <string.h>

#include "base/clock.h"
#include "base/json-doc.h"
#include "content.h"
#include "output.h"

#define PEOPLE_MAX 100000u

struct person {
	char *name;
	char first[40], last[40]; /* RFC 3339, as the log has it */
	uint64_t granted, denied;
};

struct track {
	const struct cli *cli;
	struct person *people; /* owned */
	size_t n;
	enum mrq_status status;
};

static void
track_clear(struct track *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->people[i].name);
	free(t->people);
}
MRQ_DEFINE_CLEANUP_VALUE(track_clear, struct track)

static struct person *
find(struct track *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++) {
		if (strcmp(t->people[i].name, name) == 0)
			return &t->people[i];
	}
	if (t->n == PEOPLE_MAX)
		return NULL;
	struct person *people = reallocarray(t->people, t->n + 1, sizeof(*people));
	if (!people)
		return NULL;
	t->people = people;
	people[t->n] = (struct person){ .name = strdup(name) };
	return people[t->n].name ? &people[t->n++] : NULL;
}

static bool
visit(const struct mrq_audit_line *line, void *arg)
{
	struct track *t = arg;
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	if (t->cli->json) {
		(void)printf("%.*s\n", (int)line->len, line->json);
		return !ferror(stdout);
	}
	if (mrq_json_doc_parse(line->json, line->len, &doc, NULL) != MRQ_OK)
		return true;
	const struct mrq_json_node *record = mrq_json_doc_root(doc);
	const char *name = mrq_json_node_text(record, "principal");
	const char *when = mrq_json_node_text(record, "time");
	const char *result = mrq_json_node_text(record, "result");
	if (!name || !when || !result)
		return true;
	struct person *p = find(t, name);
	if (!p) {
		t->status = MRQ_E_NOMEM;
		return false;
	}
	(void)snprintf(p->last, sizeof(p->last), "%s", when);
	if (!p->first[0])
		(void)snprintf(p->first, sizeof(p->first), "%s", when);
	if (strcmp(result, "granted") == 0)
		p->granted++;
	else
		p->denied++;
	return true;
}

static enum mrq_status
put_people(const struct track *t, struct mrq_error *err)
{
	static const char *const heads[] = { "WHO", "GRANTED", "DENIED", "FIRST",
					     "LAST" };
	struct cli_table table MRQ_CLEANUP(cli_table_clear) = {
		.columns = sizeof(heads) / sizeof(heads[0]), .heads = heads
	};

	for (size_t i = 0; i < t->n; i++) {
		const struct person *p = &t->people[i];
		char granted[24], denied[24];
		(void)snprintf(granted, sizeof(granted), "%llu",
			       (unsigned long long)p->granted);
		(void)snprintf(denied, sizeof(denied), "%llu",
			       (unsigned long long)p->denied);
		const char *const cells[] = { p->name, granted, denied, p->first,
					      p->last };
		MRQ_TRY(cli_table_add(&table, cells, err));
	}
	cli_table_print(&table, stdout);
	return MRQ_OK;
}

enum mrq_status
cli_track(struct cli *cli, struct mrq_error *err)
{
	struct track t MRQ_CLEANUP(track_clear) = { .cli = cli };
	struct mrq_audit_filter filter = { 0 };
	struct cli_content content;
	const char *path = NULL;
	int64_t now = mrq_clock_now();

	MRQ_TRY(cli_time(&cli->given, CLI_FROM, now, &filter.from, err));
	MRQ_TRY(cli_time(&cli->given, CLI_TO, now, &filter.to, err));
	MRQ_TRY(cli_content_find(cli, cli->args[0], &content, err));
	MRQ_TRY(cli_audit_path(cli, &path, err));
	/* A file is followed by its own id: relabelling gives it another licence. */
	if (content.file_id[0])
		filter.file_id = content.file_id;
	else
		filter.content_id = content.content_id;
	MRQ_TRY(mrq_audit_search(path, &filter, visit, &t, err));
	if (t.status != MRQ_OK)
		return mrq_fail(err, t.status, "no memory for more than %zu people",
				t.n);
	return put_people(&t, err);
}
