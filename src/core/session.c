/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <marque/version.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/internal.h"
#include "core/publisher.h"
#include "store/machine.h"

#define ASK_NS 30000000000ll

const char *
mrq_version(void)
{
	return MRQ_VERSION;
}

int64_t
mrq_session_now(const struct mrq_session *s)
{
	return s->now ? s->now(s->now_arg) : mrq_clock_now();
}

const struct mrq_settings *
mrq_session_settings(const struct mrq_session *s)
{
	return &s->settings;
}

struct mrq_caller
mrq_caller_self(void)
{
	return (struct mrq_caller){ .uid = geteuid(),
				    .gid = getegid(),
				    .pid = getpid() };
}

/* ---- policy snapshot ---- */

void
mrq_policy_unref(struct mrq_policy_ref *ref)
{
	if (!ref || atomic_fetch_sub(&ref->refs, 1) != 1)
		return;
	mrq_policy_set_free(ref->set);
	mrq_revocations_free(ref->revoked);
	free(ref);
}

struct mrq_policy_ref *
mrq_session_policy(struct mrq_session *s)
{
	pthread_mutex_lock(&s->policy_lock);
	struct mrq_policy_ref *ref = s->policy;
	if (ref)
		atomic_fetch_add(&ref->refs, 1);
	pthread_mutex_unlock(&s->policy_lock);
	return ref;
}

/** Rank of what a new file gets; -1 also for a label that leaves it plain. */
static int
default_rank(const struct mrq_policy_set *set, const struct mrq_label *l)
{
	return l && l->protection != MRQ_LABEL_REMOVES
		       ? mrq_label_rank(set->labels, set->n_labels, l)
		       : -1;
}

/** The lowest rank a new file may get by default: reading up to it marks nobody. */
static int
floor_rank(const struct mrq_config *config, const struct mrq_policy_set *set)
{
	int floor = default_rank(
		set, mrq_label_find(set->labels, set->n_labels, &set->default_label));
	const struct mrq_config_list *lists[] = { &config->directories,
						  &config->user_defaults };
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < lists[k]->n; i++) {
			int rank = default_rank(
				set, mrq_label_find_text(set->labels, set->n_labels,
							 lists[k]->items[i].value));
			if (rank < floor)
				floor = rank;
		}
	}
	return floor;
}

static enum mrq_status
load_policy(struct mrq_session *s, struct mrq_policy_ref **ret, struct mrq_error *err)
{
	int64_t deadline = mrq_clock_monotonic_ns() + ASK_NS;
	const struct mrq_provider_ops *ops = s->provider->ops;
	struct mrq_policy_set *set MRQ_CLEANUP(mrq_policy_set_free) = NULL;
	MRQ_TRY(ops->policy(s->provider, deadline, &set, err));
	struct mrq_revocations *revoked MRQ_CLEANUP(mrq_revocations_free) = NULL;
	if (s->keys == MRQ_SESSION_KEYS)
		MRQ_TRY(ops->revocations(s->provider, mrq_session_now(s), deadline,
					 &revoked, err));
	struct mrq_policy_ref *ref = calloc(1, sizeof(*ref));
	if (!ref)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the policy");
	atomic_init(&ref->refs, 1);
	ref->set = MRQ_STEAL(set);
	ref->revoked = MRQ_STEAL(revoked);
	*ret = ref;
	return MRQ_OK;
}

/** After the policy or the configuration was replaced: by both as they are now. */
static void
update_floor(struct mrq_session *s)
{
	pthread_rwlock_rdlock(&s->config_lock);
	pthread_mutex_lock(&s->policy_lock);
	if (s->policy)
		atomic_store(&s->floor_rank, floor_rank(s->config, s->policy->set));
	pthread_mutex_unlock(&s->policy_lock);
	pthread_rwlock_unlock(&s->config_lock);
}

static void
use_policy(struct mrq_session *s, struct mrq_policy_ref *fresh)
{
	pthread_mutex_lock(&s->policy_lock);
	struct mrq_policy_ref *old = s->policy;
	s->policy = fresh;
	pthread_mutex_unlock(&s->policy_lock);
	mrq_policy_unref(old);
	update_floor(s);
}

enum mrq_status
mrq_session_refresh(struct mrq_session *s, bool *ret_changed, struct mrq_error *err)
{
	*ret_changed = false;
	if (!s->provider)
		return MRQ_OK;
	struct mrq_policy_ref *now MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	uint64_t epoch = 0;
	MRQ_TRY(s->provider->ops->epoch(s->provider, &epoch, err));
	if (now && now->set->epoch == epoch)
		return MRQ_OK;
	struct mrq_policy_ref *fresh = NULL;
	MRQ_TRY(load_policy(s, &fresh, err));
	use_policy(s, fresh);
	mrq_identities_drop(s->identities);
	mrq_publisher_drop(s->publisher);
	*ret_changed = true;
	return MRQ_OK;
}

