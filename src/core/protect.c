/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Changing label and protection.  The nine cells of what a new label does to present protection
 * are policy's (mrq_label_effect); here they are carried out: header only when the file stays
 * protected, into a new inode when its nature changes.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "authority/verify.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/guid.h"
#include "core/internal.h"

#define COPY_BYTES (1024u * 1024u)

static enum mrq_status
lookup_key(void *arg, const char *kid, struct mrq_public_key **ret,
	   struct mrq_error *err)
{
	struct mrq_session *s = arg;
	return mrq_authority_public_key(s->authority, kid, ret, err);
}

/** The file's publishing licence, its signature verified. */
static enum mrq_status
load_licence(struct mrq_file *file, struct mrq_licence **ret, struct mrq_error *err)
{
	size_t len = 0;
	void *pl MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(mrq_container_licence_copy(file->container, &pl, &len, NULL, err));
	return mrq_licence_verify(pl, len, lookup_key, file->session, ret, err);
}

/** One change under way: who, what stands, what is wanted. */
struct change {
	struct mrq_file *file;
	const struct mrq_caller *caller;
	const struct mrq_change_options *options;
	const char *path;
	struct mrq_policy_ref *policy;
	const struct mrq_label *from, *to;
	struct mrq_licence *licence; /* of a protected file */
	char mail[MRQ_MAIL_MAX + 1];
	struct mrq_access access; /* of a protected file */
};

static void
change_clear(struct change *c)
{
	mrq_policy_unref(c->policy);
	mrq_licence_free(c->licence);
	mrq_access_wipe(&c->access);
}
MRQ_DEFINE_CLEANUP_VALUE(change_clear, struct change)

static enum mrq_status
change_refused(const struct change *c, const struct mrq_error *why,
	       struct mrq_error *err)
{
	struct mrq_session *s = c->file->session;
	struct mrq_program_info program;
	mrq_refusals_note(s->refusals, c->caller->uid, c->path, why);
	if (err)
		*err = *why;
	if (c->options->what_if)
		return why->status;
	mrq_session_program(s, c->caller->pid, &program);
	struct mrq_audit_record r = {
		.event = MRQ_AUDIT_LABEL,
		.path = c->path,
		.label_before = c->from ? c->from->id : (struct mrq_guid){ { 0 } },
		.label_after = c->to ? c->to->id : (struct mrq_guid){ { 0 } },
		.request = mrq_request_name(MRQ_REQUEST_RELABEL),
		.status = why->status,
		.reason = why->msg,
	};
	enum mrq_status ignored = mrq_session_record(s, c->caller, c->mail, &program, r,
						     MRQ_AUDIT_KERNEL, NULL);
	(void)ignored;
	return why->status;
}

/** Policy, principal, present label and licence. */
static enum mrq_status
change_begin(struct change *c, struct mrq_error *err)
{
	struct mrq_session *s = c->file->session;
	c->policy = mrq_session_policy(s);
	if (!c->policy || s->keys != MRQ_SESSION_KEYS)
		return mrq_fail(err, MRQ_E_NO_KEY,
				"no authority to change the protection of '%s'",
				c->path);
	MRQ_TRY(mrq_session_principal(s, c->caller->uid, c->mail, err));
	enum mrq_file_kind kind = mrq_file_kind_get(c->file);
	if (kind == MRQ_FILE_DAMAGED)
		return mrq_fail(err, MRQ_E_DAMAGED, "the header of '%s' is damaged",
				c->path);
	if (kind != MRQ_FILE_PROTECTED)
		return MRQ_OK;
	MRQ_TRY(load_licence(c->file, &c->licence, err));
	c->from = mrq_label_find(c->policy->set->labels, c->policy->set->n_labels,
				 &c->licence->label_id);
	return MRQ_OK;
}

static enum mrq_status
find_label(struct change *c, const char *label, struct mrq_error *err)
{
	const struct mrq_policy_set *set = c->policy->set;
	if (!label)
		return MRQ_OK;
	struct mrq_guid id;
	c->to = mrq_guid_parse(label, &id)
			? mrq_label_find(set->labels, set->n_labels, &id)
			: mrq_label_find_text(set->labels, set->n_labels, label);
	if (!c->to)
		return mrq_fail(
			err, MRQ_E_NOT_FOUND,
			"there is no label '%.128s'; 'marque label list' shows them",
			label);
	if (c->to->has_children || !c->to->enabled)
		return mrq_fail(err, MRQ_E_POLICY, "label '%.128s' cannot be applied%s",
				c->to->name,
				c->to->has_children ? "; choose one of its sublabels"
						    : "");
	return MRQ_OK;
}

