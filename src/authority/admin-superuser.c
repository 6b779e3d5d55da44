/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/admin-call.h"
#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* Super users are named at any time, but are only while switched on, and never for long. */

/* "2h", "+90m" or seconds. */
static enum mrq_status
duration_get(const json_t *args, int64_t now, int64_t *ret_until, struct mrq_error *err)
{
	const char *text = json_string_value(json_object_get(args, "for"));
	char relative[32];
	int64_t until = 0;
	int64_t seconds = 0;

	if (text && text[strspn(text, "0123456789")] != '\0') {
		int n = snprintf(relative, sizeof(relative), "+%s",
				 text[0] == '+' ? text + 1 : text);
		if (n < 0 || (size_t)n >= sizeof(relative) ||
		    !mrq_time_parse(relative, now, &until))
			return mrq_member_bad(err, "for", "a time such as 90m or 2h");
		seconds = until - now;
	} else {
		MRQ_TRY(mrq_member_int(args, "for", 1, MRQ_SUPERUSER_SECONDS_MAX,
				       &seconds, err));
	}
	if (seconds < 1 || seconds > MRQ_SUPERUSER_SECONDS_MAX)
		return mrq_member_bad(err, "for", "at most 7 days");
	*ret_until = now + seconds;
	return MRQ_OK;
}

static enum mrq_status
status_put(struct mrq_admin_call *call, const struct mrq_super_users *super,
	   struct mrq_error *err)
{
	bool on = call->now < super->until;

	MRQ_TRY(mrq_member_put(call->answer, "on", json_boolean(on), err));
	if (on)
		MRQ_TRY(mrq_member_put_time(call->answer, "until", super->until, err));
	return MRQ_OK;
}

enum mrq_status
mrq_admin_superuser_on(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };

	MRQ_TRY(mrq_super_users_load(call->txn, &super, err));
	MRQ_TRY(duration_get(call->args, call->now, &super.until, err));
	MRQ_TRY(mrq_super_users_save(call->txn, &super, err));
	return status_put(call, &super, err);
}

enum mrq_status
mrq_admin_superuser_off(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };

	MRQ_TRY(mrq_super_users_load(call->txn, &super, err));
	super.until = 0;
	MRQ_TRY(mrq_super_users_save(call->txn, &super, err));
	return status_put(call, &super, err);
}

enum mrq_status
mrq_admin_superuser_status(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };

	MRQ_TRY(mrq_super_users_load(call->txn, &super, err));
	return status_put(call, &super, err);
}

static enum mrq_status
who_parse(const json_t *item, struct mrq_principal *ret, struct mrq_error *err)
{
	const char *text = json_string_value(item);

	if (!text || mrq_principal_parse(text, ret, NULL) != MRQ_OK ||
	    (ret->kind != MRQ_PRINCIPAL_USER && ret->kind != MRQ_PRINCIPAL_GROUP))
		return mrq_member_bad(err, "who", "user:MAIL or group:MAIL");
	return MRQ_OK;
}

static size_t
who_find(const struct mrq_super_users *super, const struct mrq_principal *who)
{
	size_t i = 0;

	while (i < super->n && (super->who[i].kind != who->kind ||
				!mrq_mail_equal(super->who[i].name, who->name)))
		i++;
	return i;
}

static enum mrq_status
who_add(struct mrq_super_users *super, const struct mrq_principal *who,
	struct mrq_error *err)
{
	if (who_find(super, who) < super->n)
		return MRQ_OK;
	if (super->n >= MRQ_SUPERUSERS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"there are %d super users already; name a group",
				MRQ_SUPERUSERS_MAX);
	struct mrq_principal *more =
		reallocarray(super->who, super->n + 1, sizeof(*more));
	if (!more)
		return mrq_json_no_memory(err);
	super->who = more;
	super->who[super->n++] = *who;
	return MRQ_OK;
}

enum mrq_status
mrq_admin_superuser_add(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };
	json_t *list MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_super_users_load(call->txn, &super, err));
	MRQ_TRY(mrq_member_list(call->args, "who", MRQ_SUPERUSERS_MAX, &list, err));
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct mrq_principal who;
		MRQ_TRY(who_parse(json_array_get(list, i), &who, err));
		MRQ_TRY(who_add(&super, &who, err));
	}
	return mrq_super_users_save(call->txn, &super, err);
}

enum mrq_status
mrq_admin_superuser_rm(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };
	json_t *list MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_super_users_load(call->txn, &super, err));
	MRQ_TRY(mrq_member_list(call->args, "who", MRQ_SUPERUSERS_MAX, &list, err));
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct mrq_principal who;
		MRQ_TRY(who_parse(json_array_get(list, i), &who, err));
		size_t at = who_find(&super, &who);
		if (at == super.n)
			return mrq_fail(err, MRQ_E_NOT_FOUND, "'%s' is no super user",
					who.name);
		super.who[at] = super.who[--super.n];
	}
	return mrq_super_users_save(call->txn, &super, err);
}

enum mrq_status
mrq_admin_superuser_list(struct mrq_admin_call *call, struct mrq_error *err)
{
	struct mrq_super_users super MRQ_CLEANUP(mrq_super_users_clear) = { 0 };
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_super_users_load(call->txn, &super, err));
	for (size_t i = 0; i < super.n; i++) {
		char text[MRQ_PRINCIPAL_MAX + 1];
		mrq_principal_format(&super.who[i], text);
		MRQ_TRY(mrq_array_append(array, json_string(text), err));
	}
	return mrq_admin_answer(call, MRQ_STEAL(array), err);
}
