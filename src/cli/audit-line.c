/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit-line.h"

#include <string.h>

#include "base/clock.h"
#include "base/guid.h"
#include "output.h"

static const char *
text_or(const struct mrq_json_node *line, const char *name, const char *otherwise)
{
	const char *text = mrq_json_node_text(line, name);

	return text ? text : otherwise;
}

/* Members are text, or, in bytes that are no UTF-8, another form that is shown as it stands. */
static void
put_member(FILE *out, const struct mrq_json_node *line, const char *name,
	   const char *before, const char *after)
{
	const char *text = mrq_json_node_text(line, name);

	if (!text)
		return;
	(void)fputs(before, out);
	cli_put_text(out, text);
	(void)fputs(after, out);
}

static void
put_who(FILE *out, const struct mrq_json_node *line)
{
	int64_t uid = 0;

	if (mrq_json_node_text(line, "principal"))
		put_member(out, line, "principal", "", "");
	else if (mrq_json_node_integer(mrq_json_node_member(line, "uid"), &uid))
		(void)fprintf(out, "uid %lld", (long long)uid);
	else
		(void)fputc('-', out);
}

void
cli_put_audit_line(FILE *out, const char *json, size_t len)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	if (mrq_json_doc_parse(json, len, &doc, NULL) != MRQ_OK ||
	    mrq_json_doc_root(doc)->kind != MRQ_JSON_OBJECT) {
		char *copy MRQ_CLEANUP(free) = strndup(json, len);
		(void)fputs("(no record) ", out);
		cli_put_text(out, copy ? copy : "");
		(void)fputc('\n', out);
		return;
	}
	const struct mrq_json_node *line = mrq_json_doc_root(doc);
	cli_put_text(out, text_or(line, "time", "-"));
	(void)fputc(' ', out);
	cli_put_text(out, text_or(line, "result", "-"));
	(void)fputc(' ', out);
	cli_put_text(out, text_or(line, "event", "-"));
	(void)fputc(' ', out);
	put_who(out, line);
	put_member(out, line, "path", " '", "'");
	put_member(out, line, "new_path", " to '", "'");
	if (!mrq_json_node_text(line, "path")) {
		put_member(out, line, "file_id", " file ", "");
		put_member(out, line, "content_id", " content ", "");
	}
	put_member(out, line, "label_name", " [", "]");
	put_member(out, line, "program", " by ", "");
	put_member(out, line, "reason", ": ", "");
	(void)fputc('\n', out);
}

static enum mrq_status
take_result(const struct cli_given *given, int *ret, struct mrq_error *err)
{
	const char *text = cli_value(given, CLI_RESULT);

	if (!text)
		return MRQ_OK;
	if (strcmp(text, "granted") == 0)
		*ret = 1;
	else if (strcmp(text, "denied") == 0)
		*ret = 2;
	else
		return mrq_fail(err, MRQ_E_INVAL,
				"--result is 'granted' or 'denied', not '%.64s'", text);
	return MRQ_OK;
}

static enum mrq_status
take_id(const struct cli_given *given, enum cli_opt opt, const char **ret,
	struct mrq_error *err)
{
	struct mrq_guid id;

	*ret = cli_value(given, opt);
	if (*ret && !mrq_guid_parse(*ret, &id))
		return mrq_fail(err, MRQ_E_INVAL, "--%s: '%.64s' is no identifier",
				cli_options[opt].name, *ret);
	return MRQ_OK;
}

/* A misspelt event would find nothing and say so calmly. */
static enum mrq_status
take_event(const struct cli_given *given, const char **ret, struct mrq_error *err)
{
	*ret = cli_value(given, CLI_EVENT);
	for (int e = MRQ_AUDIT_START; *ret && e <= MRQ_AUDIT_CHECKPOINT; e++) {
		if (strcmp(*ret, mrq_audit_event_name((enum mrq_audit_event)e)) == 0)
			return MRQ_OK;
	}
	return *ret ? mrq_fail(err, MRQ_E_INVAL,
			       "--event: '%.64s' is no event; marque-audit(5) lists "
			       "them",
			       *ret)
		    : MRQ_OK;
}

enum mrq_status
cli_audit_filter(const struct cli_given *given, int64_t now,
		 struct mrq_audit_filter *ret, struct mrq_error *err)
{
	*ret = (struct mrq_audit_filter){
		.principal = cli_value(given, CLI_PRINCIPAL),
		.path = cli_value(given, CLI_PATH),
		.super_user = cli_has(given, CLI_SUPER_USER),
	};
	MRQ_TRY(take_id(given, CLI_FILE_ID, &ret->file_id, err));
	MRQ_TRY(take_id(given, CLI_CONTENT_ID, &ret->content_id, err));
	MRQ_TRY(take_event(given, &ret->event, err));
	MRQ_TRY(cli_time(given, CLI_FROM, now, &ret->from, err));
	MRQ_TRY(cli_time(given, CLI_TO, now, &ret->to, err));
	return take_result(given, &ret->result, err);
}

enum mrq_status
cli_audit_path(struct cli *cli, const char **ret, struct mrq_error *err)
{
	struct mrq_session *session = NULL;

	*ret = cli_value(&cli->given, CLI_LOG);
	if (*ret)
		return MRQ_OK;
	MRQ_TRY(cli_session(cli, MRQ_SESSION_CLEAR, &session, err));
	*ret = mrq_session_settings(session)->audit_path;
	return *ret ? MRQ_OK
		    : mrq_fail(err, MRQ_E_NOT_FOUND,
			       "no audit log is configured; use --log");
}
