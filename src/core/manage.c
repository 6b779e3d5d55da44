/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Commands of people: init, administration, labels, revocation, the licence cache. */
#include <marque/authority.h>
#include <marque/label.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "authority/admin.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/guid.h"
#include "base/json-doc.h"
#include "core/internal.h"
#include "store/machine.h"

#define ASK_NS 30000000000ll

enum mrq_status
mrq_init(const struct mrq_init_options *o, struct mrq_error *err)
{
	MRQ_TRY(mrq_crypto_init(err));
	struct mrq_authority_unlock unlock = { .seal = MRQ_AUTHORITY_SEAL_PASSPHRASE };
	struct mrq_secret_buf phrase MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	struct mrq_seal_key key MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };
	MRQ_TRY(mrq_make_dirs(o->config_dir, 0755, err));
	if (o->passphrase) {
		MRQ_TRY(mrq_secret_buf_init(&phrase, o->passphrase_len, err));
		memcpy(phrase.data, o->passphrase, o->passphrase_len);
		unlock.passphrase = &phrase;
	} else {
		char path[4096];
		(void)snprintf(path, sizeof(path), "%s/machine.key", o->config_dir);
		MRQ_TRY(mrq_machine_key(path, "/etc/machine-id", "authority-keys", &key,
					err));
		unlock.seal = MRQ_AUTHORITY_SEAL_MACHINE;
		unlock.machine_key = &key;
	}
	return mrq_authority_init(o->state_dir, o->org, &unlock, mrq_clock_now(), err);
}

static enum mrq_status
audit_admin(struct mrq_session *s, enum mrq_audit_event event, const char *request,
	    const char *reason, const struct mrq_error *failed)
{
	struct mrq_caller self = mrq_caller_self();
	struct mrq_audit_record r = {
		.event = event,
		.request = request,
		.granted = !failed,
		.status = failed ? failed->status : MRQ_OK,
		.reason = failed ? failed->msg : reason,
	};
	return mrq_session_audit(s, &self, &r, NULL);
}

enum mrq_status
mrq_admin(struct mrq_session *s, const char *verb, const char *args, char **ret,
	  struct mrq_error *err)
{
	if (!s->authority || s->keys != MRQ_SESSION_KEYS)
		return mrq_fail(
			err, MRQ_E_DENIED,
			"administration needs the organisation's key; run as root");
	struct mrq_error why = { 0 };
	enum mrq_status st = mrq_authority_admin(s->authority, verb, args,
						 mrq_session_now(s), ret, &why);
	char what[1024];
	(void)snprintf(what, sizeof(what), "%.64s %.900s", verb, args);
	enum mrq_status ignored =
		audit_admin(s, MRQ_AUDIT_ADMIN, verb, what, st == MRQ_OK ? NULL : &why);
	(void)ignored;
	if (st != MRQ_OK && err)
		*err = why;
	return st;
}

static void
fill_label(const struct mrq_policy_set *set, const struct mrq_label *l,
	   struct mrq_label_info *ret)
{
	static const char *const protections[] = { "none", "template", "user-defined",
						   "removes" };
	*ret = (struct mrq_label_info){ .id = l->id,
					.parent = l->parent,
					.order = l->order };
	memcpy(ret->name, l->name, sizeof(ret->name));
	memcpy(ret->tooltip, l->tooltip, sizeof(ret->tooltip));
	(void)snprintf(ret->protection, sizeof(ret->protection), "%s",
		       protections[l->protection]);
	(void)snprintf(ret->programs, sizeof(ret->programs), "%s",
		       mrq_programs_switch_name(l->programs));
	for (size_t i = 0; i < set->n_templates; i++)
		if (l->protection == MRQ_LABEL_TEMPLATE &&
		    mrq_guid_equal(&set->templates[i].id, &l->template_id))
			memcpy(ret->template_name, set->templates[i].name,
			       sizeof(ret->template_name));
	ret->is_default = mrq_guid_equal(&l->id, &set->default_label);
	ret->applicable = l->enabled && !l->has_children;
}

