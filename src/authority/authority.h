/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_AUTHORITY_H
#define MRQ_AUTHORITY_AUTHORITY_H

/*
 * The authority: holds the organisation's keys, labels, templates, principals and revocations,
 * and issues licences.  No HTTP, never sees a user's file.  Embedded by core, put behind HTTPS by
 * service.  State: marque-authority(5).  Thread-safe; other processes may change the same state
 * (the epoch tells).
 */
#include "authority/use.h"
#include "crypto/keyring.h"
#include "policy/licence.h"

struct mrq_authority;

/** How the organisation's private keys are sealed at rest. */
enum mrq_authority_seal {
	MRQ_AUTHORITY_SEAL_PASSPHRASE, /* Argon2id */
	MRQ_AUTHORITY_SEAL_MACHINE, /* root-only file + machine id, no passphrase at start */
};

struct mrq_authority_unlock {
	enum mrq_authority_seal seal;
	const struct mrq_secret_buf *passphrase; /* PASSPHRASE */
	const struct mrq_seal_key *machine_key;  /* MACHINE */
};

/**
 * Make a new authority in dir (created 0700): organisation key, audit key, starter labels and
 * templates (DESIGN 9).  MRQ_E_EXISTS when one is there: nothing is overwritten.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_authority_init(const char *dir, const char *org,
		   const struct mrq_authority_unlock *unlock, int64_t now,
		   struct mrq_error *err);

/**
 * Open.  unlock NULL: without private keys, for reading labels and policy only.
 * MRQ_E_NOT_FOUND with "run 'marque init'"; MRQ_E_PASSPHRASE; MRQ_E_DAMAGED (other machine).
 */
MRQ_MUST_CHECK enum mrq_status
mrq_authority_open(const char *dir, const struct mrq_authority_unlock *unlock,
		   struct mrq_authority **ret, struct mrq_error *err);
void mrq_authority_free(struct mrq_authority *a);
MRQ_DEFINE_CLEANUP(mrq_authority_free, struct mrq_authority *)

/** Read how the keys are sealed, before asking for a passphrase. */
MRQ_MUST_CHECK enum mrq_status mrq_authority_seal_load(const char *dir,
						       enum mrq_authority_seal *ret,
						       struct mrq_error *err);

const char *mrq_authority_org(const struct mrq_authority *a);
MRQ_MUST_CHECK enum mrq_status
mrq_authority_epoch(struct mrq_authority *a, uint64_t *ret, struct mrq_error *err);

/* ---- policy: an immutable snapshot ---- */

struct mrq_policy_set {
	uint64_t epoch;
	char org[MRQ_MAIL_MAX + 1];
	struct mrq_label *labels; /* by order */
	size_t n_labels;
	struct mrq_template *templates;
	size_t n_templates;
	struct mrq_guid default_label; /* nil: none */
	bool mandatory;                /* unlabelled files may not be made */
	bool justify_downgrade;
	int32_t licence_days; /* site maximum of offline days, 30 */
	char help_url[256];
};
MRQ_MUST_CHECK enum mrq_status mrq_authority_policy(struct mrq_authority *a,
						    struct mrq_policy_set **ret,
						    struct mrq_error *err);
void mrq_policy_set_free(struct mrq_policy_set *set);
MRQ_DEFINE_CLEANUP(mrq_policy_set_free, struct mrq_policy_set *)

/* ---- licences ---- */

/**
 * Certify a client's publishing key for subject "host:NAME" (licences of any issuer) or
 * "user:MAIL" (of that issuer alone), from an hour before now to until, at most 400 days;
 * *ret a JWS, malloc'ed.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_authority_certify(struct mrq_authority *a, const struct mrq_public_key *publishing,
		      const char *subject, int64_t now, int64_t until, char **ret,
		      struct mrq_error *err);

/**
 * Issue a use licence: verifies the publishing licence (JWS, certificate, organisation), opens its
 * content key, computes rights of `who` from template or grants, owner, issuer, super user.
 *
 * Returns MRQ_OK also when nothing is granted (rights 0, no key).  MRQ_E_FORGED; MRQ_E_FORMAT;
 * MRQ_E_NO_KEY when it is wrapped to a key this authority does not hold; MRQ_E_REVOKED for a
 * revoked content id unless who is owner, issuer or super user; MRQ_E_EXPIRED likewise.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_authority_use(struct mrq_authority *a, const char *pl, size_t pl_len,
		  const struct mrq_identity *who, int64_t now,
		  struct mrq_use_licence *ret, struct mrq_error *err);

/** The signed revocation list, JWS typ "marque-revocations+jws", malloc'ed. */
MRQ_MUST_CHECK enum mrq_status mrq_authority_revocations(struct mrq_authority *a,
							 int64_t now, char **ret,
							 struct mrq_error *err);
struct mrq_revocation_list;
/** The same in process, unsigned; into a zeroed *ret (authority/verify.h).  Needs no keys. */
MRQ_MUST_CHECK enum mrq_status mrq_authority_revoked(struct mrq_authority *a,
						     struct mrq_revocation_list *ret,
						     struct mrq_error *err);
enum mrq_revoke { MRQ_REVOKE_CONTENT, MRQ_REVOKE_FILE };
MRQ_MUST_CHECK enum mrq_status mrq_authority_revoke(struct mrq_authority *a,
						    enum mrq_revoke kind,
						    const struct mrq_guid *id,
						    const char *actor, int64_t now,
						    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_authority_unrevoke(struct mrq_authority *a,
						      enum mrq_revoke kind,
						      const struct mrq_guid *id,
						      struct mrq_error *err);

/** Public key by id, current and archived ones, for verifying; NULL: the current one, to seal to.
 * MRQ_E_NOT_FOUND; caller frees. */
MRQ_MUST_CHECK enum mrq_status mrq_authority_public_key(struct mrq_authority *a,
							const char *kid,
							struct mrq_public_key **ret,
							struct mrq_error *err);
/** The key that signs audit checkpoints, borrowed; NULL when opened without keys. */
const struct mrq_private_key *mrq_authority_audit_key(struct mrq_authority *a);

/** Its public half, which an authority without keys has as well; caller frees. */
MRQ_MUST_CHECK enum mrq_status mrq_authority_audit_public(struct mrq_authority *a,
							  struct mrq_public_key **ret,
							  struct mrq_error *err);

/** Complete an identity: aliases, groups (nested), membership, from mail and given groups. */
MRQ_MUST_CHECK enum mrq_status
mrq_authority_identity(struct mrq_authority *a, const char *mail,
		       const char *const *groups, size_t n_groups,
		       struct mrq_identity **ret, struct mrq_error *err);
void mrq_identity_free(struct mrq_identity *who);
MRQ_DEFINE_CLEANUP(mrq_identity_free, struct mrq_identity *)

#endif
