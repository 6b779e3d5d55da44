/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/admin.h"

#include "authority/admin-call.h"

#include <string.h>

/*
 * The table of commands.  Members are checked here: one that the verb does not have is refused
 * by name, and so is the lack of one that begins with '!'.
 */
#define VERB_MEMBERS_MAX 12

struct verb {
	const char *name;
	enum mrq_state_access access;
	mrq_admin_handler handler;
	const char *members[VERB_MEMBERS_MAX];
};

static const struct verb verbs[] = {
	{ "user add",
	  MRQ_STATE_WRITE,
	  mrq_admin_user_add,
	  { "!mail", "name", "aliases", "member" } },
	{ "user set",
	  MRQ_STATE_WRITE,
	  mrq_admin_user_set,
	  { "!mail", "name", "aliases", "member" } },
	{ "user rm", MRQ_STATE_WRITE, mrq_admin_user_rm, { "!mail" } },
	{ "user list", MRQ_STATE_READ, mrq_admin_user_list, { NULL } },
	{ "group add",
	  MRQ_STATE_WRITE,
	  mrq_admin_group_add,
	  { "!mail", "name", "members" } },
	{ "group rm", MRQ_STATE_WRITE, mrq_admin_group_rm, { "!mail" } },
	{ "group list", MRQ_STATE_READ, mrq_admin_group_list, { NULL } },
	{ "group member-add",
	  MRQ_STATE_WRITE,
	  mrq_admin_member_add,
	  { "!mail", "!members" } },
	{ "group member-rm",
	  MRQ_STATE_WRITE,
	  mrq_admin_member_rm,
	  { "!mail", "!members" } },
	{ "template set",
	  MRQ_STATE_WRITE,
	  mrq_admin_template_set,
	  { "template", "name", "grants", "expires", "expires_days", "offline_days",
	    "archived" } },
	{ "template rm", MRQ_STATE_WRITE, mrq_admin_template_rm, { "!template" } },
	{ "template archive",
	  MRQ_STATE_WRITE,
	  mrq_admin_template_archive,
	  { "!template", "archived" } },
	{ "template list", MRQ_STATE_READ, mrq_admin_template_list, { NULL } },
	{ "template show", MRQ_STATE_READ, mrq_admin_template_show, { "!template" } },
	{ "template export", MRQ_STATE_READ, mrq_admin_template_show, { "!template" } },
	{ "template import",
	  MRQ_STATE_WRITE,
	  mrq_admin_template_import,
	  { "!document", "replace" } },
	{ "label set",
	  MRQ_STATE_WRITE,
	  mrq_admin_label_set,
	  { "label", "name", "parent", "order", "colour", "tooltip", "protection",
	    "template", "programs", "enabled" } },
	{ "label rm", MRQ_STATE_WRITE, mrq_admin_label_rm, { "!label" } },
	{ "label list", MRQ_STATE_READ, mrq_admin_label_list, { NULL } },
	{ "label show", MRQ_STATE_READ, mrq_admin_label_show, { "!label" } },
	{ "policy set",
	  MRQ_STATE_WRITE,
	  mrq_admin_policy_set,
	  { "default_label", "mandatory", "justify_downgrade", "licence_days",
	    "help_url" } },
	{ "policy show", MRQ_STATE_READ, mrq_admin_policy_show, { NULL } },
	{ "key list", MRQ_STATE_READ, mrq_admin_key_list, { NULL } },
	{ "key rotate", MRQ_STATE_WRITE, mrq_admin_key_rotate, { NULL } },
	{ "cert show", MRQ_STATE_READ, mrq_admin_cert_show, { NULL } },
	{ "superuser on", MRQ_STATE_WRITE, mrq_admin_superuser_on, { "!for" } },
	{ "superuser off", MRQ_STATE_WRITE, mrq_admin_superuser_off, { NULL } },
	{ "superuser add", MRQ_STATE_WRITE, mrq_admin_superuser_add, { "!who" } },
	{ "superuser rm", MRQ_STATE_WRITE, mrq_admin_superuser_rm, { "!who" } },
	{ "superuser list", MRQ_STATE_READ, mrq_admin_superuser_list, { NULL } },
	{ "superuser status", MRQ_STATE_READ, mrq_admin_superuser_status, { NULL } },
	{ "revocation list", MRQ_STATE_READ, mrq_admin_revocation_list, { NULL } },
	{ "revocation add",
	  MRQ_STATE_WRITE,
	  mrq_admin_revocation_add,
	  { "content_id", "file_id", "by" } },
	{ "revocation rm",
	  MRQ_STATE_WRITE,
	  mrq_admin_revocation_rm,
	  { "content_id", "file_id" } },
	{ "export", MRQ_STATE_READ, mrq_admin_export, { NULL } },
	{ "import", MRQ_STATE_WRITE, mrq_admin_import, { "!document" } },
};
#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const char *names[VERBS + 1];
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static void
names_fill(void)
{
	for (size_t i = 0; i < VERBS; i++)
		names[i] = verbs[i].name;
}

const char *const *
mrq_authority_verbs(void)
{
	(void)pthread_once(&names_once, names_fill);
	return names;
}

static const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < VERBS; i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static bool
verb_has(const struct verb *verb, const char *member)
{
	for (size_t i = 0; i < VERB_MEMBERS_MAX && verb->members[i]; i++) {
		const char *name = verb->members[i];
		if (strcmp(name[0] == '!' ? name + 1 : name, member) == 0)
			return true;
	}
	return false;
}

static enum mrq_status
members_check(const struct verb *verb, json_t *args, struct mrq_error *err)
{
	const char *member;
	json_t *value;

	json_object_foreach(args, member, value)
	{
		if (!verb_has(verb, member))
			return mrq_fail(err, MRQ_E_INVAL, "'%s' has no '%.64s'",
					verb->name, member);
	}
	for (size_t i = 0; i < VERB_MEMBERS_MAX && verb->members[i]; i++) {
		const char *name = verb->members[i];
		if (name[0] == '!' && !json_object_get(args, name + 1))
			return mrq_fail(err, MRQ_E_INVAL, "'%s' needs '%s'", verb->name,
					name + 1);
	}
	return MRQ_OK;
}

static enum mrq_status
call_run(const struct verb *verb, struct mrq_admin_call *call, char **ret,
	 struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;
	char *answer MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(mrq_state_begin(call->a->state, verb->access, &txn, err));
	call->txn = txn;
	MRQ_TRY(verb->handler(call, err));
	MRQ_TRY(mrq_object_dump(call->answer, &answer, err));
	if (verb->access == MRQ_STATE_WRITE)
		MRQ_TRY(mrq_state_commit(MRQ_STEAL(txn), err));
	*ret = MRQ_STEAL(answer);
	return MRQ_OK;
}

enum mrq_status
mrq_authority_admin(struct mrq_authority *a, const char *verb_name, const char *text,
		    int64_t now, char **ret, struct mrq_error *err)
{
	const struct verb *verb = verb_find(verb_name);
	json_t *args MRQ_CLEANUP(json_decref) = NULL;
	size_t len = strlen(text);

	if (!verb)
		return mrq_fail(err, MRQ_E_INVAL,
				"'%.64s' is no command of an authority", verb_name);
	MRQ_TRY(mrq_object_parse(text, len, "arguments", &args, err));
	MRQ_TRY(members_check(verb, args, err));
	struct mrq_admin_call call = {
		.a = a, .args = args, .now = now, .answer = json_object()
	};
	if (!call.answer)
		return mrq_json_no_memory(err);
	enum mrq_status s = call_run(verb, &call, ret, err);
	json_decref(call.answer);
	return s;
}