/* ---- opening ---- */

static enum mrq_status
copy_string(char **slot, const char *value, struct mrq_error *err)
{
	*slot = value ? strdup(value) : NULL;
	return value && !*slot ? mrq_fail(err, MRQ_E_NOMEM, "no memory for a session")
			       : MRQ_OK;
}

/** The folder of a path, "." when it has none. */
static enum mrq_status
folder_of(const char *path, char **ret, struct mrq_error *err)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	*ret = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path))
		     : strdup(".");
	return *ret ? MRQ_OK : mrq_fail(err, MRQ_E_NOMEM, "no memory for a session");
}

static enum mrq_status
machine_key_path(const struct mrq_session *s, char **ret, struct mrq_error *err)
{
	if (s->config->machine_key)
		return copy_string(ret, s->config->machine_key, err);
	if (asprintf(ret, "%s/machine.key", s->config_dir) < 0)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a session");
	return MRQ_OK;
}

static enum mrq_status
machine_key(const struct mrq_session *s, const char *purpose, struct mrq_seal_key *ret,
	    struct mrq_error *err)
{
	char *path MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(machine_key_path(s, &path, err));
	return mrq_machine_key(path, s->config->machine_id, purpose, ret, err);
}

/** What is sealed already needs the secret that it was sealed with: a new one would only mislead. */
static enum mrq_status
machine_key_there(const struct mrq_session *s, struct mrq_error *err)
{
	char *path MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(machine_key_path(s, &path, err));
	if (access(path, F_OK) == 0 || errno != ENOENT)
		return MRQ_OK;
	return mrq_fail(err, MRQ_E_DAMAGED,
			"the machine secret '%s' is missing, and the authority in '%s' "
			"is sealed with it; put a backup back",
			path, s->state_dir);
}

static enum mrq_status
passphrase_copy(const struct mrq_session_options *o, struct mrq_secret_buf *ret,
		struct mrq_error *err)
{
	if (!o->passphrase)
		return mrq_fail(
			err, MRQ_E_PASSPHRASE,
			"the authority in '%s' is sealed with a passphrase; give it "
			"with --passphrase-fd",
			o->state_dir);
	MRQ_TRY(mrq_secret_buf_init(ret, o->passphrase_len, err));
	memcpy(ret->data, o->passphrase, o->passphrase_len);
	return MRQ_OK;
}

static enum mrq_status
open_authority(struct mrq_session *s, const struct mrq_session_options *o,
	       struct mrq_authority **ret, struct mrq_error *err)
{
	if (s->keys == MRQ_SESSION_CLEAR)
		return mrq_authority_open(s->state_dir, NULL, ret, err);
	struct mrq_authority_unlock unlock = { 0 };
	MRQ_TRY(mrq_authority_seal_load(s->state_dir, &unlock.seal, err));
	struct mrq_secret_buf phrase MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	struct mrq_seal_key key MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };
	if (unlock.seal == MRQ_AUTHORITY_SEAL_PASSPHRASE) {
		MRQ_TRY(passphrase_copy(o, &phrase, err));
		unlock.passphrase = &phrase;
	} else {
		MRQ_TRY(machine_key_there(s, err));
		MRQ_TRY(machine_key(s, "authority-keys", &key, err));
		unlock.machine_key = &key;
	}
	return mrq_authority_open(s->state_dir, &unlock, ret, err);
}

static enum mrq_status
open_provider(struct mrq_session *s, const struct mrq_session_options *o,
	      struct mrq_error *err)
{
	struct mrq_authority *a MRQ_CLEANUP(mrq_authority_free) = NULL;
	struct mrq_error clear = { 0 };
	enum mrq_status st = open_authority(s, o, &a, &clear);
	if (st != MRQ_OK && s->keys == MRQ_SESSION_CLEAR)
		return MRQ_OK; /* clear facts need no authority */
	if (st != MRQ_OK) {
		if (err)
			*err = clear;
		return st;
	}
	MRQ_TRY(copy_string(&s->org, mrq_authority_org(a), err));
	s->authority = a;
	MRQ_TRY(mrq_provider_embedded_new(MRQ_STEAL(a), &s->provider, err));
	s->settings.org = s->org;
	return MRQ_OK;
}

