/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_INTERNAL_H
#define MRQ_CORE_INTERNAL_H

/*
 * What the rooms of core share.  Lock order (STYLE 9): session.files -> file.lock -> lineage ->
 * licences -> publishing -> state transaction -> audit log.  None is held while asking the
 * provider, nor while a decision is audited.
 */
#include "core/config.h"
#include "core/identity.h"
#include "core/licences.h"
#include "core/lineage.h"
#include "core/program.h"
#include "core/provider.h"
#include "core/publisher.h"
#include "core/sequence.h"
#include "core/why.h"
#include "format/container.h"
#include "policy/decision.h"
#include "store/audit-log.h"
#include "store/cache.h"

#include <marque/file.h>
#include <marque/session.h>

#include <pthread.h>
#include <stdatomic.h>

/** The policy in force: immutable, counted. */
struct mrq_policy_ref {
	atomic_uint refs;
	struct mrq_policy_set *set;
	struct mrq_revocations *revoked;
};
void mrq_policy_unref(struct mrq_policy_ref *ref);
MRQ_DEFINE_CLEANUP(mrq_policy_unref, struct mrq_policy_ref *)

/** Counters of mrq_session_counters. */
struct mrq_counters {
	atomic_ullong decisions, denied, published, used, cache_hits, memory_hits;
};

struct mrq_session {
	struct mrq_settings settings;
	struct mrq_config *config; /* replaced by reload under config_lock */
	pthread_rwlock_t config_lock;
	char *state_dir, *config_file, *config_dir, *mount_point, *source, *org,
		*audit_path, *audit_jwk;
	int64_t (*now)(void *arg);
	void *now_arg;
	enum mrq_session_keys keys;

	struct mrq_provider *provider; /* NULL: no authority in reach of this session */
	struct mrq_authority *authority; /* owned by provider */
	struct mrq_cache *cache;         /* NULL without keys */
	struct mrq_audit_log *audit;     /* NULL without keys */

	pthread_mutex_t policy_lock;
	struct mrq_policy_ref *policy; /* guarded by policy_lock */
	atomic_int floor_rank; /* reading a label of a higher rank marks a process */

	struct mrq_identities *identities;
	struct mrq_programs *programs;
	struct mrq_lineage *lineage;
	struct mrq_licences *licences;
	struct mrq_publisher *publisher;
	struct mrq_sequences *sequences;
	struct mrq_refusals *refusals;
	struct mrq_counters counters;
	int64_t highest_clock; /* highest time seen, Unix seconds; atomic by __atomic */

	pthread_mutex_t files_lock;
	struct mrq_handle
		*writers; /* handles open for writing; guarded by files_lock */

	pthread_t poller;
	bool polling;
	pthread_mutex_t poll_lock;
	pthread_cond_t poll_cond;
	bool poll_stop, poll_now;       /* guarded by poll_lock */
	uint64_t poll_begun, poll_done; /* turns; guarded by poll_lock */
	mrq_withdraw_hook hook;
	void *hook_arg;
};

int64_t mrq_session_now(const struct mrq_session *s);
/** Never NULL in a session with a provider; caller unrefs. */
struct mrq_policy_ref *mrq_session_policy(struct mrq_session *s);
/** Ask the provider for policy and revocations; *ret_changed tells whether anything moved. */
MRQ_MUST_CHECK enum mrq_status
mrq_session_refresh(struct mrq_session *s, bool *ret_changed, struct mrq_error *err);
MRQ_DEFINE_CLEANUP(mrq_session_free, struct mrq_session *)
/** The program of a thread, under the present configuration. */
void mrq_session_program(struct mrq_session *s, pid_t pid,
			 struct mrq_program_info *ret);
/** Fill in who and where, and append. */
MRQ_MUST_CHECK enum mrq_status
mrq_session_record(struct mrq_session *s, const struct mrq_caller *caller,
		   const char *principal, const struct mrq_program_info *program,
		   struct mrq_audit_record record, enum mrq_audit_durability how,
		   struct mrq_error *err);
/** A licence was made (PUBLISH) or fetched (LICENCE) for mail: it is this process that did. */
void mrq_session_record_licence(struct mrq_session *s, const char *mail,
				struct mrq_audit_record record);

struct mrq_file {
	struct mrq_session *session;
	int fd; /* owned */
	bool writable;
	_Atomic int
		kind; /* enum mrq_file_kind; EMPTY becomes PROTECTED or PLAIN under lock */
	struct mrq_container *container; /* PROTECTED; set once, before kind */
	struct mrq_facts facts;          /* of a DAMAGED file */
	struct mrq_error damage;         /* why it is DAMAGED */
	char *what;                      /* path for messages */
	pthread_mutex_t lock;
	/* Just created: the first open by who made it is decided already, anybody else's is not. */
	atomic_bool fresh;
	struct mrq_caller maker; /* set once, before fresh */
	bool frozen;             /* guarded by lock */
};
enum mrq_file_kind mrq_file_kind_get(const struct mrq_file *file);

/* ---- labelling.c: which label a file gets ---- */