/** One that cannot be read is not to be told as none: 'marque init' would be the wrong cure. */
static enum mrq_status
no_authority(const struct mrq_session *s, struct mrq_error *err)
{
	enum mrq_authority_seal seal;
	struct mrq_error why = { 0 };
	enum mrq_status st = mrq_authority_seal_load(s->state_dir, &seal, &why);
	if (st != MRQ_OK && st != MRQ_E_NOT_FOUND) {
		if (err)
			*err = why;
		return st;
	}
	return mrq_fail(err, MRQ_E_NO_KEY,
			"no authority in '%s'; run 'marque init --org DOMAIN'",
			s->state_dir);
}

enum mrq_status
mrq_labels(struct mrq_session *s, struct mrq_label_info **ret, size_t *ret_n,
	   struct mrq_error *err)
{
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	if (!policy)
		return no_authority(s, err);
	const struct mrq_policy_set *set = policy->set;
	struct mrq_label_info *list = calloc(set->n_labels + 1, sizeof(*list));
	if (!list)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the labels");
	for (size_t i = 0; i < set->n_labels; i++)
		fill_label(set, &set->labels[i], &list[i]);
	*ret = list;
	*ret_n = set->n_labels;
	return MRQ_OK;
}

enum mrq_status
mrq_session_admin_use(struct mrq_file *file, struct mrq_use_licence *ret,
		      struct mrq_error *err)
{
	struct mrq_session *s = file->session;
	struct mrq_container_facts facts;
	size_t len = 0;
	void *pl MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(mrq_container_licence_copy(file->container, &pl, &len, &facts, err));
	struct mrq_identity owner = { .member = true };
	memcpy(owner.mail, facts.owner, sizeof(owner.mail));
	atomic_fetch_add(&s->counters.used, 1);
	MRQ_TRY(s->provider->ops->use(s->provider, pl, len, &owner, mrq_session_now(s),
				      mrq_clock_monotonic_ns() + ASK_NS, ret, err));
	return ret->has_key
		       ? MRQ_OK
		       : mrq_fail(err, MRQ_E_DAMAGED,
				  "the header of '%s' names an owner that its licence "
				  "does not",
				  file->what);
}

/* ---- revocation ---- */