static enum mrq_status
audit_public_key(struct mrq_session *s, struct mrq_error *err)
{
	struct mrq_public_key *public MRQ_CLEANUP(mrq_public_key_free) = NULL;
	const struct mrq_private_key *key = mrq_authority_audit_key(s->authority);
	if (key)
		MRQ_TRY(mrq_private_key_public(key, &public, err));
	else
		MRQ_TRY(mrq_authority_audit_public(s->authority, &public, err));
	char jwk[MRQ_JWK_MAX];
	mrq_public_key_format(public, jwk);
	MRQ_TRY(copy_string(&s->audit_jwk, jwk, err));
	s->settings.audit_public_key = s->audit_jwk;
	return MRQ_OK;
}

static enum mrq_status
open_stores(struct mrq_session *s, struct mrq_error *err)
{
	struct mrq_seal_key key MRQ_CLEANUP(mrq_seal_key_wipe) = { 0 };
	MRQ_TRY(machine_key(s, "licence-cache", &key, err));
	struct mrq_cache_options options = { .max_licences = s->config->max_licences };
	MRQ_TRY(mrq_cache_open(s->state_dir, &key, &options, &s->cache, err));
	MRQ_TRY(mrq_cache_clock_note(s->cache, mrq_session_now(s), &s->highest_clock,
				     err));
	char host[256] = "localhost";
	(void)gethostname(host, sizeof(host) - 1);
	struct mrq_audit_options audit = {
		.path = s->audit_path,
		.sinks = MRQ_AUDIT_SINK_FILE |
			 (s->config->journald ? MRQ_AUDIT_SINK_JOURNALD : 0u) |
			 (s->config->syslog ? MRQ_AUDIT_SINK_SYSLOG : 0u),
		.host = host,
		.signer = mrq_authority_audit_key(s->authority),
	};
	return mrq_audit_log_open(&audit, &s->audit, err);
}

static enum mrq_status
set_paths(struct mrq_session *s, const struct mrq_session_options *o,
	  struct mrq_error *err)
{
	if (!o->state_dir)
		return mrq_fail(err, MRQ_E_INVAL, "a session needs a state folder");
	MRQ_TRY(copy_string(&s->state_dir, o->state_dir, err));
	MRQ_TRY(copy_string(&s->config_file, o->config_file, err));
	MRQ_TRY(copy_string(&s->mount_point, o->mount_point, err));
	MRQ_TRY(copy_string(&s->source, o->source, err));
	return o->config_file ? folder_of(o->config_file, &s->config_dir, err)
			      : copy_string(&s->config_dir, o->state_dir, err);
}

static enum mrq_status
set_settings(struct mrq_session *s, struct mrq_error *err)
{
	const struct mrq_config *c = s->config;
	s->settings.plain_show = c->plain_show;
	s->settings.block_size = c->block_size;
	s->settings.poll_seconds = c->poll_seconds;
	s->settings.state_dir = s->state_dir;
	if (s->audit_path)
		return MRQ_OK; /* a reload does not move the log */
	if (c->audit_path)
		MRQ_TRY(copy_string(&s->audit_path, c->audit_path, err));
	else if (asprintf(&s->audit_path, "%s/audit.log", s->state_dir) < 0)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a session");
	s->settings.audit_path = s->audit_path;
	return MRQ_OK;
}

static enum mrq_status
make_tables(struct mrq_session *s, struct mrq_error *err)
{
	MRQ_TRY(mrq_identities_new(&s->identities, err));
	MRQ_TRY(mrq_programs_new(s->config, &s->programs, err));
	MRQ_TRY(mrq_lineage_new(&s->lineage, err));
	MRQ_TRY(mrq_licences_new(&s->licences, err));
	MRQ_TRY(mrq_publisher_new(&s->publisher, err));
	MRQ_TRY(mrq_sequences_new(s->cache, &s->sequences, err));
	return mrq_refusals_new(&s->refusals, err);
}

static enum mrq_status
check_label(const struct mrq_session *s, const struct mrq_policy_set *set,
	    const char *name, bool applied, struct mrq_error *err)
{
	const struct mrq_label *label =
		mrq_label_find_text(set->labels, set->n_labels, name);
	if (label && applied && label->has_children)
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"%s names label '%.128s', which has sublabels and cannot be "
			"applied; name one of these",
			s->config_file, name);
	if (label)
		return MRQ_OK;
	return mrq_fail(err, MRQ_E_CONFIG,
			"%s names label '%.128s', which does not exist; 'marque label "
			"list' shows those that do",
			s->config_file, name);
}

