/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Access: from a caller and a file to a decision.  Facts are gathered in this order: principal,
 * program, use licence (memory, cache, provider), state (revocation, expiry, clock); then
 * mrq_policy_decide alone decides, and the outcome is audited before anybody acts on it.
 */
#include <stdio.h>
#include <string.h>

#include "authority/verify.h"
#include "base/clock.h"
#include "base/guid.h"
#include "core/internal.h"

#define ASK_NS 30000000000ll
#define CLOCK_SLACK                                                                    \
	300 /* seconds that the clock may go back before offline use stops */

void
mrq_access_wipe(struct mrq_access *access)
{
	mrq_use_licence_wipe(&access->use);
}

/** Licence from the cache on disk; false when there is none to use. */
static bool
from_cache(struct mrq_session *s, const char *mail, const uint8_t *digest,
	   const struct mrq_licences_of *of, struct mrq_use_licence *ret)
{
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	if (!s->cache ||
	    mrq_cache_licence_get(s->cache, mail, digest, of->now, &buf, NULL) !=
		    MRQ_OK ||
	    mrq_use_licence_decode(buf.data, buf.len, ret, NULL) != MRQ_OK)
		return false;
	return mrq_licences_fits(ret, of);
}

static void
keep(struct mrq_session *s, const char *mail, const uint8_t *digest,
     const struct mrq_use_licence *use, int64_t now)
{
	mrq_licences_put(s->licences, mail, digest, use);
	if (!s->cache || use->never_store || use->valid_until <= now || !use->has_key)
		return;
	uint8_t encoded[MRQ_USE_LICENCE_BYTES];
	size_t len = mrq_use_licence_encode(use, encoded);
	/* a cache that cannot take it costs the next session one question, no more */
	enum mrq_status ignored = mrq_cache_licence_put(
		s->cache, mail, digest, encoded, len, use->valid_until, now, NULL);
	(void)ignored;
	mrq_wipe(encoded, sizeof(encoded));
}

static enum mrq_status
ask_provider(struct mrq_session *s, const void *pl, size_t len,
	     const struct mrq_identity *who, int64_t now, struct mrq_use_licence *ret,
	     struct mrq_error *err)
{
	atomic_fetch_add(&s->counters.used, 1);
	return s->provider->ops->use(s->provider, pl, len, who, now,
				     mrq_clock_monotonic_ns() + ASK_NS, ret, err);
}

/** The authority has verified the licence just now: here it is only read. */
static void
record_fetched(struct mrq_session *s, const void *pl, size_t len, const char *owner,
	       const char *mail, const struct mrq_use_licence *use)
{
	struct mrq_licence *l MRQ_CLEANUP(mrq_licence_free) = NULL;
	char *json MRQ_CLEANUP(free) = NULL;
	size_t json_len = 0;
	struct mrq_audit_record r = {
		.event = MRQ_AUDIT_LICENCE,
		.content_id = use->content_id,
		.label_after = use->label_id,
		.template_id = use->template_id,
		.owner = owner,
	};
	if (mrq_jws_peek(pl, len, MRQ_LICENCE_TYP, NULL, &json, &json_len, NULL) ==
		    MRQ_OK &&
	    mrq_licence_decode(json, json_len, &l, NULL) == MRQ_OK) {
		r.issuer = l->issuer;
		r.published = l->created;
	}
	mrq_session_record_licence(s, mail, r);
}

static enum mrq_status
find_use(struct mrq_file *file, const struct mrq_identity_ref *id, uint64_t epoch,
	 int64_t now, struct mrq_access *ret, struct mrq_error *err)
{
	struct mrq_session *s = file->session;
	const struct mrq_identity *who = mrq_identity_get(id);
	const struct mrq_licences_of of = { epoch, mrq_identity_digest(id), now };
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	ret->cached = true;
	if (mrq_licences_get(s->licences, who->mail, facts.licence_digest, &of,
			     &ret->use)) {
		atomic_fetch_add(&s->counters.memory_hits, 1);
		return MRQ_OK;
	}
	if (from_cache(s, who->mail, facts.licence_digest, &of, &ret->use)) {
		atomic_fetch_add(&s->counters.cache_hits, 1);
		mrq_licences_put(s->licences, who->mail, facts.licence_digest,
				 &ret->use);
		return MRQ_OK;
	}
	ret->cached = false;
	mrq_use_licence_wipe(&ret->use);
	/* Somebody may relabel meanwhile: the digest is that of the licence that is asked for. */
	size_t len = 0;
	void *pl MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(mrq_container_licence_copy(file->container, &pl, &len, &facts, err));
	MRQ_TRY(ask_provider(s, pl, len, who, now, &ret->use, err));
	memcpy(ret->use.identity, of.identity, sizeof(ret->use.identity));
	keep(s, who->mail, facts.licence_digest, &ret->use, now);
	record_fetched(s, pl, len, facts.owner, who->mail, &ret->use);
	return MRQ_OK;
}