/** Mandatory labelling and justification of a downgrade. */
static enum mrq_status
check_change(const struct change *c, struct mrq_error *err)
{
	const struct mrq_policy_set *set = c->policy->set;
	enum mrq_change kind =
		mrq_label_change(set->labels, set->n_labels, c->from, c->to);
	bool lowers = kind == MRQ_CHANGE_LOWER || kind == MRQ_CHANGE_REMOVE;
	if (!c->to && set->mandatory)
		return mrq_fail(err, MRQ_E_POLICY,
				"'%s' must keep a label: labelling is mandatory",
				c->path);
	const char *text = c->options->justification;
	if (lowers && set->justify_downgrade && (!text || !*text))
		return mrq_fail(
			err, MRQ_E_POLICY,
			"lowering the label of '%s' needs a justification; give "
			"one with --justification",
			c->path);
	if (text && strlen(text) > MRQ_TEXT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"a justification has at most %d bytes", MRQ_TEXT_MAX);
	return MRQ_OK;
}

/** Is the file to have no protection afterwards? */
static bool
removes(const struct change *c)
{
	return !c->to || c->to->protection == MRQ_LABEL_REMOVES;
}

/** Nothing to do, which is no refusal; a mount tells it by the sentence. */
static enum mrq_status
not_protected(const struct change *c, struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	enum mrq_status st =
		mrq_fail(&why, MRQ_E_PLAIN, "'%s' is not protected", c->path);
	mrq_refusals_note(c->file->session->refusals, c->caller->uid, c->path, &why);
	if (err)
		*err = why;
	return st;
}

static enum mrq_protected_by
protected_by(const struct change *c)
{
	if (c->from && c->from->protection != MRQ_LABEL_USER_DEFINED)
		return MRQ_BY_LABEL;
	if (!mrq_guid_is_nil(&c->licence->template_id))
		return MRQ_BY_TEMPLATE;
	return MRQ_BY_USER_DEFINED;
}

/** Decide on the change itself, and unlock; what is granted is recorded with the change. */
static enum mrq_status
authorise(struct change *c, enum mrq_request request, enum mrq_audit_event event,
	  struct mrq_error *err)
{
	MRQ_TRY(mrq_access_ask(c->file, c->caller, request, event, c->path,
			       c->options->what_if ? MRQ_RECORD_NOTHING
						   : MRQ_RECORD_REFUSALS,
			       &c->access, err));
	return mrq_access_unlock(c->file, &c->access, c->caller, c->path, err);
}

/** The request that carries the present protection over. */
static void
keep_request(const struct change *c, struct mrq_publish_request *ret)
{
	const struct mrq_licence *l = c->licence;
	*ret = (struct mrq_publish_request){
		.label_id = l->label_id,
		.template_id = l->template_id,
		.owner = l->owner,
		.issuer = c->mail,
		.org = c->policy->set->org,
		.grants = l->grants,
		.n_grants = l->n_grants,
		.expires = l->expires,
		.offline_days = l->offline_days,
	};
}

static enum mrq_status
relabel_protected(struct change *c, struct mrq_error *err)
{
	if (removes(c))
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' loses its protection and must be rewritten",
				c->path);
	enum mrq_effect effect = mrq_label_effect(protected_by(c), c->to->protection);
	MRQ_TRY(authorise(
		c, effect == MRQ_EFFECT_KEEP ? MRQ_REQUEST_WRITE : MRQ_REQUEST_RELABEL,
		MRQ_AUDIT_LABEL, err));
	if (c->options->what_if)
		return MRQ_OK;
	struct mrq_grant grant;
	struct mrq_publish_request request;
	keep_request(c, &request);
	if (effect == MRQ_EFFECT_KEEP) {
		request.label_id = c->to->id;
	} else {
		request.grants = NULL;
		request.n_grants = 0;
		request.template_id = (struct mrq_guid){ { 0 } };
		mrq_label_request(c->policy->set, c->to, &grant, &request);
	}
	return mrq_file_relabel(c->file, c->caller, &c->access, MRQ_AUDIT_LABEL,
				&request, c->options->justification, c->path, err);
}