/** A label named in the configuration that the policy does not know is a mistake to tell at once. */
static enum mrq_status
check_labels(const struct mrq_session *s, const struct mrq_config *c,
	     const struct mrq_policy_set *set, struct mrq_error *err)
{
	for (size_t i = 0; i < c->directories.n; i++)
		MRQ_TRY(check_label(s, set, c->directories.items[i].value, true, err));
	for (size_t i = 0; i < c->user_defaults.n; i++)
		MRQ_TRY(check_label(s, set, c->user_defaults.items[i].value, true,
				    err));
	for (size_t i = 0; i < c->exempt.n; i++)
		MRQ_TRY(check_label(s, set, c->exempt.items[i].name, false, err));
	return MRQ_OK;
}

enum mrq_status
mrq_session_open(const struct mrq_session_options *o, struct mrq_session **ret,
		 struct mrq_error *err)
{
	MRQ_TRY(mrq_crypto_init(err));
	struct mrq_session *s MRQ_CLEANUP(mrq_session_free) = calloc(1, sizeof(*s));
	if (!s)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a session");
	pthread_rwlock_init(&s->config_lock, NULL);
	pthread_mutex_init(&s->policy_lock, NULL);
	pthread_mutex_init(&s->files_lock, NULL);
	pthread_mutex_init(&s->poll_lock, NULL);
	pthread_cond_init(&s->poll_cond, NULL);
	s->now = o->now;
	s->now_arg = o->now_arg;
	s->keys = o->keys;
	MRQ_TRY(set_paths(s, o, err));
	MRQ_TRY(mrq_config_load(s->config_file, &s->config, err));
	MRQ_TRY(set_settings(s, err));
	MRQ_TRY(open_provider(s, o, err));
	enum mrq_status public = s->authority ? audit_public_key(s, err) : MRQ_OK;
	if (s->keys == MRQ_SESSION_KEYS) {
		MRQ_TRY(public);
		MRQ_TRY(open_stores(s, err));
	}
	MRQ_TRY(make_tables(s, err));
	bool changed = false;
	MRQ_TRY(mrq_session_refresh(s, &changed, err));
	if (s->policy && s->keys == MRQ_SESSION_KEYS)
		MRQ_TRY(check_labels(s, s->config, s->policy->set, err));
	*ret = MRQ_STEAL(s);
	return MRQ_OK;
}

void
mrq_session_free(struct mrq_session *s)
{
	if (!s)
		return;
	mrq_session_stop(s);
	mrq_sequences_free(s->sequences);
	mrq_audit_log_close(s->audit);
	mrq_refusals_free(s->refusals);
	mrq_publisher_free(s->publisher);
	mrq_licences_free(s->licences);
	mrq_lineage_free(s->lineage);
	mrq_programs_free(s->programs);
	mrq_identities_free(s->identities);
	mrq_policy_unref(s->policy);
	if (s->provider)
		s->provider->ops->free(s->provider);
	mrq_cache_close(s->cache);
	mrq_config_free(s->config);
	free(s->state_dir);
	free(s->config_file);
	free(s->config_dir);
	free(s->mount_point);
	free(s->source);
	free(s->org);
	free(s->audit_path);
	free(s->audit_jwk);
	pthread_cond_destroy(&s->poll_cond);
	pthread_mutex_destroy(&s->poll_lock);
	pthread_mutex_destroy(&s->files_lock);
	pthread_mutex_destroy(&s->policy_lock);
	pthread_rwlock_destroy(&s->config_lock);
	free(s);
}

enum mrq_status
mrq_session_reload(struct mrq_session *s, struct mrq_error *err)
{
	struct mrq_config *fresh MRQ_CLEANUP(mrq_config_free) = NULL;
	MRQ_TRY(mrq_config_load(s->config_file, &fresh, err));
	struct mrq_programs *programs MRQ_CLEANUP(mrq_programs_free) = NULL;
	MRQ_TRY(mrq_programs_new(fresh, &programs, err));
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	if (policy && s->keys == MRQ_SESSION_KEYS)
		MRQ_TRY(check_labels(s, fresh, policy->set, err));
	pthread_rwlock_wrlock(&s->config_lock);
	struct mrq_config *old = s->config;
	struct mrq_programs *old_programs = s->programs;
	s->config = MRQ_STEAL(fresh);
	s->programs = MRQ_STEAL(programs);
	enum mrq_status st = set_settings(s, err);
	pthread_rwlock_unlock(&s->config_lock);
	update_floor(s);
	mrq_config_free(old);
	mrq_programs_free(old_programs);
	mrq_identities_drop(s->identities);
	if (st == MRQ_OK && s->audit)
		st = mrq_audit_log_reopen(s->audit, err);
	return st;
}

