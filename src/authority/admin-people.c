/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/admin-call.h"
#include "base/bytes.h"
#include "crypto/hash.h"

#include <stdio.h>
#include <string.h>

/*
 * Users and groups share one name space of addresses with the aliases of users, so that an address
 * never means two things.  A membership is a record of its own, under the digest of its text.
 */
#define MEMBERSHIP_KEY   33 /* 32 hex digits and NUL */
#define MEMBERS_ARGS_MAX 100000

/* ---- addresses ---- */

static enum mrq_status
address_free(struct mrq_state_txn *txn, const char *mail, struct mrq_error *err)
{
	if (mrq_state_has(txn, MRQ_IN_USERS, mail))
		return mrq_fail(err, MRQ_E_EXISTS, "'%s' is a user already", mail);
	if (mrq_state_has(txn, MRQ_IN_ALIASES, mail))
		return mrq_fail(err, MRQ_E_EXISTS, "'%s' is an alias already", mail);
	if (mrq_state_has(txn, MRQ_IN_GROUPS, mail))
		return mrq_fail(err, MRQ_E_EXISTS, "'%s' is a group already", mail);
	return MRQ_OK;
}

/* ---- users ---- */

static enum mrq_status
aliases_put(struct mrq_state_txn *txn, const char *mail, const json_t *list,
	    json_t *doc, struct mrq_error *err)
{
	json_t *aliases MRQ_CLEANUP(json_decref) = json_array();

	for (size_t i = 0; aliases && i < json_array_size(list); i++) {
		char alias[MRQ_MAIL_MAX + 1] = "";
		json_t *one MRQ_CLEANUP(json_decref) = json_object();
		if (!one ||
		    json_object_set(one, "aliases", json_array_get(list, i)) != 0)
			return mrq_json_no_memory(err);
		MRQ_TRY(mrq_member_mail(one, "aliases", alias, err));
		MRQ_TRY(address_free(txn, alias, err));
		MRQ_TRY(mrq_state_put(txn, MRQ_IN_ALIASES, alias, mail, strlen(mail),
				      err));
		MRQ_TRY(mrq_array_append(aliases, json_string(alias), err));
	}
	return mrq_member_put(doc, "aliases", MRQ_STEAL(aliases), err);
}

static enum mrq_status
user_doc_fill(const json_t *user, const char *mail, json_t *doc, struct mrq_error *err)
{
	const char *name = NULL;
	bool member = false;

	MRQ_TRY(mrq_member_put(doc, "mail", json_string(mail), err));
	MRQ_TRY(mrq_member_text(user, "name", MRQ_NAME_MAX, &name, err));
	if (name)
		MRQ_TRY(mrq_member_put(doc, "name", json_string(name), err));
	MRQ_TRY(mrq_member_bool(user, "member", &member, err));
	if (mrq_member_has(user, "member"))
		MRQ_TRY(mrq_member_put(doc, "member", json_boolean(member), err));
	return MRQ_OK;
}

enum mrq_status
mrq_user_write(struct mrq_state_txn *txn, const json_t *user, struct mrq_error *err)
{
	static const char *const members[] = { "mail", "name", "aliases", "member" };
	char mail[MRQ_MAIL_MAX + 1] = "";
	json_t *aliases MRQ_CLEANUP(json_decref) = NULL;
	json_t *doc MRQ_CLEANUP(json_decref) = json_object();

	if (!doc)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_member_known(user, members, 4, err));
	MRQ_TRY(mrq_member_mail(user, "mail", mail, err));
	if (!mail[0])
		return mrq_member_bad(err, "mail", "a mail address");
	MRQ_TRY(mrq_member_list(user, "aliases", MRQ_ALIASES_MAX, &aliases, err));
	MRQ_TRY(user_doc_fill(user, mail, doc, err));
	MRQ_TRY(address_free(txn, mail, err));
	/* Before its aliases, so that none of them may be the user itself. */
	MRQ_TRY(mrq_doc_put(txn, MRQ_IN_USERS, mail, doc, err));
	MRQ_TRY(aliases_put(txn, mail, aliases, doc, err));
	return mrq_doc_put(txn, MRQ_IN_USERS, mail, doc, err);
}