/** Raise the highest clock seen; true when now lies too far behind it. */
static bool
clock_back(struct mrq_session *s, int64_t now)
{
	int64_t highest = __atomic_load_n(&s->highest_clock, __ATOMIC_RELAXED);
	if (now > highest)
		__atomic_store_n(&s->highest_clock, now, __ATOMIC_RELAXED);
	return now + CLOCK_SLACK < highest;
}

static enum mrq_licence_state
state_of(struct mrq_file *file, const struct mrq_policy_ref *policy,
	 const struct mrq_use_licence *use, int64_t now)
{
	const struct mrq_revocations *r = policy->revoked;
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	if (r && (mrq_revocation_listed(r->contents, r->n_contents, &use->content_id) ||
		  mrq_revocation_listed(r->files, r->n_files, &facts.file_id)))
		return MRQ_STATE_REVOKED;
	if (now >= use->expires)
		return MRQ_STATE_EXPIRED;
	if (clock_back(file->session, now))
		return MRQ_STATE_CLOCK_BACK;
	if (!use->rights)
		return MRQ_STATE_NO_GRANT;
	return MRQ_STATE_VALID;
}

/** The state that a refusal of the provider stands for; false when it is a failure instead. */
static bool
state_of_refusal(enum mrq_status status, enum mrq_licence_state *ret)
{
	if (status == MRQ_E_REVOKED)
		*ret = MRQ_STATE_REVOKED;
	else if (status == MRQ_E_EXPIRED)
		*ret = MRQ_STATE_EXPIRED;
	else if (status == MRQ_E_NO_KEY)
		*ret = MRQ_STATE_UNREACHABLE;
	else if (status == MRQ_E_DENIED)
		*ret = MRQ_STATE_NO_GRANT;
	else
		return false;
	return true;
}

static enum mrq_status
gather(struct mrq_file *file, const struct mrq_identity_ref *id,
       const struct mrq_policy_ref *policy, struct mrq_access *ret,
       struct mrq_error *err)
{
	int64_t now = mrq_session_now(file->session);
	struct mrq_error ask = { 0 };
	enum mrq_status st = find_use(file, id, policy->set->epoch, now, ret, &ask);
	if (st == MRQ_OK) {
		ret->input.state = state_of(file, policy, &ret->use, now);
		ret->input.rights = ret->use.rights;
		ret->input.owner = ret->use.owner;
		ret->input.issuer = ret->use.issuer;
		ret->input.super_user = ret->use.super_user;
		ret->input.programs = ret->use.programs;
		return MRQ_OK;
	}
	if (state_of_refusal(st, &ret->input.state))
		return MRQ_OK;
	if (err)
		*err = ask;
	return st;
}

