/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/json.h"

#include "base/clock.h"
#include "base/guid.h"
#include "base/json-doc.h"
#include "policy/licence.h"
#include "policy/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum mrq_status
mrq_member_bad(struct mrq_error *err, const char *member, const char *must)
{
	return mrq_fail(err, MRQ_E_INVAL, "'%.64s' must be %s", member, must);
}

enum mrq_status
mrq_json_no_memory(struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_NOMEM, "no memory for a JSON document");
}

/* ---- text to values ---- */

static json_t *value_of(const struct mrq_json_node *node);

static json_t *
array_of(const struct mrq_json_node *node)
{
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	for (const struct mrq_json_node *item = node->child; item; item = item->next) {
		if (!array || json_array_append_new(array, value_of(item)) != 0)
			return NULL;
	}
	return MRQ_STEAL(array);
}

static json_t *
object_of(const struct mrq_json_node *node)
{
	json_t *object MRQ_CLEANUP(json_decref) = json_object();

	for (const struct mrq_json_node *m = node->child; m; m = m->next) {
		if (!object || json_object_set_new(object, m->name, value_of(m)) != 0)
			return NULL;
	}
	return MRQ_STEAL(object);
}

/* NULL without memory.  A number that is no integer is kept as such: nobody here wants one. */
static json_t *
value_of(const struct mrq_json_node *node)
{
	int64_t integer;

	switch (node->kind) {
	case MRQ_JSON_NULL:
		return json_null();
	case MRQ_JSON_FALSE:
		return json_false();
	case MRQ_JSON_TRUE:
		return json_true();
	case MRQ_JSON_NUMBER:
		return mrq_json_node_integer(node, &integer) ? json_integer(integer)
							     : json_real(0.5);
	case MRQ_JSON_STRING:
		return json_string(node->text);
	case MRQ_JSON_ARRAY:
		return array_of(node);
	case MRQ_JSON_OBJECT:
		return object_of(node);
	}
	return NULL;
}

/*
 * Not json_loadb: when memory fails it, jansson 2.14 may take bytes out of a string and go on, and
 * an address that lost its end is somebody else's.
 */
enum mrq_status
mrq_object_parse(const char *text, size_t len, const char *what, json_t **ret,
		 struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	enum mrq_status s = mrq_json_doc_parse(text, len, &doc, err);

	if (s == MRQ_E_NOMEM)
		return s;
	if (s != MRQ_OK)
		return mrq_while(err, s == MRQ_E_FORMAT ? MRQ_E_INVAL : s,
				 "%s is not valid JSON", what);
	if (mrq_json_doc_root(doc)->kind != MRQ_JSON_OBJECT)
		return mrq_fail(err, MRQ_E_INVAL, "%s is no JSON object", what);
	json_t *object = value_of(mrq_json_doc_root(doc));
	if (!object)
		return mrq_json_no_memory(err);
	*ret = object;
	return MRQ_OK;
}

enum mrq_status
mrq_object_dump(const json_t *o, char **ret, struct mrq_error *err)
{
	char *text MRQ_CLEANUP(free) = json_dumps(o, JSON_COMPACT);
	json_t *same MRQ_CLEANUP(json_decref) = text ? json_loads(text, 0, NULL) : NULL;

	if (!same || !json_equal(o, same))
		return mrq_json_no_memory(err);
	*ret = MRQ_STEAL(text);
	return MRQ_OK;
}

/* ---- members ---- */

bool
mrq_member_has(const json_t *o, const char *member)
{
	return json_object_get(o, member) != NULL;
}

static bool
has_controls(const char *text)
{
	for (const char *at = text; *at; at++) {
		if ((unsigned char)*at < 0x20 || *at == 0x7f)
			return true;
	}
	return false;
}

enum mrq_status
mrq_member_text(const json_t *o, const char *member, size_t max, const char **ret,
		struct mrq_error *err)
{
	const json_t *value = json_object_get(o, member);

	if (!value)
		return MRQ_OK;
	const char *text = json_string_value(value);
	if (!text)
		return mrq_member_bad(err, member, "a string");
	if (json_string_length(value) > max)
		return mrq_fail(err, MRQ_E_INVAL, "'%.64s' is longer than %zu bytes",
				member, max);
	if (has_controls(text))
		return mrq_member_bad(err, member, "free of control characters");
	*ret = text;
	return MRQ_OK;
}

enum mrq_status
mrq_member_text_copy(const json_t *o, const char *member, size_t max, char *ret,
		     struct mrq_error *err)
{
	const char *text = NULL;

	MRQ_TRY(mrq_member_text(o, member, max, &text, err));
	if (text)
		memcpy(ret, text, strlen(text) + 1);
	return MRQ_OK;
}

enum mrq_status
mrq_member_mail(const json_t *o, const char *member, char ret[static MRQ_MAIL_MAX + 1],
		struct mrq_error *err)
{
	const json_t *value = json_object_get(o, member);

