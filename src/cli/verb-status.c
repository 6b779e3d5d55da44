/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * `marque status`.  JSON and CSV carry, beside our members, the names of Get-FileStatus, so that
 * scripts written for that go on working.
 */
#include "walk.h"

#include <string.h>

#include <marque/file.h>
#include <marque/label.h>

#include "base/guid.h"
#include "output.h"

struct status_walk {
	struct mrq_label_info *labels; /* owned; NULL: unknown */
	size_t n_labels;
	bool csv, rights, head_put;
};

/* What Get-FileStatus tells of one file. */
struct status {
	const char *path;
	const struct mrq_json_node *ours;
	char main_name[MRQ_NAME_MAX + 1], sub_name[MRQ_NAME_MAX + 1];
	char main_id[MRQ_GUID_TEXT], sub_id[MRQ_GUID_TEXT];
	bool labelled, protected;
};

static const char *
member(const struct status *s, const char *name)
{
	return mrq_json_node_text(s->ours, name);
}

/* A label "PARENT/NAME" is the original's sublabel NAME of main label PARENT. */
static void
split_label(const struct status_walk *w, struct status *s)
{
	const char *name = member(s, "label"), *id = member(s, "label_id");
	const char *slash = name ? strchr(name, '/') : NULL;

	if (!id)
		return;
	s->labelled = true;
	(void)snprintf(slash ? s->sub_id : s->main_id, MRQ_GUID_TEXT, "%s", id);
	if (!slash) {
		(void)snprintf(s->main_name, sizeof(s->main_name), "%s",
			       name ? name : id);
		return;
	}
	(void)snprintf(s->main_name, sizeof(s->main_name), "%.*s", (int)(slash - name),
		       name);
	(void)snprintf(s->sub_name, sizeof(s->sub_name), "%s", slash + 1);
	for (size_t i = 0; i < w->n_labels; i++) {
		if (strcmp(w->labels[i].name, s->main_name) == 0)
			mrq_guid_format(&w->labels[i].id, s->main_id);
	}
}

static const char *
or_null(const char *text)
{
	return text[0] ? text : NULL;
}

static enum mrq_status
put_json(const struct status *s, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "path", s->path);
	for (const struct mrq_json_node *m = s->ours->child; m; m = m->next) {
		if (strcmp(m->name, "path") != 0 && strcmp(m->name, "path_hex") != 0)
			mrq_json_out_node(&out, m->name, m);
	}
	mrq_json_out_path(&out, "FileName", s->path);
	mrq_json_out_bool(&out, "IsLabeled", s->labelled);
	mrq_json_out_text(&out, "MainLabelId", or_null(s->main_id));
	mrq_json_out_text(&out, "MainLabelName", or_null(s->main_name));
	mrq_json_out_text(&out, "SubLabelId", or_null(s->sub_id));
	mrq_json_out_text(&out, "SubLabelName", or_null(s->sub_name));
	mrq_json_out_text(&out, "LabelDate",
			  s->labelled ? member(s, "published") : NULL);
	mrq_json_out_bool(&out, "IsRMSProtected", s->protected);
	mrq_json_out_text(&out, "RMSTemplateId", member(s, "template_id"));
	mrq_json_out_text(&out, "RMSTemplateName", member(s, "template"));
	mrq_json_out_text(&out, "RMSOwner", member(s, "owner"));
	mrq_json_out_text(&out, "RMSIssuer", member(s, "issuer"));
	mrq_json_out_text(&out, "ContentId", member(s, "content_id"));
	mrq_json_out_end(&out, '}');
	return cli_put_json(stdout, &out, err);
}