enum mrq_status
mrq_access_decide(struct mrq_file *file, const struct mrq_caller *caller,
		  const struct mrq_program_info *program, enum mrq_request request,
		  const char *path, struct mrq_access *ret, struct mrq_error *why,
		  struct mrq_error *err)
{
	struct mrq_session *s = file->session;
	*ret = (struct mrq_access){ .decision = MRQ_DENY,
				    .input = { .request = request,
					       .state = MRQ_STATE_NO_GRANT } };
	if (program)
		ret->program = *program;
	else
		mrq_session_program(s, caller->pid, &ret->program);
	ret->input.program = ret->program.kind;
	if (!s->provider)
		return mrq_fail(err, MRQ_E_NO_KEY,
				"'%s' is protected and there is no authority to ask",
				path);
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	struct mrq_identity_ref *id MRQ_CLEANUP(mrq_identity_unref) = NULL;
	pthread_rwlock_rdlock(&s->config_lock);
	enum mrq_status st =
		mrq_identities_find(s->identities, s->config, s->org, s->provider,
				    caller->uid, mrq_session_now(s), &id, err);
	pthread_rwlock_unlock(&s->config_lock);
	MRQ_TRY(st);
	const struct mrq_identity *who = mrq_identity_get(id);
	(void)snprintf(ret->mail, sizeof(ret->mail), "%s", who->mail);
	MRQ_TRY(gather(file, id, policy, ret, err));
	ret->decision = mrq_policy_decide(&ret->input);
	if (!ret->decision.granted) {
		char text[400];
		char object[300];
		struct mrq_container_facts facts;
		mrq_container_facts_get(file->container, &facts);
		(void)snprintf(object, sizeof(object), "'%.200s' of %.80s", path,
			       facts.owner);
		mrq_decision_explain(&ret->input, &ret->decision, object, text,
				     sizeof(text));
		enum mrq_status ignored =
			mrq_fail(why, ret->decision.status, "%s", text);
		(void)ignored;
		atomic_fetch_add(&s->counters.denied, 1);
	}
	return MRQ_OK;
}

void
mrq_access_describe(const struct mrq_access *a, struct mrq_audit_record *ret)
{
	const struct mrq_decision *d = &a->decision;
	ret->request = mrq_request_name(a->input.request);
	ret->used = d->used;
	ret->ground = d->granted ? mrq_ground_name(d->ground) : NULL;
	ret->cached = a->cached;
	ret->super_user = d->granted && d->ground == MRQ_GROUND_SUPER_USER;
	ret->granted = d->granted;
	ret->status = d->status;
}

static enum mrq_status
audit_decision(struct mrq_file *file, const struct mrq_caller *caller,
	       enum mrq_audit_event event, const char *path, const struct mrq_access *a,
	       const struct mrq_error *why, struct mrq_error *err)
{
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	const struct mrq_decision *d = &a->decision;
	struct mrq_audit_record r = {
		.event = event,
		.path = path,
		.file_id = facts.file_id,
		.content_id = facts.content_id,
		.label_before = facts.label_id,
		.template_id = a->use.template_id,
		.owner = facts.owner,
		.reason = d->granted ? NULL : why->msg,
	};
	mrq_access_describe(a, &r);
	enum mrq_status st = mrq_session_record(
		file->session, caller, a->mail, &a->program, r,
		d->granted && d->audit_first ? MRQ_AUDIT_DURABLE : MRQ_AUDIT_KERNEL,
		err);
	if (st != MRQ_OK && d->granted && d->audit_first)
		return mrq_while(err, MRQ_E_AUDIT, "opening '%s' by audited extraction",
				 path);
	return MRQ_OK; /* the log counts what it lost and says so in a gap record */
}

/** A failure before any decision is a refusal as well: remember it, and say it in the log. */
static enum mrq_status
refuse(struct mrq_file *file, const struct mrq_caller *caller,
       enum mrq_audit_event event, enum mrq_request request, const char *path,
       const struct mrq_access *a, const struct mrq_error *why, struct mrq_error *err)
{
	mrq_refusals_note(file->session->refusals, caller->uid, path, why);
	struct mrq_container_facts facts;
	mrq_container_facts_get(file->container, &facts);
	struct mrq_audit_record r = {
		.event = event,
		.path = path,
		.file_id = facts.file_id,
		.content_id = facts.content_id,
		.label_before = facts.label_id,
		.owner = facts.owner,
		.request = mrq_request_name(request),
		.status = why->status,
		.reason = why->msg,
	};
	enum mrq_status ignored = mrq_session_record(
		file->session, caller, a->mail, &a->program, r, MRQ_AUDIT_KERNEL, NULL);
	(void)ignored;
	if (err)
		*err = *why;
	return why->status;
}

static enum mrq_status
refuse_quietly(struct mrq_session *s, const struct mrq_caller *caller, const char *path,
	       const struct mrq_error *why, struct mrq_error *err)
{
	mrq_refusals_note(s->refusals, caller->uid, path, why);
	if (err)
		*err = *why;
	return why->status;
}