/** What a label means for publishing; *grant is filled and used when the label needs one. */
void mrq_label_request(const struct mrq_policy_set *set, const struct mrq_label *label,
		       struct mrq_grant *grant, struct mrq_publish_request *ret);
/** Find or mint the licence for label (or the request as it is) and count it. */
MRQ_MUST_CHECK enum mrq_status
mrq_session_publish(struct mrq_session *s, const struct mrq_publish_request *request,
		    struct mrq_published *ret, struct mrq_error *err);
/** Label of a new file, NULL in *ret for none; as mrq_file_create. */
MRQ_MUST_CHECK enum mrq_status
mrq_label_choose(struct mrq_session *s, const struct mrq_policy_set *set,
		 const struct mrq_caller *caller, const char *mail, const char *path,
		 const struct mrq_label **ret, struct mrq_error *err);
/** The process read this file: mark it, and raise what it has open for writing. */
void mrq_label_follow(struct mrq_handle *reader);
/** Before a handle writes: raise the file to the marks of its process. */
MRQ_MUST_CHECK enum mrq_status mrq_label_raise(struct mrq_handle *writer,
					       struct mrq_error *err);
/**
 * Give a protected, unlocked file other protection; durable.  Recorded as event, with the decision that
 * granted it, or as refused by what failed.
 *
 * @access  whose decision, mail and program go into the record
 */
struct mrq_access;
MRQ_MUST_CHECK enum mrq_status
mrq_file_relabel(struct mrq_file *file, const struct mrq_caller *caller,
		 const struct mrq_access *access, enum mrq_audit_event event,
		 const struct mrq_publish_request *request, const char *reason,
		 const char *path, struct mrq_error *err);

struct mrq_handle {
	struct mrq_file *file;
	struct mrq_caller caller;
	struct mrq_program_info program;
	char mail[MRQ_MAIL_MAX + 1];
	char *path;
	enum mrq_request request;
	enum mrq_status last;       /* of the latest recheck */
	struct mrq_process process; /* of writers */
	struct mrq_handle *prev, *next;
};

/** Outcome of one decision on one file for one caller. */
struct mrq_access {
	struct mrq_decision decision;
	struct mrq_decision_input input;
	struct mrq_use_licence use; /* wiped by the caller */
	bool cached;
	char mail[MRQ_MAIL_MAX + 1];
	struct mrq_program_info program;
};
void mrq_access_wipe(struct mrq_access *access);
MRQ_DEFINE_CLEANUP_VALUE(mrq_access_wipe, struct mrq_access)

/**
 * Decide without side effects but caching: identity, program, licence, state.  `program` NULL: look the
 * caller's up.  MRQ_OK also when the decision is a refusal; then explanation is in *why.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_access_decide(struct mrq_file *file, const struct mrq_caller *caller,
		  const struct mrq_program_info *program, enum mrq_request request,
		  const char *path, struct mrq_access *ret, struct mrq_error *why,
		  struct mrq_error *err);
/** What mrq_access_ask puts into the audit log. */
enum mrq_record {
	MRQ_RECORD_ALL,
	MRQ_RECORD_REFUSALS, /* a grant is recorded with what it was used for */
	MRQ_RECORD_NOTHING,  /* what if */
};
/** Decide, remember a refusal for `why`, and record; a refusal is its status. */
MRQ_MUST_CHECK enum mrq_status
mrq_access_ask(struct mrq_file *file, const struct mrq_caller *caller,
	       enum mrq_request request, enum mrq_audit_event event, const char *path,
	       enum mrq_record record, struct mrq_access *ret, struct mrq_error *err);
/** The same with all recorded. */
MRQ_MUST_CHECK enum mrq_status
mrq_access_check(struct mrq_file *file, const struct mrq_caller *caller,
		 enum mrq_request request, enum mrq_audit_event event, const char *path,
		 struct mrq_access *ret, struct mrq_error *err);
/** The members of a record that tell of a decision. */
void mrq_access_describe(const struct mrq_access *access, struct mrq_audit_record *ret);
/** Key of a file for its administrator (rewrap by root): as the owner would get it, no rights. */
MRQ_MUST_CHECK enum mrq_status mrq_session_admin_use(struct mrq_file *file,
						     struct mrq_use_licence *ret,
						     struct mrq_error *err);
/** Unlock the container with the licence's key and look for rollback. */
MRQ_MUST_CHECK enum mrq_status mrq_access_unlock(struct mrq_file *file,
						 const struct mrq_access *access,
						 const struct mrq_caller *caller,
						 const char *path,
						 struct mrq_error *err);
/**
 * For a file that is said to be plain: MRQ_E_PLAIN, or MRQ_E_DAMAGED when it can only be a container
 * that lost its first bytes.  MRQ_E_SYS.
 */
MRQ_MUST_CHECK enum mrq_status mrq_file_look_again(int fd, const char *path,
						   struct mrq_error *err);
/** Report damage or rollback found while using a file: audit event and `why`. */
void mrq_file_report(struct mrq_file *file, const struct mrq_caller *caller,
		     enum mrq_status status, const char *path,
		     const struct mrq_error *why);

#endif
