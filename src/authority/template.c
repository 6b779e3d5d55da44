/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/grants.h"
#include "base/clock.h"
#include "base/guid.h"
#include "policy/licence.h"

#include <string.h>

/* Templates as JSON: marque-authority(5), "TEMPLATES". */

void
mrq_template_init(struct mrq_template *t)
{
	*t = (struct mrq_template){
		.expires = MRQ_NEVER,
		.offline_days = MRQ_OFFLINE_ALWAYS,
	};
}

static enum mrq_status
offline_decode(const json_t *o, int32_t *ret, struct mrq_error *err)
{
	const char *text = json_string_value(json_object_get(o, "offline_days"));
	int64_t days = *ret;

	if (text && strcmp(text, "always") == 0)
		days = MRQ_OFFLINE_ALWAYS;
	else if (text && strcmp(text, "never") == 0)
		days = 0;
	else
		MRQ_TRY(mrq_member_int(o, "offline_days", MRQ_OFFLINE_ALWAYS,
				       MRQ_OFFLINE_DAYS_MAX, &days, err));
	*ret = (int32_t)days;
	return MRQ_OK;
}

static enum mrq_status
name_check(const char *name, struct mrq_error *err)
{
	size_t len = strlen(name);

	if (len == 0 || name[0] == ' ' || name[len - 1] == ' ')
		return mrq_member_bad(err, "name", "a name without spaces at its ends");
	return MRQ_OK;
}

static enum mrq_status
grants_edit(const json_t *o, enum mrq_unknown_rights unknown, struct mrq_template *t,
	    struct mrq_error *err)
{
	struct mrq_grant *grants = NULL;
	size_t n = 0;

	if (!mrq_member_has(o, "grants"))
		return MRQ_OK;
	MRQ_TRY(mrq_grants_decode(o, "grants", unknown, &grants, &n, err));
	mrq_template_clear(t);
	t->grants = grants;
	t->n_grants = n;
	return MRQ_OK;
}

enum mrq_status
mrq_template_edit(const json_t *o, int64_t now, enum mrq_unknown_rights unknown,
		  struct mrq_template *t, struct mrq_error *err)
{
	int64_t days = t->expires_days;

	MRQ_TRY(mrq_member_text_copy(o, "name", MRQ_NAME_MAX, t->name, err));
	MRQ_TRY(name_check(t->name, err));
	MRQ_TRY(mrq_member_time(o, "expires", now, &t->expires, err));
	MRQ_TRY(mrq_member_int(o, "expires_days", 0, MRQ_OFFLINE_DAYS_MAX, &days, err));
	t->expires_days = (int32_t)days;
	MRQ_TRY(offline_decode(o, &t->offline_days, err));
	MRQ_TRY(mrq_member_bool(o, "archived", &t->archived, err));
	return grants_edit(o, unknown, t, err);
}

enum mrq_status
mrq_template_decode(const json_t *o, struct mrq_template *ret, struct mrq_error *err)
{
	static const char *const members[] = { "id",           "name",
					       "expires",      "expires_days",
					       "offline_days", "archived",
					       "grants" };
	struct mrq_template t MRQ_CLEANUP(mrq_template_clear) = { 0 };

	mrq_template_init(&t);
	MRQ_TRY(mrq_member_known(o, members, sizeof(members) / sizeof(members[0]),
				 err));
	MRQ_TRY(mrq_member_guid(o, "id", &t.id, err));
	if (mrq_guid_is_nil(&t.id))
		return mrq_member_bad(err, "id", "a GUID that is not all zeros");
	MRQ_TRY(mrq_template_edit(o, 0, MRQ_UNKNOWN_KEEP, &t, err));
	*ret = t;
	t.grants = NULL;
	return MRQ_OK;
}

static json_t *
offline_encode(int32_t days)
{
	if (days == MRQ_OFFLINE_ALWAYS)
		return json_string("always");
	return days == 0 ? json_string("never") : json_integer(days);
}

enum mrq_status
mrq_template_encode(const struct mrq_template *t, json_t **ret, struct mrq_error *err)
{
	json_t *o MRQ_CLEANUP(json_decref) = json_object();
	json_t *grants MRQ_CLEANUP(json_decref) = NULL;

	if (!o)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_grants_encode(t->grants, t->n_grants, &grants, err));
	MRQ_TRY(mrq_member_put_guid(o, "id", &t->id, err));
	MRQ_TRY(mrq_member_put(o, "name", json_string(t->name), err));
	MRQ_TRY(mrq_member_put_time(o, "expires", t->expires, err));
	MRQ_TRY(mrq_member_put(o, "expires_days", json_integer(t->expires_days), err));
	MRQ_TRY(mrq_member_put(o, "offline_days", offline_encode(t->offline_days),
			       err));
	MRQ_TRY(mrq_member_put(o, "archived", json_boolean(t->archived), err));
	MRQ_TRY(mrq_member_put(o, "grants", MRQ_STEAL(grants), err));
	*ret = MRQ_STEAL(o);
	return MRQ_OK;
}
