/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "licence.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/guid.h"

/*
 * marque-licence(5), member by member; encode and decode side by side.  What a member may
 * hold is said once, by the checks at the top that both directions call.
 */
#define LICENCE_VERSION 1

MRQ_DEFINE_CLEANUP(json_decref, json_t *)

void
mrq_licence_free(struct mrq_licence *licence)
{
	if (!licence)
		return;
	mrq_grants_clear(licence->grants, licence->n_grants);
	free(licence->wrapped_key);
	free(licence->certificate);
	free(licence);
}

mrq_rights
mrq_grants_rights(const struct mrq_grant *grants, size_t n,
		  const struct mrq_identity *who)
{
	mrq_rights rights = 0;

	for (size_t i = 0; i < n; i++) {
		if (mrq_principal_matches(&grants[i].who, who))
			rights |= grants[i].rights;
	}
	return rights & MRQ_RIGHTS_ALL;
}

/* --- what a member may hold --- */

static bool
base64url(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		char c = text[i];
		bool ok = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			  (c >= '0' && c <= '9') || c == '-' || c == '_';
		if (!ok)
			return false;
	}
	return true;
}

/* base64url parts with dots between: three for a compact JWS, five for a compact JWE. */
static bool
compact_valid(const char *text, size_t max, unsigned int parts)
{
	size_t len = strnlen(text, max + 1);
	const char *end = text + len;

	if (len > max)
		return false;
	for (unsigned int i = 1; i <= parts; i++) {
		size_t part = strcspn(text, ".");
		if (part == 0 || !base64url(text, part))
			return false;
		text += part;
		if (i < parts && *text++ != '.')
			return false;
	}
	return text == end;
}

static bool
key_id_valid(const char *text)
{
	size_t len = strnlen(text, sizeof(((struct mrq_licence *)NULL)->key_id));

	return len > 0 && len < sizeof(((struct mrq_licence *)NULL)->key_id) &&
	       base64url(text, len);
}

/* A comma would split into two names when written again, and so could widen. */
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

static bool
time_valid(int64_t when)
{
	return when >= 0 && when <= MRQ_TIME_MAX;
}

static bool
days_valid(int64_t days)
{
	return days >= MRQ_OFFLINE_ALWAYS && days <= MRQ_OFFLINE_DAYS_MAX;
}

/* --- decode --- */

static enum mrq_status
malformed(struct mrq_error *err, const char *member, const char *must)
{
	return mrq_fail(err, MRQ_E_FORMAT, "licence member '%s' must be %s", member,
			must);
}

static enum mrq_status
no_memory(struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_NOMEM, "no memory for a licence");
}