enum mrq_status
mrq_file_label_set(struct mrq_file *file, const struct mrq_caller *caller,
		   const char *label, const struct mrq_change_options *options,
		   const char *path, struct mrq_error *err)
{
	struct change c MRQ_CLEANUP(change_clear) = {
		.file = file, .caller = caller, .options = options, .path = path
	};
	struct mrq_error why = { 0 };
	enum mrq_status st = change_begin(&c, &why);
	if (st == MRQ_OK)
		st = find_label(&c, label, &why);
	if (st == MRQ_OK)
		st = check_change(&c, &why);
	if (st != MRQ_OK)
		return change_refused(&c, &why, err);
	if (mrq_file_kind_get(file) != MRQ_FILE_PROTECTED && removes(&c))
		return not_protected(&c, err);
	if (mrq_file_kind_get(file) != MRQ_FILE_PROTECTED)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' is plain and must be rewritten to be protected",
				path);
	if (options->new_key)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' must be rewritten to get a new key", path);
	return relabel_protected(&c, err);
}

/* ---- ad-hoc permissions ---- */

/** Grants of a permission list; freed by mrq_grants_clear. */
static enum mrq_status
make_grants(const struct mrq_permissions *p, struct mrq_grant **ret,
	    struct mrq_error *err)
{
	if (!p->n)
		return mrq_fail(err, MRQ_E_INVAL,
				"nobody is named who may use the file");
	if (p->n > MRQ_GRANTS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %d permissions",
				MRQ_GRANTS_MAX);
	struct mrq_grant *grants = calloc(p->n, sizeof(*grants));
	if (!grants)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for permissions");
	for (size_t i = 0; i < p->n; i++) {
		enum mrq_status st =
			mrq_principal_parse(p->items[i].who, &grants[i].who, err);
		if (st != MRQ_OK) {
			mrq_grants_clear(grants, p->n);
			return st;
		}
		grants[i].rights = p->items[i].rights;
	}
	*ret = grants;
	return MRQ_OK;
}

/** Owned grants, cleared by scope. */
struct grant_list {
	struct mrq_grant *items;
	size_t n;
};

static void
grant_list_clear(struct grant_list *l)
{
	if (l->items)
		mrq_grants_clear(l->items, l->n);
}
MRQ_DEFINE_CLEANUP_VALUE(grant_list_clear, struct grant_list)

static enum mrq_status
permission_request(const struct change *c, const struct mrq_permissions *p,
		   struct grant_list *grants, struct mrq_publish_request *ret,
		   struct mrq_error *err)
{
	const char *owner = p->owner     ? p->owner
			    : c->licence ? c->licence->owner
					 : c->mail;
	if (!mrq_mail_valid(owner))
		return mrq_fail(err, MRQ_E_INVAL, "owner '%.128s' is no mail address",
				owner);
	MRQ_TRY(make_grants(p, &grants->items, err));
	grants->n = p->n;
	*ret = (struct mrq_publish_request){
		.owner = owner,
		.issuer = c->mail,
		.org = c->policy->set->org,
		.grants = grants->items,
		.n_grants = p->n,
		.expires = p->expires ? p->expires : MRQ_NEVER,
		.offline_days = MRQ_OFFLINE_ALWAYS,
	};
	/* a label that leaves the choice to people stays; others give way to what people chose */
	if (c->to)
		ret->label_id = c->to->id;
	else if (c->from && c->from->protection == MRQ_LABEL_USER_DEFINED)
		ret->label_id = c->from->id;
	return MRQ_OK;
}

enum mrq_status
mrq_file_protect(struct mrq_file *file, const struct mrq_caller *caller,
		 const struct mrq_permissions *permissions,
		 const struct mrq_change_options *options, const char *path,
		 struct mrq_error *err)
{
	struct change c MRQ_CLEANUP(change_clear) = {
		.file = file, .caller = caller, .options = options, .path = path
	};
	struct mrq_error why = { 0 };
	if (change_begin(&c, &why) != MRQ_OK)
		return change_refused(&c, &why, err);
	if (mrq_file_kind_get(file) != MRQ_FILE_PROTECTED || options->new_key)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' must be rewritten to be protected so", path);
	struct grant_list grants MRQ_CLEANUP(grant_list_clear) = { .n = 0 };
	struct mrq_publish_request request;
	MRQ_TRY(permission_request(&c, permissions, &grants, &request, err));
	MRQ_TRY(authorise(&c, MRQ_REQUEST_RELABEL, MRQ_AUDIT_PROTECT, err));
	if (options->what_if)
		return MRQ_OK;
	return mrq_file_relabel(file, caller, &c.access, MRQ_AUDIT_PROTECT, &request,
				options->justification, path, err);
}

