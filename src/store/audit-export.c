/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"
#include "store/audit-read.h"
#include "store/audit-record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Writers that a failing stream ends: each returns ferror's opposite. */

static bool
write_json(const struct mrq_audit_line *line, const json_t *parsed, void *arg)
{
	FILE *out = arg;

	(void)parsed;
	(void)fwrite(line->json, 1, line->len, out);
	(void)fputc('\n', out);
	return !ferror(out);
}

/* RFC 4180: a field with a quote, comma or end of line is quoted, its quotes are doubled. */
static void
csv_field(FILE *out, const char *text, size_t len)
{
	bool quote = false;

	for (size_t i = 0; i < len && !quote; i++)
		quote = strchr("\",\r\n", text[i]) != NULL;
	if (quote)
		(void)fputc('"', out);
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"')
			(void)fputc('"', out);
		(void)fputc(text[i], out);
	}
	if (quote)
		(void)fputc('"', out);
}

static void
csv_value(FILE *out, const json_t *value)
{
	if (json_is_string(value))
		csv_field(out, json_string_value(value), json_string_length(value));
	else if (json_is_integer(value))
		(void)fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
	else if (json_is_boolean(value))
		(void)fputs(json_is_true(value) ? "true" : "false", out);
}

/* Names of the members that say how a text is encoded. */
static const char *const csv_extra[] = { "path_enc", "new_path_enc", "cut", "mark",
					 NULL };

static void
csv_head(FILE *out)
{
	(void)fputs("seq", out);
	for (size_t i = 0; mrq_audit_member_names[i]; i++)
		(void)fprintf(out, ",%s", mrq_audit_member_names[i]);
	for (size_t i = 0; csv_extra[i]; i++)
		(void)fprintf(out, ",%s", csv_extra[i]);
	(void)fputs("\r\n", out);
}

static bool
write_csv(const struct mrq_audit_line *line, const json_t *parsed, void *arg)
{
	FILE *out = arg;

	(void)line;
	csv_value(out, json_object_get(parsed, "seq"));
	for (size_t i = 0; mrq_audit_member_names[i]; i++) {
		(void)fputc(',', out);
		csv_value(out, json_object_get(parsed, mrq_audit_member_names[i]));
	}
	for (size_t i = 0; csv_extra[i]; i++) {
		(void)fputc(',', out);
		csv_value(out, json_object_get(parsed, csv_extra[i]));
	}
	(void)fputs("\r\n", out);
	return !ferror(out);
}

/* W3C extended log file format: a string is quoted when it must be, its quotes are doubled; control
 * characters have no place in it and are written as in JSON. */
static void
w3c_text(FILE *out, const char *text)
{
	bool quote = false;

	if (!text || !*text) {
		(void)fputc('-', out);
		return;
	}
	for (const char *c = text; *c && !quote; c++)
		quote = *c == ' ' || *c == '"' || (unsigned char)*c < 0x20;
	quote = quote || strcmp(text, "-") == 0;
	if (quote)
		(void)fputc('"', out);
	for (const char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			(void)fprintf(out, "\\u%04x", (unsigned)(unsigned char)*c);
		else if (*c == '"')
			(void)fputs("\"\"", out);
		else
			(void)fputc(*c, out);
	}
	if (quote)
		(void)fputc('"', out);
}

static const char *
text_of(const json_t *parsed, const char *name)
{
	return json_string_value(json_object_get(parsed, name));
}

/* The usage log's names where it has one for what happened; else ours. */
static const char *
w3c_request(const char *event)
{
	static const struct {
		const char *event, *request;
	} names[] = {
		{ "licence", "AcquireLicense" },
		{ "publish", "GetClientLicensorCert" },
		{ "revoke", "RevokeAccess" },
		{ "rights", "GetRecipients" },
	};

	for (size_t i = 0; event && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(event, names[i].event) == 0)
			return names[i].request;
	}
	return event;
}