/* ---- principals, refusals, records ---- */

enum mrq_status
mrq_session_principal(struct mrq_session *s, uid_t uid,
		      char ret[static MRQ_MAIL_MAX + 1], struct mrq_error *err)
{
	if (!s->org)
		return mrq_fail(err, MRQ_E_NO_KEY,
				"no authority: nobody has a mail here");
	struct mrq_identity_ref *known MRQ_CLEANUP(mrq_identity_unref) = NULL;
	pthread_rwlock_rdlock(&s->config_lock);
	enum mrq_status st = mrq_identity_mail(s->config, s->org, uid, ret, err);
	pthread_rwlock_unlock(&s->config_lock);
	if (st == MRQ_E_SYS)
		known = mrq_identities_known(s->identities, uid, mrq_session_now(s));
	if (!known)
		return st;
	memcpy(ret, mrq_identity_get(known)->mail, MRQ_MAIL_MAX + 1);
	return MRQ_OK;
}

enum mrq_status
mrq_session_why(struct mrq_session *s, uid_t uid, const char *path, char *ret,
		size_t len, struct mrq_error *err)
{
	return mrq_refusals_find(s->refusals, uid, path, ret, len, err);
}

enum mrq_status
mrq_session_record(struct mrq_session *s, const struct mrq_caller *caller,
		   const char *principal, const struct mrq_program_info *program,
		   struct mrq_audit_record record, enum mrq_audit_durability how,
		   struct mrq_error *err)
{
	if (!s->audit)
		return MRQ_OK;
	record.uid = caller->uid;
	record.pid = program->tgid ? program->tgid : caller->pid;
	record.login_uid = program->login_uid;
	record.mount = s->mount_point;
	record.principal = principal && *principal ? principal : NULL;
	record.program = *program->path ? program->path : NULL;
	record.program_digest = *program->digest ? program->digest : NULL;
	record.program_kind = program->kind;
	struct mrq_policy_ref *policy MRQ_CLEANUP(mrq_policy_unref) =
		mrq_session_policy(s);
	const struct mrq_label *after =
		policy ? mrq_label_find(policy->set->labels, policy->set->n_labels,
					&record.label_after)
		       : NULL;
	record.label_name = after ? after->name : NULL;
	return mrq_audit_append(s->audit, &record, how, err);
}

void
mrq_session_record_licence(struct mrq_session *s, const char *mail,
			   struct mrq_audit_record record)
{
	struct mrq_caller self = mrq_caller_self();
	struct mrq_program_info program = { .login_uid = (uid_t)-1 };
	record.granted = true;
	enum mrq_status ignored = mrq_session_record(s, &self, mail, &program, record,
						     MRQ_AUDIT_KERNEL, NULL);
	(void)ignored;
}

enum mrq_status
mrq_session_audit(struct mrq_session *s, const struct mrq_caller *caller,
		  const struct mrq_audit_record *record, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1] = "";
	struct mrq_program_info program;
	if (mrq_session_principal(s, caller->uid, mail, NULL) != MRQ_OK)
		mail[0] = 0;
	mrq_session_program(s, caller->pid, &program);
	return mrq_session_record(s, caller, mail, &program, *record, MRQ_AUDIT_KERNEL,
				  err);
}

void
mrq_session_program(struct mrq_session *s, pid_t pid, struct mrq_program_info *ret)
{
	pthread_rwlock_rdlock(&s->config_lock);
	mrq_programs_identify(s->programs, pid, ret);
	pthread_rwlock_unlock(&s->config_lock);
}

enum mrq_status
mrq_session_counters(struct mrq_session *s, char **ret, struct mrq_error *err)
{
	struct mrq_pk_counters pk;
	mrq_pk_counters_get(&pk);
	struct mrq_counters *c = &s->counters;
	if (asprintf(ret,
		     "{\"decisions\":%llu,\"denied\":%llu,\"publishing_licences\":%llu,"
		     "\"use_licences\":%llu,\"cache_hits\":%llu,\"memory_hits\":%llu,"
		     "\"public_key\":{\"sign\":%llu,\"verify\":%llu,\"seal\":%llu,"
		     "\"open\":%llu}}",
		     atomic_load(&c->decisions), atomic_load(&c->denied),
		     atomic_load(&c->published), atomic_load(&c->used),
		     atomic_load(&c->cache_hits), atomic_load(&c->memory_hits),
		     (unsigned long long)pk.sign, (unsigned long long)pk.verify,
		     (unsigned long long)pk.seal, (unsigned long long)pk.open) < 0)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the counters");
	return MRQ_OK;
}
