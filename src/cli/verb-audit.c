/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit-line.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "output.h"

#define KEY_MAX 8192u /* bytes of a JWK */

/* ---- search ---- */

static bool
print(const struct mrq_audit_line *line, void *arg)
{
	const struct cli *cli = arg;

	if (cli->json)
		(void)printf("%.*s\n", (int)line->len, line->json);
	else
		cli_put_audit_line(stdout, line->json, line->len);
	return !ferror(stdout);
}

enum mrq_status
cli_audit_search(struct cli *cli, struct mrq_error *err)
{
	struct mrq_audit_filter filter;
	const char *path = NULL;

	MRQ_TRY(cli_audit_filter(&cli->given, mrq_clock_now(), &filter, err));
	MRQ_TRY(cli_audit_path(cli, &path, err));
	return mrq_audit_search(path, &filter, print, cli, err);
}

/* ---- verify ---- */

/* The key: a file, or the authority's, whose public half needs no other key. */
static enum mrq_status
find_key(struct cli *cli, char **owned, const char **ret, struct mrq_error *err)
{
	const char *file = cli_value(&cli->given, CLI_KEY);
	struct mrq_session *session = NULL;
	uint8_t *bytes = NULL;
	size_t len = 0;

	*ret = NULL;
	if (file) {
		MRQ_TRY(mrq_file_load(AT_FDCWD, file, KEY_MAX, &bytes, &len, err));
		*ret = *owned = (char *)bytes;
		return MRQ_OK;
	}
	if (cli_value(&cli->given, CLI_LOG))
		return MRQ_OK;
	MRQ_TRY(cli_session(cli, MRQ_SESSION_CLEAR, &session, err));
	*ret = mrq_session_settings(session)->audit_public_key;
	return MRQ_OK;
}

static enum mrq_status
put_verdict_json(const struct mrq_audit_verdict *v, const char *path, bool whole,
		 bool key, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "log", path);
	mrq_json_out_bool(&out, "whole", whole);
	mrq_json_out_bool(&out, "signatures_checked", key);
	mrq_json_out_integer(&out, "records", (int64_t)v->records);
	mrq_json_out_integer(&out, "checkpoints", (int64_t)v->checkpoints);
	mrq_json_out_integer(&out, "first_seq", (int64_t)v->first_seq);
	mrq_json_out_integer(&out, "last_seq", (int64_t)v->last_seq);
	mrq_json_out_integer(&out, "unsigned_tail", (int64_t)v->unsigned_tail);
	mrq_json_out_text(&out, "head", v->head);
	if (!whole) {
		mrq_json_out_path(&out, "bad_file", v->bad_file);
		mrq_json_out_integer(&out, "bad_line", (int64_t)v->bad_line);
		mrq_json_out_text(&out, "bad_what", v->bad_what);
	}
	mrq_json_out_end(&out, '}');
	return cli_put_json(stdout, &out, err);
}

static void
put_verdict_text(const struct mrq_audit_verdict *v, const char *path, bool key)
{
	cli_put_text(stdout, path);
	(void)printf(": whole, %" PRIu64 " records, %" PRIu64 " checkpoints%s",
		     v->records, v->checkpoints,
		     key ? ""
			 : ", chain alone: no key to check signatures with (--key)");
	if (key && v->unsigned_tail > 0)
		(void)printf(", %" PRIu64 " records since the last checkpoint",
			     v->unsigned_tail);
	(void)printf("\nhead %s\n", v->head);
}

enum mrq_status
cli_audit_verify(struct cli *cli, struct mrq_error *err)
{
	char *owned MRQ_CLEANUP(free) = NULL;
	const char *path = NULL, *key = NULL;
	struct mrq_audit_verdict v = { 0 };

	MRQ_TRY(find_key(cli, &owned, &key, err));
	MRQ_TRY(cli_audit_path(cli, &path, err));
	enum mrq_status s = mrq_audit_verify(path, key, &v, err);
	if (s != MRQ_OK && s != MRQ_E_FORGED)
		return s;
	if (cli->json) {
		struct mrq_error why = { 0 };
		if (put_verdict_json(&v, path, s == MRQ_OK, key != NULL, &why) !=
		    MRQ_OK) {
			*err = why;
			return why.status;
		}
	} else if (s == MRQ_OK) {
		put_verdict_text(&v, path, key != NULL);
	}
	return s;
}

/* ---- export ---- */

static enum mrq_status
take_format(const struct cli_given *given, enum mrq_audit_format *ret,
	    struct mrq_error *err)
{
	static const char *const names[] = { [MRQ_AUDIT_JSON] = "json",
					     [MRQ_AUDIT_CSV] = "csv",
					     [MRQ_AUDIT_W3C] = "w3c" };
	const char *text = cli_value(given, CLI_FORMAT);

	*ret = MRQ_AUDIT_JSON;
	for (size_t i = 0; text && i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(names[i], text) == 0) {
			*ret = (enum mrq_audit_format)i;
			return MRQ_OK;
		}
	}
	return text ? mrq_fail(err, MRQ_E_INVAL,
			       "--format is 'json', 'csv' or 'w3c', not '%.64s'", text)
		    : MRQ_OK;
}

enum mrq_status
cli_audit_export(struct cli *cli, struct mrq_error *err)
{
	const char *output = cli_value(&cli->given, CLI_OUTPUT), *path = NULL;
	struct mrq_audit_filter filter;
	enum mrq_audit_format format;

	MRQ_TRY(take_format(&cli->given, &format, err));
	MRQ_TRY(cli_audit_filter(&cli->given, mrq_clock_now(), &filter, err));
	MRQ_TRY(cli_audit_path(cli, &path, err));
	if (!output)
		return mrq_audit_export(path, &filter, format, STDOUT_FILENO, err);
	int fd MRQ_CLEANUP(mrq_close) = open(
		output, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot make '%s'", output);
	enum mrq_status s = mrq_audit_export(path, &filter, format, fd, err);
	if (s == MRQ_OK && mrq_fsync(fd) != 0 && errno != EINVAL)
		s = mrq_fail_sys(err, "cannot write '%s'", output);
	return s;
}
