/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_INTERNAL_H
#define MRQ_AUTHORITY_INTERNAL_H

/*
 * What the files of authority/ share; nobody else includes it.
 *
 * All answers come from a snapshot of the state: loaded in one read transaction, immutable,
 * counted, replaced when the state's epoch has moved (also by another process).  All changes are
 * one write transaction.  Lock order: authority.lock, then the store's transaction; a thread that
 * is in a transaction never asks for a snapshot.
 */
#include "authority/authority.h"
#include "authority/verify.h"
#include "store/state.h"

#include <pthread.h>

/* Collections: marque-authority(5), "STATE". */
#define MRQ_IN_META        "meta"
#define MRQ_IN_KEYS        "keys"
#define MRQ_IN_SECRETS     "secrets"
#define MRQ_IN_USERS       "users"
#define MRQ_IN_ALIASES     "aliases"
#define MRQ_IN_GROUPS      "groups"
#define MRQ_IN_MEMBERS     "members"
#define MRQ_IN_TEMPLATES   "templates"
#define MRQ_IN_LABELS      "labels"
#define MRQ_IN_REV_CONTENT "revoked-contents"
#define MRQ_IN_REV_FILE    "revoked-files"

#define MRQ_ALIASES_MAX           64
#define MRQ_IDENTITY_GROUPS_MAX   4096
#define MRQ_SUPERUSERS_MAX        256
#define MRQ_SUPERUSER_SECONDS_MAX (7 * 86400)
#define MRQ_DAYS_MAX              MRQ_OFFLINE_DAYS_MAX
#define MRQ_LICENCE_DAYS_DEFAULT  30

/* ---- keys ---- */

/** An organisation key; never freed before the authority, so that pointers may be borrowed. */
struct mrq_org_key {
	char kid[MRQ_KID_TEXT];
	struct mrq_public_key *public;
	struct mrq_private_key *private; /* NULL when opened without keys */
	struct mrq_org_key *next;
};

enum mrq_key_use { MRQ_KEY_ORGANISATION, MRQ_KEY_AUDIT };

/** Make a key and its record; an organisation key archives the one that was active. */
MRQ_MUST_CHECK enum mrq_status mrq_key_make(struct mrq_state_txn *txn,
					    const struct mrq_seal_key *master,
					    enum mrq_key_use use, int64_t now,
					    char ret_kid[static MRQ_KID_TEXT],
					    struct mrq_error *err);
/** The private key of the audit log. */
MRQ_MUST_CHECK enum mrq_status mrq_audit_key_load(struct mrq_state_txn *txn,
						  const struct mrq_seal_key *master,
						  struct mrq_private_key **ret,
						  struct mrq_error *err);
/** Its public half, which needs no key. */
MRQ_MUST_CHECK enum mrq_status mrq_audit_public_load(struct mrq_state_txn *txn,
						     struct mrq_public_key **ret,
						     struct mrq_error *err);
struct mrq_snapshot;
/** Add the keys that the state has and a->keys lacks; fill in those of the snapshot. */
MRQ_MUST_CHECK enum mrq_status mrq_keys_sync(struct mrq_authority *a,
					     struct mrq_state_txn *txn,
					     struct mrq_snapshot *snap,
					     struct mrq_error *err);
void mrq_org_keys_free(struct mrq_org_key *first);

/* ---- the snapshot ---- */

struct mrq_policy_box {
	unsigned refs; /* atomic */
	struct mrq_policy_set set;
};

/** member ("user:ann@example.com", "group:devs@example.com") belongs to group (mail). */
struct mrq_membership {
	const char *member, *group; /* in the text of the table */
};
struct mrq_members {
	struct mrq_membership *items; /* by member, then group */
	size_t n;
	char *text;
};

struct mrq_super_users {
	int64_t until; /* switched on up to here; 0: off */
	struct mrq_principal *who;
	size_t n;
};

struct mrq_snapshot {
	unsigned refs; /* atomic */
	uint64_t epoch;
	struct mrq_policy_box *policy;
	const struct mrq_org_key *current; /* borrowed */
	const struct mrq_org_key **keys;   /* all, borrowed */
	size_t n_keys;
	struct mrq_members members;
	struct mrq_super_users super;
	struct mrq_revocation_list revoked;
};
MRQ_MUST_CHECK enum mrq_status mrq_snapshot_get(struct mrq_authority *a,
						struct mrq_snapshot **ret,
						struct mrq_error *err);
void mrq_snapshot_put(struct mrq_snapshot *snap);
MRQ_DEFINE_CLEANUP(mrq_snapshot_put, struct mrq_snapshot *)
const struct mrq_org_key *mrq_snapshot_key(const struct mrq_snapshot *snap,
					   const char *kid);

struct mrq_authority {
	struct mrq_state *state;
	char org[MRQ_MAIL_MAX + 1];
	struct mrq_seal_key *master; /* mrq_secret_alloc; NULL without keys */
	struct mrq_private_key *audit;
	struct mrq_verifier *verifier;
	pthread_mutex_t lock;
	struct mrq_org_key *keys;    /* guarded by lock; grows at the head */
	struct mrq_snapshot *cached; /* guarded by lock */
};

/* ---- parts of the state, each within a transaction ---- */

/** As written, for edits. */
MRQ_MUST_CHECK enum mrq_status mrq_policy_read(struct mrq_state_txn *txn,
					       struct mrq_policy_box **ret,
					       struct mrq_error *err);
/** As in force: has_children set, colours inherited. */
MRQ_MUST_CHECK enum mrq_status mrq_policy_load(struct mrq_state_txn *txn,
					       struct mrq_policy_box **ret,
					       struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_members_load(struct mrq_state_txn *txn,
						struct mrq_members *ret,
						struct mrq_error *err);
void mrq_members_clear(struct mrq_members *members);
MRQ_DEFINE_CLEANUP_VALUE(mrq_members_clear, struct mrq_members)
/** Where the memberships of a member begin, or would stand. */
size_t mrq_members_first(const struct mrq_members *members, const char *member);
/** Split a value of the state after *ret_group bytes; false when it is damaged. */
bool mrq_membership_split(const void *value, size_t len, size_t *ret_group);
MRQ_MUST_CHECK enum mrq_status mrq_super_users_load(struct mrq_state_txn *txn,
						    struct mrq_super_users *ret,
						    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_super_users_save(struct mrq_state_txn *txn,
						    const struct mrq_super_users *super,
						    struct mrq_error *err);
void mrq_super_users_clear(struct mrq_super_users *super);
MRQ_DEFINE_CLEANUP_VALUE(mrq_super_users_clear, struct mrq_super_users)
MRQ_MUST_CHECK enum mrq_status mrq_revoked_load(struct mrq_state_txn *txn,
						struct mrq_revocation_list *ret,
						struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_revoked_put(struct mrq_state_txn *txn,
					       enum mrq_revoke kind,
					       const struct mrq_guid *id,
					       const char *actor, int64_t now,
					       struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_revoked_drop(struct mrq_state_txn *txn,
						enum mrq_revoke kind,
						const struct mrq_guid *id,
						struct mrq_error *err);
/** Starter labels and templates of DESIGN 9. */
MRQ_MUST_CHECK enum mrq_status mrq_starter_write(struct mrq_state_txn *txn,
						 struct mrq_error *err);

#endif
