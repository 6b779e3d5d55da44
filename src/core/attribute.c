/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Virtual attributes of a file and its status, marquefs(8) "Extended attributes". */
#include <stdio.h>
#include <string.h>

#include "authority/verify.h"
#include "base/clock.h"
#include "base/guid.h"
#include "base/json-doc.h"
#include "core/internal.h"
#include "core/status.h"

static enum mrq_status
lookup_key(void *arg, const char *kid, struct mrq_public_key **ret,
	   struct mrq_error *err)
{
	struct mrq_session *s = arg;
	return mrq_authority_public_key(s->authority, kid, ret, err);
}

/** Name of a label by the policy in force; its id as text when it is not in there. */
static void
label_name(struct mrq_session *s, const struct mrq_guid *id, char *ret, size_t len)
{
	char guid[MRQ_GUID_TEXT];
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	const struct mrq_label *l =
		policy ? mrq_label_find(policy->set->labels, policy->set->n_labels, id)
		       : NULL;
	mrq_guid_format(id, guid);
	(void)snprintf(ret, len, "%s", l ? l->name : guid);
}

/** Licence of a container: verified when keys are known, else only read. */
static enum mrq_status
licence_of(struct mrq_session *s, struct mrq_container *c, bool *ret_verified,
	   struct mrq_licence **ret, struct mrq_error *err)
{
	size_t len = 0;
	void *pl MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(mrq_container_licence_copy(c, &pl, &len, NULL, err));
	*ret_verified = s->authority != NULL;
	if (s->authority)
		return mrq_licence_verify(pl, len, lookup_key, s, ret, err);
	char *json MRQ_CLEANUP(free) = NULL;
	size_t json_len = 0;
	MRQ_TRY(mrq_jws_peek(pl, len, "marque-pl+jws", NULL, &json, &json_len, err));
	return mrq_licence_decode(json, json_len, ret, err);
}

static void
write_protection(struct mrq_session *s, const struct mrq_licence *l, bool verified,
		 struct mrq_json_out *out)
{
	char text[MRQ_TIME_TEXT], guid[MRQ_GUID_TEXT];
	mrq_json_out_text(out, "issuer", l->issuer);
	mrq_time_format(l->expires, text);
	mrq_json_out_text(out, "expires", text);
	mrq_time_format(l->created, text);
	mrq_json_out_text(out, "published", text);
	mrq_json_out_bool(out, "signature_verified", verified);
	if (mrq_guid_is_nil(&l->template_id)) {
		mrq_json_out_text(out, "template", "Restricted Access");
		return;
	}
	mrq_guid_format(&l->template_id, guid);
	mrq_json_out_text(out, "template_id", guid);
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	for (size_t i = 0; policy && i < policy->set->n_templates; i++)
		if (mrq_guid_equal(&policy->set->templates[i].id, &l->template_id))
			mrq_json_out_text(out, "template",
					  policy->set->templates[i].name);
}

static void
write_container(struct mrq_session *s, struct mrq_container *c,
		struct mrq_json_out *out)
{
	struct mrq_container_facts f;
	char guid[MRQ_GUID_TEXT], name[MRQ_NAME_MAX + 1];
	mrq_container_facts_get(c, &f);
	mrq_json_out_bool(out, "protected", true);
	mrq_json_out_text(out, "format", "marque");
	mrq_json_out_integer(out, "size", (int64_t)f.size);
	if (!mrq_guid_is_nil(&f.label_id)) {
		label_name(s, &f.label_id, name, sizeof(name));
		mrq_json_out_text(out, "label", name);
		mrq_guid_format(&f.label_id, guid);
		mrq_json_out_text(out, "label_id", guid);
	}
	mrq_json_out_text(out, "owner", f.owner);
	mrq_guid_format(&f.content_id, guid);
	mrq_json_out_text(out, "content_id", guid);
	mrq_guid_format(&f.file_id, guid);
	mrq_json_out_text(out, "file_id", guid);
	mrq_json_out_integer(out, "sequence", (int64_t)f.sequence);
	struct mrq_licence *l MRQ_CLEANUP(mrq_licence_free) = NULL;
	bool verified = false;
	struct mrq_error err = { 0 };
	if (licence_of(s, c, &verified, &l, &err) == MRQ_OK)
		write_protection(s, l, verified, out);
	else
		mrq_json_out_text(out, "licence_error", err.msg);
}

void
mrq_status_write(struct mrq_session *s, struct mrq_container *c,
		 struct mrq_json_out *out)
{
	if (c)
		write_container(s, c, out);
	else
		mrq_json_out_bool(out, "protected", false);
}