enum mrq_status
mrq_admin_user_add(struct mrq_admin_call *call, struct mrq_error *err)
{
	return mrq_user_write(call->txn, call->args, err);
}

static enum mrq_status
user_get(struct mrq_admin_call *call, char mail[static MRQ_MAIL_MAX + 1], json_t **ret,
	 struct mrq_error *err)
{
	MRQ_TRY(mrq_member_mail(call->args, "mail", mail, err));
	enum mrq_status s = mrq_doc_get(call->txn, MRQ_IN_USERS, mail, ret, err);
	if (s == MRQ_E_NOT_FOUND)
		return mrq_fail(err, s, "there is no user '%s'", mail);
	return s;
}

/* The record and its aliases; memberships stay the caller's. */
static enum mrq_status
user_drop(struct mrq_state_txn *txn, const char *mail, const json_t *doc,
	  struct mrq_error *err)
{
	const json_t *aliases = json_object_get(doc, "aliases");

	for (size_t i = 0; i < json_array_size(aliases); i++) {
		const char *alias = json_string_value(json_array_get(aliases, i));
		if (alias && mrq_state_has(txn, MRQ_IN_ALIASES, alias))
			MRQ_TRY(mrq_state_delete(txn, MRQ_IN_ALIASES, alias, err));
	}
	return mrq_state_delete(txn, MRQ_IN_USERS, mail, err);
}

enum mrq_status
mrq_admin_user_set(struct mrq_admin_call *call, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1] = "";
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(user_get(call, mail, &doc, err));
	MRQ_TRY(user_drop(call->txn, mail, doc, err));
	if (json_object_update(doc, (json_t *)(uintptr_t)call->args) != 0)
		return mrq_json_no_memory(err);
	return mrq_user_write(call->txn, doc, err);
}

/* ---- memberships ---- */

static void
membership_key(const char *text, char ret[static MEMBERSHIP_KEY])
{
	uint8_t digest[MRQ_SHA256_BYTES];

	mrq_sha256(text, strlen(text), digest);
	mrq_hex_encode(digest, (MEMBERSHIP_KEY - 1) / 2, ret);
}

struct touching {
	json_t *keys;
	const char *group; /* either of them; NULL: any */
	const char *member;
};

static bool
is_text(const char *want, const char *text, size_t len)
{
	return want && strlen(want) == len && memcmp(want, text, len) == 0;
}

static bool
touching_visit(const char *key, const void *value, size_t len, void *arg)
{
	struct touching *of = arg;
	const char *text = value;
	size_t group;

	if (!mrq_membership_split(value, len, &group))
		return true;
	bool hit = is_text(of->group, text, group) ||
		   is_text(of->member, text + group + 1, len - group - 1);
	return !hit || json_array_append_new(of->keys, json_string(key)) == 0;
}

static enum mrq_status
memberships_drop(struct mrq_state_txn *txn, const char *group, const char *kind,
		 const char *mail, struct mrq_error *err)
{
	char member[MRQ_PRINCIPAL_MAX + 1];
	json_t *keys MRQ_CLEANUP(json_decref) = json_array();

	if (!keys)
		return mrq_json_no_memory(err);
	(void)snprintf(member, sizeof(member), "%s:%s", kind, mail);
	struct touching of = { keys, group, member };
	MRQ_TRY(mrq_state_each(txn, MRQ_IN_MEMBERS, touching_visit, &of, err));
	for (size_t i = 0; i < json_array_size(keys); i++)
		MRQ_TRY(mrq_state_delete(txn, MRQ_IN_MEMBERS,
					 json_string_value(json_array_get(keys, i)),
					 err));
	return MRQ_OK;
}