/** Content or file id of `what`, and whether the caller may revoke it. */
static enum mrq_status
resolve(struct mrq_session *s, const struct mrq_caller *caller, const char *what,
	bool only_file, enum mrq_revoke *ret_kind, struct mrq_guid *ret,
	struct mrq_error *err)
{
	bool prefixed = !strncmp(what, "file:", 5);
	*ret_kind = prefixed || only_file ? MRQ_REVOKE_FILE : MRQ_REVOKE_CONTENT;
	if (mrq_guid_parse(prefixed ? what + 5 : what, ret)) {
		if (caller->uid != 0 && caller->uid != geteuid())
			return mrq_fail(
				err, MRQ_E_DENIED,
				"revoking by identifier is for administrators; name "
				"the file instead");
		return MRQ_OK;
	}
	int fd MRQ_CLEANUP(mrq_close) = open(what, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot open '%s'", what);
	struct mrq_file *f = NULL;
	MRQ_TRY(mrq_file_attach(s, fd, what, &f, err));
	fd = -1;
	struct mrq_facts facts;
	mrq_file_facts(f, &facts);
	enum mrq_status st = MRQ_OK;
	if (facts.kind != MRQ_FILE_PROTECTED)
		st = mrq_fail(err, MRQ_E_PLAIN, "'%s' is not protected", what);
	else if (caller->uid != 0)
		st = mrq_file_check(f, caller, MRQ_REQUEST_RELABEL, what, err);
	mrq_file_free(f);
	*ret = *ret_kind == MRQ_REVOKE_FILE ? facts.file_id : facts.content_id;
	return st;
}

static enum mrq_status
change_revocation(struct mrq_session *s, const struct mrq_caller *caller,
		  const char *what, bool only_file, bool revoke, struct mrq_error *err)
{
	if (!s->authority || s->keys != MRQ_SESSION_KEYS)
		return mrq_fail(err, MRQ_E_DENIED,
				"revoking needs the organisation's key");
	enum mrq_revoke kind;
	struct mrq_guid id;
	MRQ_TRY(resolve(s, caller, what, only_file, &kind, &id, err));
	char mail[MRQ_MAIL_MAX + 1] = "";
	if (mrq_session_principal(s, caller->uid, mail, NULL) != MRQ_OK)
		(void)snprintf(mail, sizeof(mail), "root@%s", s->org);
	MRQ_TRY(revoke ? mrq_authority_revoke(s->authority, kind, &id, mail,
					      mrq_session_now(s), err)
		       : mrq_authority_unrevoke(s->authority, kind, &id, err));
	struct mrq_audit_record r = { .event = revoke ? MRQ_AUDIT_REVOKE
						      : MRQ_AUDIT_UNREVOKE,
				      .granted = true };
	if (kind == MRQ_REVOKE_FILE)
		r.file_id = id;
	else
		r.content_id = id;
	return mrq_session_audit(s, caller, &r, err);
}

enum mrq_status
mrq_revoke(struct mrq_session *s, const struct mrq_caller *caller, const char *what,
	   bool only_file, struct mrq_error *err)
{
	return change_revocation(s, caller, what, only_file, true, err);
}

enum mrq_status
mrq_unrevoke(struct mrq_session *s, const struct mrq_caller *caller, const char *what,
	     bool only_file, struct mrq_error *err)
{
	return change_revocation(s, caller, what, only_file, false, err);
}

/* ---- licences in the cache ---- */

static bool
list_one(const char *principal, const uint8_t digest[static MRQ_SHA256_BYTES],
	 const void *value, size_t len, int64_t stored, int64_t never_after, void *arg)
{
	struct mrq_json_out *out = arg;
	struct mrq_use_licence use MRQ_CLEANUP(mrq_use_licence_wipe) = { .rights = 0 };
	char text[MRQ_TIME_TEXT], guid[MRQ_GUID_TEXT], hex[2 * MRQ_SHA256_BYTES + 1];
	char rights[MRQ_RIGHTS_TEXT];
	if (mrq_use_licence_decode(value, len, &use, NULL) != MRQ_OK)
		return true; /* sweep will take it */
	mrq_json_out_begin(out, NULL, '{');
	mrq_json_out_text(out, "principal", principal);
	mrq_hex_encode(digest, MRQ_SHA256_BYTES, hex);
	mrq_json_out_text(out, "licence", hex);
	mrq_guid_format(&use.content_id, guid);
	mrq_json_out_text(out, "content_id", guid);
	mrq_rights_format(use.rights, rights);
	mrq_json_out_text(out, "rights", rights);
	mrq_json_out_bool(out, "owner", use.owner);
	mrq_time_format(stored, text);
	mrq_json_out_text(out, "stored", text);
	mrq_time_format(never_after, text);
	mrq_json_out_text(out, "valid_until", text);
	mrq_json_out_end(out, '}');
	return true;
}

enum mrq_status
mrq_cache_list_json(struct mrq_session *s, char **ret, struct mrq_error *err)
{
	if (!s->cache)
		return mrq_fail(err, MRQ_E_DENIED,
				"reading the licence cache is for root");
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	mrq_json_out_begin(&out, NULL, '[');
	MRQ_TRY(mrq_cache_licence_each(s->cache, list_one, &out, err));
	mrq_json_out_end(&out, ']');
	return mrq_json_out_finish(&out, ret, err);
}

enum mrq_status
mrq_cache_forget(struct mrq_session *s, const char *mail, size_t *ret_n,
		 struct mrq_error *err)
{
	if (!s->cache)
		return mrq_fail(err, MRQ_E_DENIED,
				"clearing the licence cache is for root");
	mrq_licences_drop(s->licences, mail);
	return mrq_cache_licence_clear(s->cache, mail, ret_n, err);
}