	if (!value)
		return MRQ_OK;
	const char *text = json_string_value(value);
	if (!text || !mrq_mail_valid(text))
		return mrq_member_bad(err, member, "a mail address");
	size_t len = strlen(text);
	for (size_t i = 0; i <= len; i++)
		ret[i] = mrq_ascii_lower(text[i]);
	return MRQ_OK;
}

enum mrq_status
mrq_member_guid(const json_t *o, const char *member, struct mrq_guid *ret,
		struct mrq_error *err)
{
	const json_t *value = json_object_get(o, member);
	struct mrq_guid id = { 0 };

	if (!value)
		return MRQ_OK;
	const char *text = json_string_value(value);
	if (!json_is_null(value) &&
	    (!text || !mrq_guid_parse(text, &id) || mrq_guid_is_nil(&id)))
		return mrq_member_bad(err, member, "a GUID that is not all zeros");
	*ret = id;
	return MRQ_OK;
}

static bool
integer_of(const json_t *value, int64_t *ret)
{
	const char *text = json_string_value(value);
	char *end;

	if (json_is_integer(value)) {
		*ret = json_integer_value(value);
		return true;
	}
	if (!text || !*text || strspn(text, "-0123456789") != strlen(text))
		return false;
	errno = 0;
	*ret = strtoll(text, &end, 10);
	return errno == 0 && *end == '\0';
}

enum mrq_status
mrq_member_int(const json_t *o, const char *member, int64_t min, int64_t max,
	       int64_t *ret, struct mrq_error *err)
{
	const json_t *value = json_object_get(o, member);
	int64_t n;

	if (!value)
		return MRQ_OK;
	if (!integer_of(value, &n) || n < min || n > max)
		return mrq_fail(err, MRQ_E_INVAL,
				"'%.64s' must be a whole number from %lld to %lld",
				member, (long long)min, (long long)max);
	*ret = n;
	return MRQ_OK;
}

enum mrq_status
mrq_member_bool(const json_t *o, const char *member, bool *ret, struct mrq_error *err)
{
	const json_t *value = json_object_get(o, member);
	const char *text = json_string_value(value);

	if (!value)
		return MRQ_OK;
	if (json_is_true(value) || (text && strcmp(text, "true") == 0))
		*ret = true;
	else if (json_is_false(value) || (text && strcmp(text, "false") == 0))
		*ret = false;
	else
		return mrq_member_bad(err, member, "true or false");
	return MRQ_OK;
}

enum mrq_status
mrq_member_time(const json_t *o, const char *member, int64_t now, int64_t *ret,
		struct mrq_error *err)
{
	const json_t *value = json_object_get(o, member);
	int64_t when = MRQ_NEVER;

	if (!value)
		return MRQ_OK;
	if (json_is_integer(value))
		when = json_integer_value(value);
	else if (!json_is_null(value) &&
		 (!json_is_string(value) ||
		  !mrq_time_parse(json_string_value(value), now, &when)))
		return mrq_member_bad(err, member,
				      "a time such as 2030-01-31, "
				      "2030-01-31T12:00:00Z, +30d or never");
	if (when != MRQ_NEVER && (when < 0 || when > MRQ_TIME_MAX))
		return mrq_member_bad(err, member, "a time of the years 1970 to 9999");
	*ret = when;
	return MRQ_OK;
}

enum mrq_status
mrq_member_list(const json_t *o, const char *member, size_t max, json_t **ret,
		struct mrq_error *err)
{
	json_t *value = json_object_get(o, member);
	json_t *list MRQ_CLEANUP(json_decref) =
		json_is_array(value) ? json_incref(value) : json_array();

	if (!list)
		return mrq_json_no_memory(err);
	if (value && !json_is_array(value) && json_array_append(list, value) != 0)
		return mrq_json_no_memory(err);
	if (json_array_size(list) > max)
		return mrq_fail(err, MRQ_E_LIMIT, "'%.64s' has more than %zu items",
				member, max);
	*ret = MRQ_STEAL(list);
	return MRQ_OK;
}

enum mrq_status
mrq_member_put(json_t *o, const char *member, json_t *value, struct mrq_error *err)
{
	return json_object_set_new(o, member, value) == 0 ? MRQ_OK
							  : mrq_json_no_memory(err);
}

enum mrq_status
mrq_array_append(json_t *array, json_t *value, struct mrq_error *err)
{
	return json_array_append_new(array, value) == 0 ? MRQ_OK
							: mrq_json_no_memory(err);
}

enum mrq_status
mrq_member_put_guid(json_t *o, const char *member, const struct mrq_guid *id,
		    struct mrq_error *err)
{
	char text[MRQ_GUID_TEXT];

	mrq_guid_format(id, text);
	return mrq_member_put(
		o, member, mrq_guid_is_nil(id) ? json_null() : json_string(text), err);
}

enum mrq_status
mrq_member_put_time(json_t *o, const char *member, int64_t when, struct mrq_error *err)
{
	char text[MRQ_TIME_TEXT];

	mrq_time_format(when, text);
	return mrq_member_put(o, member, json_string(text), err);
}