/* NULL when absent or no string. */
static const char *
string_get(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static enum mrq_status
guid_decode(const json_t *object, const char *member, struct mrq_guid *ret,
	    struct mrq_error *err)
{
	const char *text = string_get(object, member);
	struct mrq_guid id;

	if (!text || !mrq_guid_parse(text, &id) || mrq_guid_is_nil(&id))
		return malformed(err, member, "a GUID that is not all zeros");
	*ret = id;
	return MRQ_OK;
}

static enum mrq_status
optional_guid_decode(const json_t *object, const char *member, struct mrq_guid *ret,
		     struct mrq_error *err)
{
	return json_object_get(object, member) ? guid_decode(object, member, ret, err)
					       : MRQ_OK;
}

static enum mrq_status
name_decode(const json_t *object, const char *member, bool (*valid)(const char *),
	    const char *must, char ret[static MRQ_MAIL_MAX + 1], struct mrq_error *err)
{
	const char *text = string_get(object, member);

	if (!text || !valid(text))
		return malformed(err, member, must);
	memcpy(ret, text, strlen(text) + 1);
	return MRQ_OK;
}

static enum mrq_status
compact_decode(const json_t *object, const char *member, size_t max, unsigned int parts,
	       const char *must, char **ret, struct mrq_error *err)
{
	const char *text = string_get(object, member);

	if (!text || !compact_valid(text, max, parts))
		return malformed(err, member, must);
	*ret = strdup(text);
	return *ret ? MRQ_OK : no_memory(err);
}

static enum mrq_status
time_decode(const json_t *object, const char *member, int64_t *ret,
	    struct mrq_error *err)
{
	const json_t *value = json_object_get(object, member);

	if (!json_is_integer(value) || !time_valid(json_integer_value(value)))
		return malformed(err, member, "seconds from 1970 to the year 9999");
	*ret = json_integer_value(value);
	return MRQ_OK;
}

static enum mrq_status
days_decode(const json_t *object, int32_t *ret, struct mrq_error *err)
{
	const json_t *value = json_object_get(object, "off");

	if (!json_is_integer(value) || !days_valid(json_integer_value(value)))
		return malformed(err, "off", "days from -1 to 36500");
	*ret = (int32_t)json_integer_value(value);
	return MRQ_OK;
}

/* Append one more name to the comma separated list. */
static enum mrq_status
unknown_append(char **list, const char *name, size_t len, struct mrq_error *err)
{
	size_t old = *list ? strlen(*list) : 0;
	size_t at = old > 0 ? old + 1 : 0;
	char *longer = realloc(*list, at + len + 1);

	if (!longer)
		return no_memory(err);
	if (old > 0)
		longer[old] = ',';
	memcpy(longer + at, name, len);
	longer[at + len] = '\0';
	*list = longer;
	return MRQ_OK;
}

static enum mrq_status
rights_decode(const json_t *names, struct mrq_grant *grant, struct mrq_error *err)
{
	size_t i;
	json_t *value;

	if (!json_is_array(names) || json_array_size(names) > MRQ_LICENCE_RIGHTS_MAX)
		return malformed(err, "rights", "an array of at most 64 names");
	json_array_foreach(names, i, value)
	{
		const char *name = json_string_value(value);
		size_t len = json_string_length(value);
		if (!name || !right_name_valid(name, len))
			return malformed(err, "rights",
					 "names of 1 to 64 printable ASCII characters "
					 "without space and comma");
		mrq_rights right = mrq_right_from_name(name, len);
		grant->rights |= right;
		if (!right)
			MRQ_TRY(unknown_append(&grant->unknown, name, len, err));
	}
	return MRQ_OK;
}

static enum mrq_status
grant_decode(const json_t *object, struct mrq_grant *grant, struct mrq_error *err)
{
	if (!json_is_object(object))
		return malformed(err, "grants", "an array of objects");

	const char *who = string_get(object, "who");
	if (!who || mrq_principal_parse(who, &grant->who, NULL) != MRQ_OK)
		return malformed(err, "who",
				 "a principal such as 'user:ann@example.com'");
	return rights_decode(json_object_get(object, "rights"), grant, err);
}

static enum mrq_status
grants_decode(const json_t *object, struct mrq_licence *licence, struct mrq_error *err)
{
	const json_t *grants = json_object_get(object, "grants");
	size_t n = json_array_size(grants);

	if (!grants)
		return MRQ_OK;
	if (!json_is_array(grants) || n == 0)
		return malformed(err, "grants", "an array with at least one object");
	if (n > MRQ_GRANTS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"licence has %zu grants, more than %d", n,
				MRQ_GRANTS_MAX);
	if (!mrq_guid_is_nil(&licence->template_id))
		return malformed(err, "grants", "absent beside 'tpl'");
	licence->grants = calloc(n, sizeof(*licence->grants));
	if (!licence->grants)
		return no_memory(err);
	licence->n_grants = n;
	for (size_t i = 0; i < n; i++)
		MRQ_TRY(grant_decode(json_array_get(grants, i), &licence->grants[i],
				     err));
	return MRQ_OK;
}

static enum mrq_status
version_decode(const json_t *object, struct mrq_error *err)
{
	const json_t *value = json_object_get(object, "v");

	if (!json_is_integer(value))
		return malformed(err, "v", "an integer");
	if (json_integer_value(value) != LICENCE_VERSION)
		return mrq_fail(err, MRQ_E_VERSION,
				"licence has version %lld, this build knows version %d",
				(long long)json_integer_value(value), LICENCE_VERSION);
	return MRQ_OK;
}

static enum mrq_status
people_decode(const json_t *object, struct mrq_licence *licence, struct mrq_error *err)
{
	MRQ_TRY(name_decode(object, "own", mrq_mail_valid, "a mail address",
			    licence->owner, err));
	MRQ_TRY(name_decode(object, "iss", mrq_mail_valid, "a mail address",
			    licence->issuer, err));
	return name_decode(object, "org", mrq_domain_valid, "a domain name",
			   licence->org, err);
}

static enum mrq_status
times_decode(const json_t *object, struct mrq_licence *licence, struct mrq_error *err)
{
	MRQ_TRY(time_decode(object, "iat", &licence->created, err));
	licence->expires = MRQ_NEVER;
	if (json_object_get(object, "exp"))
		MRQ_TRY(time_decode(object, "exp", &licence->expires, err));
	return days_decode(object, &licence->offline_days, err);
}

static enum mrq_status
keys_decode(const json_t *object, struct mrq_licence *licence, struct mrq_error *err)
{
	const char *kid = string_get(object, "kid");

	if (!kid || !key_id_valid(kid))
		return malformed(err, "kid", "1 to 63 characters of base64url");
	memcpy(licence->key_id, kid, strlen(kid) + 1);
	MRQ_TRY(compact_decode(object, "key", MRQ_KEY_BLOB_MAX, 5,
			       "a compact JWE of at most 4096 bytes",
			       &licence->wrapped_key, err));
	return compact_decode(object, "crt", MRQ_CERTIFICATE_MAX, 3,
			      "a compact JWS of at most 4096 bytes",
			      &licence->certificate, err);
}

static enum mrq_status
object_decode(const json_t *object, struct mrq_licence *licence, struct mrq_error *err)
{
	if (!json_is_object(object))
		return mrq_fail(err, MRQ_E_FORMAT, "licence is no JSON object");
	MRQ_TRY(version_decode(object, err));
	MRQ_TRY(guid_decode(object, "cid", &licence->content_id, err));
	MRQ_TRY(optional_guid_decode(object, "lbl", &licence->label_id, err));
	MRQ_TRY(optional_guid_decode(object, "tpl", &licence->template_id, err));
	MRQ_TRY(people_decode(object, licence, err));
	MRQ_TRY(times_decode(object, licence, err));
	MRQ_TRY(grants_decode(object, licence, err));
	return keys_decode(object, licence, err);
}

static enum mrq_status
text_parse(const char *json, size_t len, json_t **ret, struct mrq_error *err)
{
	json_error_t why;
	json_t *object = json_loadb(json, len, JSON_REJECT_DUPLICATES, &why);

	/* When memory runs out jansson often gives no reason. */
	if (!object &&
	    (why.text[0] == '\0' || json_error_code(&why) == json_error_out_of_memory))
		return no_memory(err);
	if (!object)
		return mrq_fail(err, MRQ_E_FORMAT, "licence is not valid JSON: %s",
				why.text);
	*ret = object;
	return MRQ_OK;
}

/*
 * Twice, since jansson 2.14 does not notice when memory runs out while a string grows: it goes
 * on without that byte, and a signed name would read as another one.
 */
static enum mrq_status
text_parse_safely(const char *json, size_t len, json_t **ret, struct mrq_error *err)
{
	json_t *first MRQ_CLEANUP(json_decref) = NULL;
	json_t *second MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(text_parse(json, len, &first, err));
	MRQ_TRY(text_parse(json, len, &second, err));
	if (!json_equal(first, second))
		return no_memory(err);
	*ret = MRQ_STEAL(first);
	return MRQ_OK;
}

enum mrq_status
mrq_licence_decode(const char *json, size_t len, struct mrq_licence **ret,
		   struct mrq_error *err)
{
	json_t *object MRQ_CLEANUP(json_decref) = NULL;

	if (len > MRQ_LICENCE_JSON_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "licence of %zu bytes exceeds %u",
				len, MRQ_LICENCE_JSON_MAX);
	MRQ_TRY(text_parse_safely(json, len, &object, err));

	struct mrq_licence *licence MRQ_CLEANUP(mrq_licence_free) =
		calloc(1, sizeof(*licence));
	if (!licence)
		return no_memory(err);
	MRQ_TRY(object_decode(object, licence, err));
	*ret = MRQ_STEAL(licence);
	return MRQ_OK;
}

/* --- encode --- */

static enum mrq_status
unfit(struct mrq_error *err, const char *member)
{
	return mrq_fail(err, MRQ_E_INVAL, "licence cannot be written: bad '%s'",
			member);
}

/* What the decoder would refuse must not be signed. */
static enum mrq_status
licence_check(const struct mrq_licence *l, struct mrq_error *err)
{
	if (mrq_guid_is_nil(&l->content_id))
		return unfit(err, "cid");
	if (!mrq_mail_valid(l->owner))
		return unfit(err, "own");
	if (!mrq_mail_valid(l->issuer))
		return unfit(err, "iss");
	if (!mrq_domain_valid(l->org))
		return unfit(err, "org");
	if (!time_valid(l->created))
		return unfit(err, "iat");
	if (l->expires != MRQ_NEVER && !time_valid(l->expires))
		return unfit(err, "exp");
	if (!days_valid(l->offline_days))
		return unfit(err, "off");
	if (l->n_grants > 0 && !mrq_guid_is_nil(&l->template_id))
		return unfit(err, "grants");
	if (!key_id_valid(l->key_id))
		return unfit(err, "kid");
	if (!l->wrapped_key || !compact_valid(l->wrapped_key, MRQ_KEY_BLOB_MAX, 5))
		return unfit(err, "key");
	if (!l->certificate || !compact_valid(l->certificate, MRQ_CERTIFICATE_MAX, 3))
		return unfit(err, "crt");
	if (l->n_grants > MRQ_GRANTS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"licence has %zu grants, more than %d", l->n_grants,
				MRQ_GRANTS_MAX);
	return MRQ_OK;
}

/* Takes value over, also when it fails. */
static enum mrq_status
put(json_t *object, const char *member, json_t *value, struct mrq_error *err)
{
	return json_object_set_new(object, member, value) == 0 ? MRQ_OK
							       : no_memory(err);
}

static enum mrq_status
guid_put(json_t *object, const char *member, const struct mrq_guid *id,
	 struct mrq_error *err)
{
	char text[MRQ_GUID_TEXT];

	if (mrq_guid_is_nil(id))
		return MRQ_OK;
	mrq_guid_format(id, text);
	return put(object, member, json_string(text), err);
}

/* A list of names, comma separated, each added to the array; known says which ones fit. */
enum names { NAMES_KNOWN, NAMES_UNKNOWN };

static enum mrq_status
names_encode(json_t *array, const char *list, enum names which, struct mrq_error *err)
{
	for (const char *at = list;; at++) {
		size_t len = strcspn(at, ",");
		bool known = mrq_right_from_name(at, len) != 0;
		if (!right_name_valid(at, len) || known != (which == NAMES_KNOWN))
			return unfit(err, "rights");
		if (json_array_append_new(array, json_stringn(at, len)) != 0)
			return no_memory(err);
		at += len;
		if (*at == '\0')
			return MRQ_OK;
	}
}

static enum mrq_status
rights_put(json_t *object, const struct mrq_grant *grant, struct mrq_error *err)
{
	char known[MRQ_RIGHTS_TEXT];
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return no_memory(err);
	if (grant->rights & ~MRQ_RIGHTS_ALL)
		return unfit(err, "rights");
	mrq_rights_format(grant->rights, known);
	if (grant->rights)
		MRQ_TRY(names_encode(array, known, NAMES_KNOWN, err));
	if (grant->unknown)
		MRQ_TRY(names_encode(array, grant->unknown, NAMES_UNKNOWN, err));
	if (json_array_size(array) > MRQ_LICENCE_RIGHTS_MAX)
		return unfit(err, "rights");
	return put(object, "rights", MRQ_STEAL(array), err);
}

static enum mrq_status
grant_append(json_t *array, const struct mrq_grant *grant, struct mrq_error *err)
{
	char who[MRQ_PRINCIPAL_MAX + 1];
	struct mrq_principal same;
	json_t *object MRQ_CLEANUP(json_decref) = json_object();

	if (!object)
		return no_memory(err);
	mrq_principal_format(&grant->who, who);
	if (mrq_principal_parse(who, &same, NULL) != MRQ_OK ||
	    same.kind != grant->who.kind)
		return unfit(err, "who");
	MRQ_TRY(put(object, "who", json_string(who), err));
	MRQ_TRY(rights_put(object, grant, err));
	if (json_array_append_new(array, MRQ_STEAL(object)) != 0)
		return no_memory(err);
	return MRQ_OK;
}

static enum mrq_status
grants_put(json_t *object, const struct mrq_licence *licence, struct mrq_error *err)
{
	if (licence->n_grants == 0)
		return MRQ_OK;

	json_t *array MRQ_CLEANUP(json_decref) = json_array();
	if (!array)
		return no_memory(err);
	for (size_t i = 0; i < licence->n_grants; i++)
		MRQ_TRY(grant_append(array, &licence->grants[i], err));
	return put(object, "grants", MRQ_STEAL(array), err);
}

static enum mrq_status
people_put(json_t *object, const struct mrq_licence *l, struct mrq_error *err)
{
	MRQ_TRY(put(object, "own", json_string(l->owner), err));
	MRQ_TRY(put(object, "iss", json_string(l->issuer), err));
	return put(object, "org", json_string(l->org), err);
}

static enum mrq_status
times_put(json_t *object, const struct mrq_licence *l, struct mrq_error *err)
{
	MRQ_TRY(put(object, "iat", json_integer(l->created), err));
	if (l->expires != MRQ_NEVER)
		MRQ_TRY(put(object, "exp", json_integer(l->expires), err));
	return put(object, "off", json_integer(l->offline_days), err);
}

static enum mrq_status
keys_put(json_t *object, const struct mrq_licence *l, struct mrq_error *err)
{
	MRQ_TRY(put(object, "kid", json_string(l->key_id), err));
	MRQ_TRY(put(object, "key", json_string(l->wrapped_key), err));
	return put(object, "crt", json_string(l->certificate), err);
}

static enum mrq_status
object_encode(const struct mrq_licence *l, json_t *object, struct mrq_error *err)
{
	MRQ_TRY(put(object, "v", json_integer(LICENCE_VERSION), err));
	MRQ_TRY(guid_put(object, "cid", &l->content_id, err));
	MRQ_TRY(guid_put(object, "lbl", &l->label_id, err));
	MRQ_TRY(guid_put(object, "tpl", &l->template_id, err));
	MRQ_TRY(people_put(object, l, err));
	MRQ_TRY(times_put(object, l, err));
	MRQ_TRY(grants_put(object, l, err));
	return keys_put(object, l, err);
}

enum mrq_status
mrq_licence_encode(const struct mrq_licence *licence, char **ret, size_t *ret_len,
		   struct mrq_error *err)
{
	MRQ_TRY(licence_check(licence, err));

	json_t *object MRQ_CLEANUP(json_decref) = json_object();
	if (!object)
		return no_memory(err);
	MRQ_TRY(object_encode(licence, object, err));

	/* Into memory of its size: json_dumps() may lose bytes when it cannot grow. */
	size_t len = json_dumpb(object, NULL, 0, JSON_COMPACT);
	if (len == 0)
		return no_memory(err);
	if (len > MRQ_LICENCE_JSON_MAX)
		return mrq_fail(
			err, MRQ_E_LIMIT,
			"licence of %zu bytes exceeds %u; grant to groups instead", len,
			MRQ_LICENCE_JSON_MAX);

	char *text MRQ_CLEANUP(free) = calloc(1, len + 1);
	if (!text || json_dumpb(object, text, len, JSON_COMPACT) != len)
		return no_memory(err);
	*ret = MRQ_STEAL(text);
	*ret_len = len;
	return MRQ_OK;
}