/* ---- conversion into a new inode ---- */

/** A buffer for plaintext under way: wiped when it goes. */
static enum mrq_status
copy_content(struct mrq_file *from, struct mrq_container *to, int to_fd,
	     struct mrq_error *err)
{
	struct mrq_facts facts;
	mrq_file_facts(from, &facts);
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	MRQ_TRY(mrq_secret_buf_init(&buf, COPY_BYTES, err));
	uint64_t off = 0;
	while (off < facts.size) {
		uint64_t data = 0;
		enum mrq_status st = mrq_file_seek(from, off, SEEK_DATA, &data, err);
		if (st == MRQ_E_NOT_FOUND)
			break; /* holes to the end */
		MRQ_TRY(st);
		off = data;
		size_t got = 0;
		MRQ_TRY(mrq_file_read(from, buf.data, COPY_BYTES, off, &got, err));
		if (!got)
			break;
		MRQ_TRY(to ? mrq_container_write(to, buf.data, got, off, err)
			   : mrq_pwrite_full(to_fd, buf.data, got, (off_t)off,
					     "the new file", err));
		off += got;
	}
	if (to)
		return mrq_container_resize(to, facts.size, err);
	if (mrq_ftruncate(to_fd, (off_t)facts.size) < 0 || mrq_fsync(to_fd) < 0)
		return mrq_fail_sys(err, "cannot finish the plain copy of '%s'",
				    from->what);
	return MRQ_OK;
}

/** One record of a file that is written anew: the change, and the decision that granted it. */
static enum mrq_status
record_conversion(const struct change *c, enum mrq_audit_event event,
		  const struct mrq_container_facts *after,
		  const struct mrq_publish_request *as, struct mrq_error *err)
{
	struct mrq_session *s = c->file->session;
	struct mrq_program_info program = c->access.program;
	struct mrq_audit_record r = { .event = event };
	if (c->access.decision.granted)
		mrq_access_describe(&c->access, &r);
	else
		mrq_session_program(s, c->caller->pid, &program);
	r.path = c->path;
	r.file_id = after->file_id;
	r.content_id = after->content_id;
	r.label_before = c->licence ? c->licence->label_id : r.label_before;
	r.label_after = after->label_id;
	r.template_id = as->template_id;
	r.owner = as->owner;
	r.issuer = as->issuer;
	r.granted = true;
	r.reason = c->options->justification;
	return mrq_session_record(s, c->caller, c->mail, &program, r, MRQ_AUDIT_KERNEL,
				  err);
}

static enum mrq_status
convert_protect(struct change *c, const struct mrq_publish_request *request, int new_fd,
		struct mrq_error *err)
{
	struct mrq_session *s = c->file->session;
	struct mrq_published pub MRQ_CLEANUP(mrq_published_clear) = { .licence = NULL };
	MRQ_TRY(mrq_session_publish(s, request, &pub, err));
	struct mrq_container_protection p = mrq_published_protection(&pub);
	struct mrq_container *to MRQ_CLEANUP(mrq_container_free) = NULL;
	MRQ_TRY(mrq_container_create(new_fd, &p, s->settings.block_size,
				     mrq_session_now(s), c->path, &to, err));
	MRQ_TRY(copy_content(c->file, to, -1, err));
	MRQ_TRY(mrq_container_commit(to, MRQ_COMMIT_DURABLE, err));
	MRQ_TRY(mrq_container_settle(to, MRQ_SETTLE_SYNC, err));
	struct mrq_container_facts facts;
	mrq_container_facts_get(to, &facts);
	mrq_sequences_note(s->sequences, &facts.file_id, facts.sequence, facts.durable);
	return record_conversion(c, MRQ_AUDIT_PROTECT, &facts, request, err);
}