static void
put_csv(const struct status *s, bool head)
{
	const char *const fields[] = {
		s->path,
		s->labelled ? "True" : "False",
		s->main_id,
		s->main_name,
		s->sub_id,
		s->sub_name,
		s->labelled ? member(s, "published") : NULL,
		s->protected ? "True" : "False",
		member(s, "template_id"),
		member(s, "template"),
		member(s, "owner"),
		member(s, "issuer"),
		member(s, "content_id"),
	};
	const size_t n = sizeof(fields) / sizeof(fields[0]);

	if (head)
		(void)fputs("FileName,IsLabeled,MainLabelId,MainLabelName,SubLabelId,"
			    "SubLabelName,LabelDate,IsRMSProtected,"
			    "RMSTemplateId,RMSTemplateName,RMSOwner,RMSIssuer,"
			    "ContentId\r\n",
			    stdout);
	for (size_t i = 0; i < n; i++) {
		cli_put_csv(stdout, fields[i] ? fields[i] : "");
		(void)fputs(i + 1 < n ? "," : "\r\n", stdout);
	}
}

static void
put_detail(const char *name, const char *value)
{
	if (!value)
		return;
	(void)printf("  %-12s ", name);
	cli_put_text(stdout, value);
	(void)fputc('\n', stdout);
}

static void
put_grants(const struct mrq_json_node *grants)
{
	if (!grants || grants->kind != MRQ_JSON_ARRAY)
		return;
	for (const struct mrq_json_node *g = grants->child; g; g = g->next) {
		const char *who = mrq_json_node_text(g, "who");
		const char *rights = mrq_json_node_text(g, "rights");
		if (!who || !rights)
			continue;
		(void)printf("  %-12s ", "grant");
		cli_put_text(stdout, who);
		(void)fputs("  ", stdout);
		cli_put_text(stdout, rights);
		(void)fputc('\n', stdout);
	}
}

static void
put_text(const struct status *s, bool rights)
{
	const char *label = member(s, "label"), *error = member(s, "licence_error");

	cli_put_text(stdout, s->path);
	if (!s->protected) {
		(void)fputs(": not protected\n", stdout);
		return;
	}
	(void)fputs(": ", stdout);
	cli_put_text(stdout, label ? label : "no label");
	(void)fputs(", owner ", stdout);
	cli_put_text(stdout, member(s, "owner") ? member(s, "owner") : "unknown");
	if (error) {
		(void)fputs(", licence not readable: ", stdout);
		cli_put_text(stdout, error);
	}
	(void)fputc('\n', stdout);
	if (!rights)
		return;
	put_detail("protection", member(s, "template"));
	put_detail("issuer", member(s, "issuer"));
	put_detail("published", member(s, "published"));
	put_detail("expires", member(s, "expires"));
	put_detail("content id", member(s, "content_id"));
	put_detail("file id", member(s, "file_id"));
	put_detail("my rights", member(s, "rights"));
	put_grants(mrq_json_node_member(s->ours, "grants"));
}

static enum mrq_status
visit(struct cli *cli, const struct cli_target *target, void *arg,
      struct mrq_error *err)
{
	struct status_walk *w = arg;
	struct mrq_session *session = NULL;
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	char *text MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(cli_session(cli, MRQ_SESSION_CLEAR, &session, err));
	MRQ_TRY(mrq_path_status(session, target->real, &text, err));
	MRQ_TRY(mrq_json_doc_parse(text, strlen(text), &doc, err));
	struct status s = { .path = target->path, .ours = mrq_json_doc_root(doc) };
	const struct mrq_json_node *is = mrq_json_node_member(s.ours, "protected");
	s.protected = is && is->kind == MRQ_JSON_TRUE;
	split_label(w, &s);
	if (cli->json)
		return put_json(&s, err);
	if (w->csv)
		put_csv(&s, !w->head_put);
	else
		put_text(&s, w->rights);
	w->head_put = true;
	return MRQ_OK;
}

enum mrq_status
cli_status(struct cli *cli, struct mrq_error *err)
{
	struct status_walk w = { .csv = cli_has(&cli->given, CLI_CSV),
				 .rights = cli_has(&cli->given, CLI_RIGHTS) };
	struct mrq_session *session = NULL;

	MRQ_TRY(cli_session(cli, MRQ_SESSION_CLEAR, &session, err));
	/* Without an authority in reach the ids of parents stay unknown. */
	if (mrq_labels(session, &w.labels, &w.n_labels, NULL) != MRQ_OK)
		w.n_labels = 0;
	enum mrq_status s = cli_walk(cli, 0, false, visit, &w, err);
	free(w.labels);
	return s;
}