static const char *
w3c_result(const json_t *parsed)
{
	const char *result = text_of(parsed, "result");
	const char *status = text_of(parsed, "status");

	if (result && strcmp(result, "granted") == 0)
		return "Success";
	if (!status || strcmp(status, mrq_status_name(MRQ_E_DENIED)) == 0)
		return "AccessDenied";
	return status;
}

static bool
is_admin(const json_t *parsed, const char *event)
{
	return json_is_true(json_object_get(parsed, "super_user")) ||
	       (event && strcmp(event, mrq_audit_event_name(MRQ_AUDIT_ADMIN)) == 0);
}

static void
w3c_when(FILE *out, const json_t *parsed)
{
	char when[MRQ_TIME_TEXT];

	mrq_time_format(mrq_audit_line_time(parsed), when);
	(void)fprintf(out, "%.10s\t%.8s", when, strlen(when) > 19 ? when + 11 : "-");
}

static bool
write_w3c(const struct mrq_audit_line *line, const json_t *parsed, void *arg)
{
	FILE *out = arg;
	const char *event = text_of(parsed, "event");

	(void)line;
	if (event && strcmp(event, mrq_audit_event_name(MRQ_AUDIT_CHECKPOINT)) == 0)
		return true;
	w3c_when(out, parsed);
	(void)fprintf(out, "\t%" JSON_INTEGER_FORMAT,
		      json_integer_value(json_object_get(parsed, "seq")));
	const char *fields[] = {
		w3c_request(event),
		text_of(parsed, "principal"),
		w3c_result(parsed),
		text_of(parsed, "correlation"),
		text_of(parsed, "content_id"),
		text_of(parsed, "owner"),
		text_of(parsed, "issuer"),
		text_of(parsed, "template_id"),
		text_of(parsed, "path"),
		text_of(parsed, "published"),
		text_of(parsed, "program"),
		text_of(parsed, "address"),
		is_admin(parsed, event) ? "true" : NULL,
		text_of(parsed, "acting_as"),
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		(void)fputc('\t', out);
		w3c_text(out, fields[i]);
	}
	(void)fputc('\n', out);
	return !ferror(out);
}

static void
w3c_head(FILE *out)
{
	(void)fputs("#Version: 1.1\n"
		    "#Software: marque\n"
		    "#Fields: date\ttime\trow-id\trequest-type\tuser-id\tresult\t"
		    "correlation-id\tcontent-id\towner-email\tissuer\ttemplate-id\t"
		    "file-name\tdate-published\tc-info\tc-ip\tadmin-action\t"
		    "acting-as-user\n",
		    out);
}

static enum mrq_status
export_to(FILE *out, const char *path, const struct mrq_audit_filter *filter,
	  enum mrq_audit_format format, struct mrq_error *err)
{
	switch (format) {
	case MRQ_AUDIT_JSON:
		return mrq_audit_each(path, filter, write_json, out, err);
	case MRQ_AUDIT_CSV:
		csv_head(out);
		return mrq_audit_each(path, filter, write_csv, out, err);
	case MRQ_AUDIT_W3C:
		w3c_head(out);
		return mrq_audit_each(path, filter, write_w3c, out, err);
	}
	return mrq_fail(err, MRQ_E_INVAL, "there is no export format %d", (int)format);
}

enum mrq_status
mrq_audit_export(const char *path, const struct mrq_audit_filter *filter,
		 enum mrq_audit_format format, int out_fd, struct mrq_error *err)
{
	int fd = fcntl(out_fd, F_DUPFD_CLOEXEC, 0);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out) {
		(void)mrq_fail_sys(err, "cannot write the export");
		if (fd >= 0)
			(void)close(fd);
		return MRQ_E_SYS;
	}
	enum mrq_status s = export_to(out, path, filter, format, err);
	bool failed = ferror(out) != 0;
	if ((fclose(out) != 0 || failed) && s == MRQ_OK)
		return mrq_fail_sys(err, "cannot write the export");
	return s;
}