/** The caller's rights, as decided for reading; none when the authority refuses. */
static enum mrq_status
rights_of(struct mrq_file *file, const struct mrq_caller *caller, const char *path,
	  mrq_rights *ret, struct mrq_error *err)
{
	struct mrq_access a MRQ_CLEANUP(mrq_access_wipe) = { .cached = false };
	MRQ_TRY(mrq_access_decide(file, caller, NULL, MRQ_REQUEST_READ, path, &a, NULL,
				  err));
	bool all = a.input.owner || a.input.issuer || a.input.super_user;
	*ret = all ? MRQ_RIGHTS_ALL : a.input.rights;
	if (!all && a.input.state != MRQ_STATE_VALID)
		*ret = 0;
	return MRQ_OK;
}

static enum mrq_status
text_copy(const char *text, char **ret, struct mrq_error *err)
{
	*ret = strdup(text);
	return *ret ? MRQ_OK : mrq_fail(err, MRQ_E_NOMEM, "no memory for an attribute");
}

static enum mrq_status
attribute_label(struct mrq_file *file, const struct mrq_container_facts *f, char **ret,
		struct mrq_error *err)
{
	char name[MRQ_NAME_MAX + 1];
	if (mrq_guid_is_nil(&f->label_id))
		return mrq_fail(err, MRQ_E_NOT_FOUND, "'%s' has no label", file->what);
	label_name(file->session, &f->label_id, name, sizeof(name));
	return text_copy(name, ret, err);
}

static enum mrq_status
attribute_rights(struct mrq_file *file, const struct mrq_caller *caller,
		 const char *path, char **ret, struct mrq_error *err)
{
	mrq_rights rights = 0;
	char text[MRQ_RIGHTS_TEXT];
	MRQ_TRY(rights_of(file, caller, path, &rights, err));
	mrq_rights_format(rights, text);
	return text_copy(text, ret, err);
}

/** Grants are shown to those who may see the rights of others. */
static void
write_grants(struct mrq_file *file, const struct mrq_caller *caller, const char *path,
	     struct mrq_json_out *out)
{
	struct mrq_session *s = file->session;
	struct mrq_access a MRQ_CLEANUP(mrq_access_wipe) = { .cached = false };
	if (mrq_access_decide(file, caller, NULL, MRQ_REQUEST_LIST_RIGHTS, path, &a,
			      NULL, NULL) != MRQ_OK ||
	    !a.decision.granted)
		return;
	bool verified = false;
	struct mrq_licence *l MRQ_CLEANUP(mrq_licence_free) = NULL;
	if (licence_of(s, file->container, &verified, &l, NULL) != MRQ_OK)
		return;
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	const struct mrq_grant *grants = l->grants;
	size_t n = l->n_grants;
	for (size_t i = 0; policy && i < policy->set->n_templates; i++) {
		if (mrq_guid_equal(&policy->set->templates[i].id, &l->template_id)) {
			grants = policy->set->templates[i].grants;
			n = policy->set->templates[i].n_grants;
		}
	}
	mrq_json_out_begin(out, "grants", '[');
	for (size_t i = 0; i < n; i++) {
		char who[MRQ_PRINCIPAL_MAX + 1], rights[MRQ_RIGHTS_TEXT];
		mrq_principal_format(&grants[i].who, who);
		mrq_rights_format(grants[i].rights, rights);
		mrq_json_out_begin(out, NULL, '{');
		mrq_json_out_text(out, "who", who);
		mrq_json_out_text(out, "rights", rights);
		mrq_json_out_end(out, '}');
	}
	mrq_json_out_end(out, ']');
}

static enum mrq_status
attribute_status(struct mrq_file *file, const struct mrq_caller *caller,
		 const char *path, char **ret, struct mrq_error *err)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "path", path);
	mrq_status_write(file->session, file->container, &out);
	mrq_rights rights = 0;
	if (rights_of(file, caller, path, &rights, NULL) == MRQ_OK) {
		char text[MRQ_RIGHTS_TEXT];
		mrq_rights_format(rights, text);
		mrq_json_out_text(&out, "rights", text);
		write_grants(file, caller, path, &out);
	}
	mrq_json_out_end(&out, '}');
	return mrq_json_out_finish(&out, ret, err);
}

enum mrq_status
mrq_file_attribute(struct mrq_file *file, const struct mrq_caller *caller,
		   const char *name, const char *path, char **ret,
		   struct mrq_error *err)
{
	if (mrq_file_kind_get(file) != MRQ_FILE_PROTECTED)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "'%s' is not protected", path);
	struct mrq_container_facts f;
	mrq_container_facts_get(file->container, &f);
	if (!strcmp(name, "label"))
		return attribute_label(file, &f, ret, err);
	if (!strcmp(name, "rights"))
		return attribute_rights(file, caller, path, ret, err);
	if (!strcmp(name, "owner"))
		return text_copy(f.owner, ret, err);
	if (!strcmp(name, "content-id")) {
		char guid[MRQ_GUID_TEXT];
		mrq_guid_format(&f.content_id, guid);
		return text_copy(guid, ret, err);
	}
	if (!strcmp(name, "status"))
		return attribute_status(file, caller, path, ret, err);
	return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no attribute user.marque.%s",
			name);
}
