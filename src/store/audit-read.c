/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit-read.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/audit-chain.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

json_t *
mrq_audit_line_parse(const char *text, size_t len)
{
	json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_object(line))
		return line;
	json_decref(line);
	return NULL;
}

/* Characters U+0000 to U+00FF back to bytes, in place; false when there are others. */
static bool
latin1_to_bytes(char *text, size_t *len)
{
	size_t to = 0;

	for (size_t i = 0; i < *len;) {
		uint8_t c = (uint8_t)text[i];
		if (c < 0x80) {
			text[to++] = text[i++];
		} else if ((c == 0xc2 || c == 0xc3) && i + 1 < *len) {
			text[to++] =
				(char)((c & 3u) << 6 | ((uint8_t)text[i + 1] & 0x3fu));
			i += 2;
		} else {
			return false;
		}
	}
	text[to] = '\0';
	*len = to;
	return true;
}

char *
mrq_audit_line_bytes(const json_t *line, const char *name, size_t *ret_len)
{
	const json_t *value = json_object_get(line, name);
	char enc[64] = "";

	if (!json_is_string(value))
		return NULL;
	size_t len = json_string_length(value);
	char *copy MRQ_CLEANUP(free) = malloc(len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, json_string_value(value), len);
	copy[len] = '\0';
	(void)snprintf(enc, sizeof(enc), "%s_enc", name);
	if (json_object_get(line, enc) && !latin1_to_bytes(copy, &len))
		return NULL;
	*ret_len = len;
	return MRQ_STEAL(copy);
}

static const char *
member(const json_t *line, const char *name)
{
	return json_string_value(json_object_get(line, name));
}

int64_t
mrq_audit_line_time(const json_t *line)
{
	const char *text = member(line, "time");
	int64_t when;

	return text && mrq_time_parse(text, 0, &when) ? when : 0;
}

static bool
same_text(const json_t *line, const char *name, const char *wanted)
{
	const char *have = member(line, name);

	return !wanted || (have && strcasecmp(have, wanted) == 0);
}

/* That file, or below that folder. */
static bool
path_covers(const char *wanted, const char *path, size_t len)
{
	size_t n = strlen(wanted);

	while (n > 0 && wanted[n - 1] == '/')
		n--;
	return len >= n && memcmp(path, wanted, n) == 0 && (len == n || path[n] == '/');
}

static bool
same_path(const json_t *line, const char *wanted)
{
	static const char *const names[] = { "path", "new_path" };

	if (!wanted)
		return true;
	for (size_t i = 0; i < 2; i++) {
		size_t len;
		char *path MRQ_CLEANUP(free) =
			mrq_audit_line_bytes(line, names[i], &len);
		if (path && path_covers(wanted, path, len))
			return true;
	}
	return false;
}

static bool
matches(const json_t *line, const struct mrq_audit_filter *f)
{
	if (!f)
		return true;
	if (f->from || f->to) {
		int64_t when = mrq_audit_line_time(line);
		if (when < f->from || (f->to && when > f->to))
			return false;
	}
	if (f->result &&
	    !same_text(line, "result", f->result == 1 ? "granted" : "denied"))
		return false;
	if (f->super_user && !json_is_true(json_object_get(line, "super_user")))
		return false;
	return same_text(line, "principal", f->principal) &&
	       same_text(line, "file_id", f->file_id) &&
	       same_text(line, "content_id", f->content_id) &&
	       same_text(line, "event", f->event) && same_path(line, f->path);
}

struct visitor {
	const struct mrq_audit_filter *filter;
	mrq_audit_parsed_visit visit;
	void *arg;
	bool stopped;
};

/* False when the line is no record. */
static bool
visit_line(struct visitor *v, const struct mrq_audit_input *input,
	   const struct mrq_line *line)
{
	if (line->kind == MRQ_LINE_LONG)
		return false;
	size_t len = line->len - (line->kind == MRQ_LINE_WHOLE);
	json_t *parsed MRQ_CLEANUP(json_decref) = mrq_audit_line_parse(line->text, len);
	if (!parsed)
		return false;
	struct mrq_audit_line out = { .json = line->text,
				      .len = len,
				      .number = line->number,
				      .file = input->path };
	if (matches(parsed, v->filter))
		v->stopped = !v->visit(&out, parsed, v->arg);
	return true;
}

static enum mrq_status
visit_file(struct visitor *v, const struct mrq_audit_input *input,
	   struct mrq_error *err)
{
	struct mrq_line_reader *reader MRQ_CLEANUP(mrq_line_reader_free) = NULL;
	uint64_t bad = 0, first_bad = 0;
	struct mrq_line line;
	bool more;

	MRQ_TRY(mrq_line_reader_new(input, &reader, err));
	while (!v->stopped) {
		MRQ_TRY(mrq_line_reader_next(reader, &line, &more, err));
		if (!more)
			break;
		if (!visit_line(v, input, &line) && bad++ == 0)
			first_bad = line.number;
	}
	if (bad > 0)
		mrq_log(MRQ_LOG_WARNING,
			"'%s' has %" PRIu64
			" lines that are no records, the first is %" PRIu64
			"; verify the log",
			input->path, bad, first_bad);
	return MRQ_OK;
}

enum mrq_status
mrq_audit_each(const char *path, const struct mrq_audit_filter *filter,
	       mrq_audit_parsed_visit visit, void *arg, struct mrq_error *err)
{
	struct mrq_audit_inputs inputs MRQ_CLEANUP(mrq_audit_inputs_clear) = { 0 };
	struct visitor v = { .filter = filter, .visit = visit, .arg = arg };

	MRQ_TRY(mrq_audit_inputs_open(path, &inputs, err));
	for (size_t i = 0; i < inputs.n && !v.stopped; i++)
		MRQ_TRY(visit_file(&v, &inputs.items[i], err));
	return MRQ_OK;
}

struct plain_visitor {
	mrq_audit_visit visit;
	void *arg;
};

static bool
visit_plain(const struct mrq_audit_line *line, const json_t *parsed, void *arg)
{
	const struct plain_visitor *v = arg;

	(void)parsed;
	return v->visit(line, v->arg);
}

enum mrq_status
mrq_audit_search(const char *path, const struct mrq_audit_filter *filter,
		 mrq_audit_visit visit, void *arg, struct mrq_error *err)
{
	struct plain_visitor v = { visit, arg };

	return mrq_audit_each(path, filter, visit_plain, &v, err);
}
