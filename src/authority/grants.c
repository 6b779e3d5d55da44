/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/grants.h"

#include "policy/licence.h"

#include <string.h>

/*
 * Grants as JSON: an array of {"who": PRINCIPAL, "rights": NAMES}, NAMES being an array of names
 * or one comma-separated text, or a level; in commands also of texts "PRINCIPAL=NAMES".
 */

static bool
right_name_valid(const char *name, size_t len)
{
	if (len == 0 || len > MRQ_RIGHT_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= 0x20 || name[i] >= 0x7f || name[i] == ',')
			return false;
	}
	return true;
}

static enum mrq_status
unknown_append(char **list, const char *name, struct mrq_error *err)
{
	size_t old = *list ? strlen(*list) : 0;
	size_t len = strlen(name);
	char *longer = malloc(old + 1 + len + 1);

	if (!longer)
		return mrq_json_no_memory(err);
	if (old > 0) {
		memcpy(longer, *list, old);
		longer[old++] = ',';
	}
	memcpy(longer + old, name, len + 1);
	free(*list);
	*list = longer;
	return MRQ_OK;
}

static enum mrq_status
name_decode(const char *name, enum mrq_unknown_rights unknown, struct mrq_grant *grant,
	    struct mrq_error *err)
{
	mrq_rights rights;

	if (!name)
		return mrq_member_bad(err, "rights", "names of rights");
	if (unknown == MRQ_UNKNOWN_KEEP && !mrq_right_from_name(name, strlen(name)) &&
	    mrq_rights_parse(name, &rights, NULL) != MRQ_OK) {
		if (!right_name_valid(name, strlen(name)))
			return mrq_member_bad(err, "rights",
					      "names of 1 to 64 printable characters");
		return unknown_append(&grant->unknown, name, err);
	}
	enum mrq_status s = mrq_rights_parse(name, &rights, err);
	if (s != MRQ_OK)
		return mrq_while(err, s, "'rights'");
	grant->rights |= rights;
	return MRQ_OK;
}

static enum mrq_status
rights_decode(const json_t *names, enum mrq_unknown_rights unknown,
	      struct mrq_grant *grant, struct mrq_error *err)
{
	if (json_is_string(names))
		return name_decode(json_string_value(names), MRQ_UNKNOWN_REFUSE, grant,
				   err);
	if (!json_is_array(names) || json_array_size(names) > MRQ_LICENCE_RIGHTS_MAX)
		return mrq_member_bad(err, "rights", "at most 64 names, or a level");
	for (size_t i = 0; i < json_array_size(names); i++)
		MRQ_TRY(name_decode(json_string_value(json_array_get(names, i)),
				    unknown, grant, err));
	return MRQ_OK;
}

static enum mrq_status
object_decode(const json_t *o, enum mrq_unknown_rights unknown, struct mrq_grant *grant,
	      struct mrq_error *err)
{
	static const char *const members[] = { "who", "rights", "level" };
	const char *who = json_string_value(json_object_get(o, "who"));
	const json_t *rights = json_object_get(o, "rights");

	MRQ_TRY(mrq_member_known(o, members, 3, err));
	if (!who || mrq_principal_parse(who, &grant->who, NULL) != MRQ_OK)
		return mrq_member_bad(err, "who",
				      "user:MAIL, group:MAIL, domain:NAME, org or "
				      "authenticated");
	return rights_decode(rights, unknown, grant, err);
}

/* The last '=' parts, since a mail address may hold one and a right may not. */
static enum mrq_status
text_decode(const char *text, struct mrq_grant *grant, struct mrq_error *err)
{
	char who[MRQ_PRINCIPAL_MAX + 1];
	const char *equals = strrchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : 0;

	if (len == 0 || len >= sizeof(who))
		return mrq_member_bad(
			err, "grants",
			"WHO=RIGHTS, such as group:hr@example.com=viewer");
	memcpy(who, text, len);
	who[len] = '\0';
	enum mrq_status s = mrq_principal_parse(who, &grant->who, err);
	if (s != MRQ_OK)
		return mrq_while(err, s, "'grants'");
	return name_decode(equals + 1, MRQ_UNKNOWN_REFUSE, grant, err);
}

static enum mrq_status
grant_decode(const json_t *item, enum mrq_unknown_rights unknown,
	     struct mrq_grant *grant, struct mrq_error *err)
{
	if (json_is_string(item))
		return text_decode(json_string_value(item), grant, err);
	if (json_is_object(item))
		return object_decode(item, unknown, grant, err);
	return mrq_member_bad(err, "grants", "objects or WHO=RIGHTS");
}

enum mrq_status
mrq_grants_decode(const json_t *o, const char *member, enum mrq_unknown_rights unknown,
		  struct mrq_grant **ret, size_t *ret_n, struct mrq_error *err)
{
	json_t *list MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_member_list(o, member, MRQ_GRANTS_MAX, &list, err));
	size_t n = json_array_size(list);
	struct mrq_grant *grants = calloc(n + 1, sizeof(*grants));
	if (!grants)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < n; i++) {
		enum mrq_status s =
			grant_decode(json_array_get(list, i), unknown, &grants[i], err);
		if (s != MRQ_OK) {
			mrq_grants_clear(grants, n);
			return s;
		}
	}
	*ret = grants;
	*ret_n = n;
	return MRQ_OK;
}

static enum mrq_status
names_append(json_t *array, const char *list, struct mrq_error *err)
{
	for (const char *at = list;; at++) {
		size_t len = strcspn(at, ",");
		MRQ_TRY(mrq_array_append(array, json_stringn(at, len), err));
		at += len;
		if (*at == '\0')
			return MRQ_OK;
	}
}

enum mrq_status
mrq_rights_encode(mrq_rights rights, const char *unknown, json_t **ret,
		  struct mrq_error *err)
{
	char known[MRQ_RIGHTS_TEXT];
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	mrq_rights_format(rights, known);
	if (rights)
		MRQ_TRY(names_append(array, known, err));
	if (unknown)
		MRQ_TRY(names_append(array, unknown, err));
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}

static enum mrq_status
grant_append(json_t *array, const struct mrq_grant *grant, struct mrq_error *err)
{
	char who[MRQ_PRINCIPAL_MAX + 1];
	const char *level = mrq_rights_level(grant->rights);
	json_t *o MRQ_CLEANUP(json_decref) = json_object();
	json_t *rights MRQ_CLEANUP(json_decref) = NULL;

	if (!o)
		return mrq_json_no_memory(err);
	mrq_principal_format(&grant->who, who);
	MRQ_TRY(mrq_rights_encode(grant->rights, grant->unknown, &rights, err));
	MRQ_TRY(mrq_member_put(o, "who", json_string(who), err));
	MRQ_TRY(mrq_member_put(o, "rights", MRQ_STEAL(rights), err));
	if (level && !grant->unknown)
		MRQ_TRY(mrq_member_put(o, "level", json_string(level), err));
	return mrq_array_append(array, MRQ_STEAL(o), err);
}

enum mrq_status
mrq_grants_encode(const struct mrq_grant *grants, size_t n, json_t **ret,
		  struct mrq_error *err)
{
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < n; i++)
		MRQ_TRY(grant_append(array, &grants[i], err));
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}