/* A bare address that is a group's means the group. */
static enum mrq_status
member_parse(struct mrq_state_txn *txn, const json_t *item, const char *group,
	     char ret[static MRQ_MAIL_MAX + MRQ_PRINCIPAL_MAX + 2],
	     struct mrq_error *err)
{
	const char *text = json_string_value(item);
	char who[MRQ_PRINCIPAL_MAX + 1];
	struct mrq_principal p;

	if (!text || mrq_principal_parse(text, &p, NULL) != MRQ_OK ||
	    (p.kind != MRQ_PRINCIPAL_USER && p.kind != MRQ_PRINCIPAL_GROUP))
		return mrq_member_bad(err, "members", "addresses of users or groups");
	if (!strchr(text, ':') && mrq_state_has(txn, MRQ_IN_GROUPS, p.name))
		p.kind = MRQ_PRINCIPAL_GROUP;
	mrq_principal_format(&p, who);
	(void)snprintf(ret, MRQ_MAIL_MAX + MRQ_PRINCIPAL_MAX + 2, "%s %s", group, who);
	return MRQ_OK;
}

static enum mrq_status
members_put(struct mrq_state_txn *txn, const char *group, const json_t *list,
	    struct mrq_error *err)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		char text[MRQ_MAIL_MAX + MRQ_PRINCIPAL_MAX + 2];
		char key[MEMBERSHIP_KEY];
		MRQ_TRY(member_parse(txn, json_array_get(list, i), group, text, err));
		membership_key(text, key);
		MRQ_TRY(mrq_state_put(txn, MRQ_IN_MEMBERS, key, text, strlen(text),
				      err));
	}
	return MRQ_OK;
}

enum mrq_status
mrq_admin_user_rm(struct mrq_admin_call *call, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1] = "";
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(user_get(call, mail, &doc, err));
	MRQ_TRY(user_drop(call->txn, mail, doc, err));
	const json_t *aliases = json_object_get(doc, "aliases");
	for (size_t i = 0; i < json_array_size(aliases); i++) {
		const char *alias = json_string_value(json_array_get(aliases, i));
		if (alias)
			MRQ_TRY(memberships_drop(call->txn, NULL, "user", alias, err));
	}
	return memberships_drop(call->txn, NULL, "user", mail, err);
}

/* ---- groups ---- */

enum mrq_status
mrq_group_write(struct mrq_state_txn *txn, const json_t *group, struct mrq_error *err)
{
	static const char *const members[] = { "mail", "name", "members" };
	char mail[MRQ_MAIL_MAX + 1] = "";
	const char *name = NULL;
	json_t *list MRQ_CLEANUP(json_decref) = NULL;
	json_t *doc MRQ_CLEANUP(json_decref) = json_object();

	if (!doc)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_member_known(group, members, 3, err));
	MRQ_TRY(mrq_member_mail(group, "mail", mail, err));
	if (!mail[0])
		return mrq_member_bad(err, "mail", "a mail address");
	MRQ_TRY(mrq_member_text(group, "name", MRQ_NAME_MAX, &name, err));
	MRQ_TRY(mrq_member_list(group, "members", MEMBERS_ARGS_MAX, &list, err));
	MRQ_TRY(address_free(txn, mail, err));
	MRQ_TRY(mrq_member_put(doc, "mail", json_string(mail), err));
	if (name)
		MRQ_TRY(mrq_member_put(doc, "name", json_string(name), err));
	MRQ_TRY(mrq_doc_put(txn, MRQ_IN_GROUPS, mail, doc, err));
	return members_put(txn, mail, list, err);
}

enum mrq_status
mrq_admin_group_add(struct mrq_admin_call *call, struct mrq_error *err)
{
	return mrq_group_write(call->txn, call->args, err);
}

static enum mrq_status
group_get(struct mrq_admin_call *call, char mail[static MRQ_MAIL_MAX + 1],
	  struct mrq_error *err)
{
	MRQ_TRY(mrq_member_mail(call->args, "mail", mail, err));
	if (!mrq_state_has(call->txn, MRQ_IN_GROUPS, mail))
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no group '%s'", mail);
	return MRQ_OK;
}

