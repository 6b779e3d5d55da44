/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/internal.h"
#include "policy/text.h"

#include <stdio.h>
#include <string.h>

/*
 * Who somebody is: the user's record (by mail or alias), and all groups reached from the user,
 * the aliases and the groups that the host knows, through groups within groups.  Each group is
 * visited once, so a circle of groups ends.
 */

void
mrq_identity_free(struct mrq_identity *who)
{
	if (!who)
		return;
	free(who->aliases);
	free(who->groups);
	free(who);
}

/* ---- the identity ---- */

static enum mrq_status
group_add(struct mrq_identity *who, const char *group, struct mrq_error *err)
{
	for (size_t i = 0; i < who->n_groups; i++) {
		if (mrq_mail_equal(who->groups[i], group))
			return MRQ_OK;
	}
	if (who->n_groups == MRQ_IDENTITY_GROUPS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "'%s' is in more than %d groups",
				who->mail, MRQ_IDENTITY_GROUPS_MAX);
	void *more = reallocarray(who->groups, who->n_groups + 1, sizeof(*who->groups));
	if (!more)
		return mrq_json_no_memory(err);
	who->groups = more;
	char *to = who->groups[who->n_groups++];
	size_t i = 0;
	for (; i < MRQ_MAIL_MAX && group[i]; i++)
		to[i] = mrq_ascii_lower(group[i]);
	to[i] = '\0';
	return MRQ_OK;
}

static enum mrq_status
groups_of(const struct mrq_snapshot *snap, const char *kind, const char *mail,
	  struct mrq_identity *who, struct mrq_error *err)
{
	char member[MRQ_PRINCIPAL_MAX + 1];

	(void)snprintf(member, sizeof(member), "%s:%s", kind, mail);
	const struct mrq_members *all = &snap->members;
	for (size_t i = mrq_members_first(all, member);
	     i < all->n && strcmp(all->items[i].member, member) == 0; i++)
		MRQ_TRY(group_add(who, all->items[i].group, err));
	return MRQ_OK;
}

static enum mrq_status
groups_resolve(const struct mrq_snapshot *snap, const char *const *groups,
	       size_t n_groups, struct mrq_identity *who, struct mrq_error *err)
{
	MRQ_TRY(groups_of(snap, "user", who->mail, who, err));
	for (size_t i = 0; i < who->n_aliases; i++)
		MRQ_TRY(groups_of(snap, "user", who->aliases[i], who, err));
	/* What is no address matches no grant. */
	for (size_t i = 0; i < n_groups; i++) {
		if (mrq_mail_valid(groups[i]))
			MRQ_TRY(group_add(who, groups[i], err));
	}
	for (size_t i = 0; i < who->n_groups; i++) {
		char group[MRQ_MAIL_MAX + 1];
		memcpy(group, who->groups[i], sizeof(group)); /* the array moves */
		MRQ_TRY(groups_of(snap, "group", group, who, err));
	}
	return MRQ_OK;
}

static bool
in_org(const char *mail, const char *org)
{
	const char *at = strchr(mail, '@');

	return at && mrq_text_equal(at + 1, org);
}

static enum mrq_status
aliases_load(const json_t *doc, struct mrq_identity *who, struct mrq_error *err)
{
	const json_t *aliases = json_object_get(doc, "aliases");
	size_t n = json_array_size(aliases);

	who->aliases = calloc(n + 1, sizeof(*who->aliases));
	if (!who->aliases)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < n; i++) {
		const char *alias = json_string_value(json_array_get(aliases, i));
		if (alias && mrq_mail_valid(alias))
			memcpy(who->aliases[who->n_aliases++], alias,
			       strlen(alias) + 1);
	}
	return MRQ_OK;
}

/* The record's key: the mail itself, or the user whose alias it is. */
static enum mrq_status
user_find(struct mrq_state_txn *txn, const char *mail, json_t **ret,
	  struct mrq_error *err)
{
	char user[MRQ_MAIL_MAX + 1];
	const void *value;
	size_t len;

	enum mrq_status s = mrq_doc_get(txn, MRQ_IN_USERS, mail, ret, err);
	if (s != MRQ_E_NOT_FOUND)
		return s;
	s = mrq_state_get(txn, MRQ_IN_ALIASES, mail, &value, &len, err);
	if (s != MRQ_OK)
		return s;
	if (len > MRQ_MAIL_MAX)
		return mrq_fail(err, MRQ_E_DAMAGED, "alias '%s' is damaged", mail);
	memcpy(user, value, len);
	user[len] = '\0';
	return mrq_doc_get(txn, MRQ_IN_USERS, user, ret, err);
}

static enum mrq_status
user_load(struct mrq_authority *a, struct mrq_identity *who, struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	MRQ_TRY(mrq_state_begin(a->state, MRQ_STATE_READ, &txn, err));
	enum mrq_status s = user_find(txn, who->mail, &doc, err);
	if (s == MRQ_E_NOT_FOUND) {
		who->member = in_org(who->mail, a->org);
		return MRQ_OK;
	}
	if (s != MRQ_OK)
		return s;
	MRQ_TRY(mrq_member_mail(doc, "mail", who->mail, err));
	who->member = in_org(who->mail, a->org);
	MRQ_TRY(mrq_member_bool(doc, "member", &who->member, err));
	return aliases_load(doc, who, err);
}

enum mrq_status
mrq_authority_identity(struct mrq_authority *a, const char *mail,
		       const char *const *groups, size_t n_groups,
		       struct mrq_identity **ret, struct mrq_error *err)
{
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;
	struct mrq_identity *who MRQ_CLEANUP(mrq_identity_free) = NULL;

	if (!mrq_mail_valid(mail))
		return mrq_fail(err, MRQ_E_INVAL, "'%.200s' is no mail address", mail);
	who = calloc(1, sizeof(*who));
	if (!who)
		return mrq_json_no_memory(err);
	for (size_t i = 0; mail[i]; i++)
		who->mail[i] = mrq_ascii_lower(mail[i]);
	MRQ_TRY(user_load(a, who, err));
	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	MRQ_TRY(groups_resolve(snap, groups, n_groups, who, err));
	*ret = MRQ_STEAL(who);
	return MRQ_OK;
}