static enum mrq_status
convert_unprotect(struct change *c, int new_fd, struct mrq_error *err)
{
	if (mrq_file_kind_get(c->file) != MRQ_FILE_PROTECTED)
		return mrq_fail(err, MRQ_E_PLAIN, "'%s' is not protected", c->path);
	MRQ_TRY(authorise(c, MRQ_REQUEST_RELABEL, MRQ_AUDIT_UNPROTECT, err));
	if (c->options->what_if)
		return MRQ_OK;
	struct mrq_container_facts facts;
	mrq_container_facts_get(c->file->container, &facts);
	facts.label_id = (struct mrq_guid){ { 0 } };
	/* before, not after: from here on there is plaintext */
	struct mrq_publish_request was;
	keep_request(c, &was);
	was.issuer = c->licence->issuer;
	MRQ_TRY(record_conversion(c, MRQ_AUDIT_UNPROTECT, &facts, &was, err));
	return copy_content(c->file, NULL, new_fd, err);
}

/** Protect by a label that takes protection away. */
static enum mrq_status
protects_nothing(const struct change *c, struct mrq_error *err)
{
	if (mrq_file_kind_get(c->file) != MRQ_FILE_PROTECTED)
		return not_protected(c, err);
	return mrq_fail(err, MRQ_E_INVAL,
			"label '%s' takes protection away: '%s' gets no new key "
			"with it; set the label alone",
			c->to->name, c->path);
}

/** What a plain or re-keyed file is to be published as. */
static enum mrq_status
protect_request(struct change *c, const struct mrq_permissions *permissions,
		struct grant_list *grants, struct mrq_grant *grant,
		struct mrq_publish_request *ret, struct mrq_error *err)
{
	if (permissions)
		return permission_request(c, permissions, grants, ret, err);
	if (!c->to && c->licence) {
		keep_request(c, ret);
		return MRQ_OK;
	}
	if (!c->to)
		return mrq_fail(err, MRQ_E_INVAL,
				"neither a label nor permissions for '%s'", c->path);
	*ret = (struct mrq_publish_request){ .owner = c->licence ? c->licence->owner
								 : c->mail,
					     .issuer = c->mail };
	mrq_label_request(c->policy->set, c->to, grant, ret);
	return MRQ_OK;
}

enum mrq_status
mrq_file_convert(struct mrq_file *file, const struct mrq_caller *caller,
		 enum mrq_convert direction, const char *label,
		 const struct mrq_permissions *permissions,
		 const struct mrq_change_options *options, const char *path, int new_fd,
		 struct mrq_error *err)
{
	struct change c MRQ_CLEANUP(change_clear) = {
		.file = file, .caller = caller, .options = options, .path = path
	};
	struct mrq_error why = { 0 };
	enum mrq_status st = change_begin(&c, &why);
	if (st == MRQ_OK)
		st = find_label(&c, label, &why);
	if (st == MRQ_OK && (direction == MRQ_CONVERT_UNPROTECT || c.to))
		st = check_change(&c, &why);
	if (st != MRQ_OK)
		return change_refused(&c, &why, err);
	if (direction == MRQ_CONVERT_UNPROTECT)
		return convert_unprotect(&c, new_fd, err);
	if (c.to && removes(&c))
		return protects_nothing(&c, err);
	if (mrq_file_kind_get(file) == MRQ_FILE_PROTECTED)
		MRQ_TRY(authorise(&c, MRQ_REQUEST_RELABEL, MRQ_AUDIT_PROTECT, err));
	struct grant_list grants MRQ_CLEANUP(grant_list_clear) = { .n = 0 };
	struct mrq_grant grant;
	struct mrq_publish_request request;
	MRQ_TRY(protect_request(&c, permissions, &grants, &grant, &request, err));
	return options->what_if ? MRQ_OK : convert_protect(&c, &request, new_fd, err);
}

enum mrq_status
mrq_file_rewrap(struct mrq_file *file, const struct mrq_caller *caller,
		const char *path, struct mrq_error *err)
{
	const struct mrq_change_options none = { .justification = NULL };
	struct change c MRQ_CLEANUP(change_clear) = {
		.file = file, .caller = caller, .options = &none, .path = path
	};
	if (mrq_file_kind_get(file) != MRQ_FILE_PROTECTED)
		return mrq_fail(err, MRQ_E_PLAIN, "'%s' is not protected", path);
	MRQ_TRY(change_begin(&c, err));
	/* root administers the organisation's keys; anybody else needs the right to change */
	if (caller->uid == 0) {
		MRQ_TRY(mrq_access_decide(file, caller, NULL, MRQ_REQUEST_RELABEL, path,
					  &c.access, NULL, err));
		if (!c.access.use.has_key)
			MRQ_TRY(mrq_session_admin_use(file, &c.access.use, err));
		MRQ_TRY(mrq_access_unlock(file, &c.access, caller, path, err));
	} else {
		MRQ_TRY(authorise(&c, MRQ_REQUEST_RELABEL, MRQ_AUDIT_REWRAP, err));
	}
	struct mrq_publish_request request;
	keep_request(&c, &request);
	request.issuer = c.licence->issuer;
	request.content_id = c.licence->content_id;
	return mrq_file_relabel(file, caller, &c.access, MRQ_AUDIT_REWRAP, &request,
				NULL, path, err);
}

