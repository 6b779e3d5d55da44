/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change-value.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json-doc.h"

void
mrq_change_value_clear(struct mrq_change_value *v)
{
	free(v->text);
	free(v->items);
	mrq_json_doc_free(v->doc);
}

/** "NAME;flag;...": the justification comes last and may hold semicolons. */
static enum mrq_status
parse_flags(char *text, struct mrq_change_value *v, struct mrq_error *err)
{
	static const char justification[] = "justification=";
	v->name = text;
	char *at = strchr(text, ';');
	while (at) {
		*at++ = '\0';
		if (strncmp(at, justification, sizeof(justification) - 1) == 0) {
			v->options.justification = at + sizeof(justification) - 1;
			break;
		}
		char *next = strchr(at, ';');
		size_t n = next ? (size_t)(next - at) : strlen(at);
		if (n == 7 && strncmp(at, "what-if", n) == 0)
			v->options.what_if = true;
		else if (n == 7 && strncmp(at, "new-key", n) == 0)
			v->options.new_key = true;
		else
			return mrq_fail(err, MRQ_E_INVAL,
					"'%.32s' is none of what-if, new-key, "
					"justification=TEXT",
					at);
		at = next;
	}
	if (strlen(v->name) > MRQ_NAME_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a label's name has at most %d bytes",
				MRQ_NAME_MAX);
	return MRQ_OK;
}

static enum mrq_status
parse_grants(const struct mrq_json_node *grants, struct mrq_change_value *v,
	     struct mrq_error *err)
{
	size_t n = 0;
	if (!grants || grants->kind != MRQ_JSON_ARRAY)
		return mrq_fail(err, MRQ_E_INVAL, "'grants' is not a list");
	for (const struct mrq_json_node *g = grants->child; g; g = g->next)
		n++;
	if (n == 0 || n > MRQ_CHANGE_GRANTS_MAX)
		return mrq_fail(err, MRQ_E_INVAL,
				"'grants' has %zu entries, not 1 to %u", n,
				MRQ_CHANGE_GRANTS_MAX);
	v->items = calloc(n, sizeof(*v->items));
	if (!v->items)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for permissions");
	size_t i = 0;
	for (const struct mrq_json_node *g = grants->child; g; g = g->next, i++) {
		const char *rights = mrq_json_node_text(g, "rights");
		v->items[i].who = mrq_json_node_text(g, "who");
		if (!v->items[i].who || !rights)
			return mrq_fail(err, MRQ_E_INVAL,
					"a grant needs the texts 'who' and 'rights'");
		MRQ_TRY(mrq_rights_parse(rights, &v->items[i].rights, err));
	}
	v->permissions.items = v->items;
	v->permissions.n = n;
	return MRQ_OK;
}

static bool
is_true(const struct mrq_json_node *root, const char *name)
{
	const struct mrq_json_node *m = mrq_json_node_member(root, name);
	return m && m->kind == MRQ_JSON_TRUE;
}

static enum mrq_status
parse_permissions(const char *value, size_t len, int64_t now,
		  struct mrq_change_value *v, struct mrq_error *err)
{
	MRQ_TRY(mrq_json_doc_parse(value, len, &v->doc, err));
	const struct mrq_json_node *root = mrq_json_doc_root(v->doc);
	MRQ_TRY(parse_grants(mrq_json_node_member(root, "grants"), v, err));
	const char *expires = mrq_json_node_text(root, "expires");
	if (expires && !mrq_time_parse(expires, now, &v->permissions.expires))
		return mrq_fail(err, MRQ_E_INVAL, "'%.64s' is no time", expires);
	if (v->permissions.expires == MRQ_NEVER)
		v->permissions.expires = 0;
	v->permissions.owner = mrq_json_node_text(root, "owner");
	v->options.justification = mrq_json_node_text(root, "justification");
	v->options.what_if = is_true(root, "what_if");
	v->options.new_key = is_true(root, "new_key");
	return MRQ_OK;
}

enum mrq_status
mrq_change_value_parse(const char *value, size_t len, int64_t now,
		       struct mrq_change_value *ret, struct mrq_error *err)
{
	if (len > MRQ_CHANGE_VALUE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "the value has more than %u bytes",
				MRQ_CHANGE_VALUE_MAX);
	if (memchr(value, '\0', len))
		return mrq_fail(err, MRQ_E_INVAL, "the value holds a NUL byte");
	if (len > 0 && value[0] == '{')
		return parse_permissions(value, len, now, ret, err);
	ret->text = strndup(value, len);
	if (!ret->text)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a value");
	return parse_flags(ret->text, ret, err);
}