enum mrq_status
mrq_access_ask(struct mrq_file *file, const struct mrq_caller *caller,
	       enum mrq_request request, enum mrq_audit_event event, const char *path,
	       enum mrq_record record, struct mrq_access *ret, struct mrq_error *err)
{
	struct mrq_session *s = file->session;
	struct mrq_error why = { 0 };
	enum mrq_status st =
		mrq_access_decide(file, caller, NULL, request, path, ret, &why, &why);
	if (st != MRQ_OK)
		return record == MRQ_RECORD_NOTHING
			       ? refuse_quietly(s, caller, path, &why, err)
			       : refuse(file, caller, event, request, path, ret, &why,
					err);
	/* a request that is decided, unlike a handle that is looked at again */
	atomic_fetch_add(&s->counters.decisions, 1);
	if (record == MRQ_RECORD_ALL ||
	    (record == MRQ_RECORD_REFUSALS && !ret->decision.granted)) {
		struct mrq_error lost = { 0 };
		st = audit_decision(file, caller, event, path, ret, &why, &lost);
		if (st != MRQ_OK) {
			ret->decision = MRQ_DENY;
			return refuse_quietly(s, caller, path, &lost, err);
		}
	}
	if (ret->decision.granted)
		return MRQ_OK;
	return refuse_quietly(s, caller, path, &why, err);
}

enum mrq_status
mrq_access_check(struct mrq_file *file, const struct mrq_caller *caller,
		 enum mrq_request request, enum mrq_audit_event event, const char *path,
		 struct mrq_access *ret, struct mrq_error *err)
{
	return mrq_access_ask(file, caller, request, event, path, MRQ_RECORD_ALL, ret,
			      err);
}

void
mrq_file_report(struct mrq_file *file, const struct mrq_caller *caller,
		enum mrq_status status, const char *path, const struct mrq_error *why)
{
	if (status != MRQ_E_DAMAGED && status != MRQ_E_ROLLBACK &&
	    status != MRQ_E_FORGED && status != MRQ_E_FORMAT &&
	    status != MRQ_E_VERSION && status != MRQ_E_LIMIT)
		return;
	struct mrq_session *s = file->session;
	struct mrq_audit_record r = {
		.event = status == MRQ_E_ROLLBACK ? MRQ_AUDIT_ROLLBACK
						  : MRQ_AUDIT_DAMAGE,
		.path = path,
		.status = status,
		.reason = why->msg,
	};
	if (file->container) {
		struct mrq_container_facts facts;
		mrq_container_facts_get(file->container, &facts);
		r.file_id = facts.file_id;
		r.content_id = facts.content_id;
	}
	mrq_refusals_note(s->refusals, caller->uid, path, why);
	struct mrq_program_info program = { .login_uid = (uid_t)-1 };
	if (caller->pid)
		mrq_session_program(s, caller->pid, &program);
	enum mrq_status ignored = mrq_session_record(s, caller, NULL, &program, r,
						     MRQ_AUDIT_KERNEL, NULL);
	(void)ignored;
}

enum mrq_status
mrq_access_unlock(struct mrq_file *file, const struct mrq_access *a,
		  const struct mrq_caller *caller, const char *path,
		  struct mrq_error *err)
{
	struct mrq_container *c = file->container;
	struct mrq_error why = { 0 };
	enum mrq_status st = MRQ_OK;
	if (!mrq_container_unlocked(c)) {
		struct mrq_container_facts f;
		mrq_container_facts_get(c, &f);
		if (!a->use.has_key)
			return mrq_fail(err, MRQ_E_NO_KEY, "no key for '%s'", path);
		if (!mrq_guid_equal(&f.content_id, &a->use.content_id) ||
		    !mrq_guid_equal(&f.label_id, &a->use.label_id))
			st = mrq_fail(
				&why, MRQ_E_DAMAGED,
				"'%s' says other things in its header than in its "
				"licence",
				path);
		if (st == MRQ_OK)
			st = mrq_sequences_check(file->session->sequences, &f.file_id,
						 f.sequence, path, &why);
		if (st == MRQ_OK)
			st = mrq_container_unlock(c, &a->use.key, &why);
	}
	if (st == MRQ_OK)
		return MRQ_OK;
	mrq_file_report(file, caller, st, path, &why);
	if (err)
		*err = why;
	return st;
}