/* ---- rename onto ---- */

static int
rank_of_file(const struct mrq_policy_set *set, struct mrq_file *file)
{
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	const struct mrq_label *l =
		mrq_label_find(set->labels, set->n_labels, &facts.label_id);
	return l ? mrq_label_rank(set->labels, set->n_labels, l) : -1;
}

/** Make a container of an empty file, unless somebody else was first. */
static enum mrq_status
make_under(struct mrq_file *moved, const struct mrq_container_protection *p,
	   struct mrq_error *err)
{
	struct mrq_session *s = moved->session;
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &moved->lock;
	pthread_mutex_lock(held);
	if (mrq_file_kind_get(moved) != MRQ_FILE_EMPTY || moved->frozen)
		return mrq_fail(err, MRQ_E_BUSY, "'%s' was opened meanwhile; try again",
				moved->what);
	MRQ_TRY(mrq_container_create(moved->fd, p, s->settings.block_size,
				     mrq_session_now(s), moved->what, &moved->container,
				     err));
	atomic_store_explicit(&moved->kind, MRQ_FILE_PROTECTED, memory_order_release);
	return mrq_container_commit(moved->container, MRQ_COMMIT_KERNEL, err);
}

/** Put moved under the very licence of target. */
static enum mrq_status
adopt(struct mrq_file *moved, struct mrq_file *target,
      const struct mrq_content_key *key, struct mrq_error *err)
{
	struct mrq_container_facts f;
	size_t len = 0;
	void *pl MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(mrq_container_licence_copy(target->container, &pl, &len, &f, err));
	struct mrq_container_protection p = {
		.content_id = f.content_id,
		.label_id = f.label_id,
		.owner = f.owner,
		.licence_type = f.licence_type,
		.licence = pl,
		.licence_len = (uint32_t)len,
		.content_key = key,
	};
	atomic_store(&moved->fresh, false);
	if (mrq_file_kind_get(moved) == MRQ_FILE_PROTECTED)
		return mrq_container_protect(moved->container, &p, err);
	return make_under(moved, &p, err);
}

enum mrq_status
mrq_file_succeed(struct mrq_file *moved, struct mrq_file *target,
		 const struct mrq_caller *caller, const char *path,
		 struct mrq_error *err)
{
	if (mrq_file_kind_get(target) != MRQ_FILE_PROTECTED)
		return mrq_file_check(target, caller, MRQ_REQUEST_REPLACE, path, err);
	struct mrq_access to MRQ_CLEANUP(mrq_access_wipe) = { .cached = false };
	MRQ_TRY(mrq_access_check(target, caller, MRQ_REQUEST_REPLACE, MRQ_AUDIT_RENAME,
				 path, &to, err));
	enum mrq_file_kind kind = mrq_file_kind_get(moved);
	if (kind == MRQ_FILE_PLAIN)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"a plain file replaces the protected '%s'", path);
	if (kind == MRQ_FILE_DAMAGED || !to.use.has_key)
		return MRQ_OK; /* keeps what protection it has */
	if (kind == MRQ_FILE_EMPTY)
		return adopt(moved, target, &to.use.key, err);
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(moved->session);
	if (rank_of_file(policy->set, moved) > rank_of_file(policy->set, target))
		return MRQ_OK;
	struct mrq_access from MRQ_CLEANUP(mrq_access_wipe) = { .cached = false };
	MRQ_TRY(mrq_access_decide(moved, caller, &to.program, MRQ_REQUEST_RELABEL, path,
				  &from, NULL, err));
	if (!from.decision.granted)
		return MRQ_OK;
	MRQ_TRY(mrq_access_unlock(moved, &from, caller, path, err));
	return adopt(moved, target, &to.use.key, err);
}