enum mrq_status
mrq_admin_group_rm(struct mrq_admin_call *call, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1] = "";

	MRQ_TRY(group_get(call, mail, err));
	MRQ_TRY(mrq_state_delete(call->txn, MRQ_IN_GROUPS, mail, err));
	return memberships_drop(call->txn, mail, "group", mail, err);
}

enum mrq_status
mrq_admin_member_add(struct mrq_admin_call *call, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1] = "";
	json_t *list MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(group_get(call, mail, err));
	MRQ_TRY(mrq_member_list(call->args, "members", MEMBERS_ARGS_MAX, &list, err));
	return members_put(call->txn, mail, list, err);
}

enum mrq_status
mrq_admin_member_rm(struct mrq_admin_call *call, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1] = "";
	json_t *list MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(group_get(call, mail, err));
	MRQ_TRY(mrq_member_list(call->args, "members", MEMBERS_ARGS_MAX, &list, err));
	for (size_t i = 0; i < json_array_size(list); i++) {
		char text[MRQ_MAIL_MAX + MRQ_PRINCIPAL_MAX + 2];
		char key[MEMBERSHIP_KEY];
		MRQ_TRY(member_parse(call->txn, json_array_get(list, i), mail, text,
				     err));
		membership_key(text, key);
		if (!mrq_state_has(call->txn, MRQ_IN_MEMBERS, key))
			return mrq_fail(err, MRQ_E_NOT_FOUND,
					"'%s' is no member of group '%s'",
					strchr(text, ' ') + 1, mail);
		MRQ_TRY(mrq_state_delete(call->txn, MRQ_IN_MEMBERS, key, err));
	}
	return MRQ_OK;
}

/* ---- lists ---- */

static enum mrq_status
doc_append(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	(void)key;
	return mrq_array_append(arg, json_deep_copy(doc), err);
}

enum mrq_status
mrq_users_list(struct mrq_state_txn *txn, json_t **ret, struct mrq_error *err)
{
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	if (!array)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_USERS, doc_append, array, err));
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}

static enum mrq_status
group_by_mail(const char *key, const json_t *doc, void *arg, struct mrq_error *err)
{
	json_t *groups = arg;
	json_t *group = json_deep_copy(doc);

	MRQ_TRY(mrq_member_put(groups, key, group, err));
	return mrq_member_put(group, "members", json_array(), err);
}

enum mrq_status
mrq_groups_list(struct mrq_state_txn *txn, json_t **ret, struct mrq_error *err)
{
	json_t *groups MRQ_CLEANUP(json_decref) = json_object();
	json_t *array MRQ_CLEANUP(json_decref) = json_array();
	struct mrq_members members MRQ_CLEANUP(mrq_members_clear) = { 0 };
	const char *mail;
	json_t *group;

	if (!groups || !array)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_doc_each(txn, MRQ_IN_GROUPS, group_by_mail, groups, err));
	MRQ_TRY(mrq_members_load(txn, &members, err));
	for (size_t i = 0; i < members.n; i++) {
		const struct mrq_membership *m = &members.items[i];
		json_t *list =
			json_object_get(json_object_get(groups, m->group), "members");
		if (list)
			MRQ_TRY(mrq_array_append(list, json_string(m->member), err));
	}
	json_object_foreach(groups, mail, group)
	{
		if (json_array_append(array, group) != 0)
			return mrq_json_no_memory(err);
	}
	*ret = MRQ_STEAL(array);
	return MRQ_OK;
}

enum mrq_status
mrq_admin_user_list(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *users = NULL;

	MRQ_TRY(mrq_users_list(call->txn, &users, err));
	return mrq_admin_answer(call, users, err);
}

enum mrq_status
mrq_admin_group_list(struct mrq_admin_call *call, struct mrq_error *err)
{
	json_t *groups = NULL;

	MRQ_TRY(mrq_groups_list(call->txn, &groups, err));
	return mrq_admin_answer(call, groups, err);
}
