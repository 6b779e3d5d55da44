/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_VERIFY_H
#define MRQ_AUTHORITY_VERIFY_H

/*
 * Verifying what an organisation's keys vouch for, by anyone who holds their public halves:
 * publishing certificates, publishing licences, revocation lists.  No state, no private key.
 *
 * A publishing licence is good when its signature is that of the key in its certificate, the
 * certificate is signed by an organisation key (current or archived, named by kid), both name
 * the same organisation, and the licence was made within the certificate's time.  A certificate
 * whose subject is "user:MAIL" vouches only for licences whose issuer is MAIL.
 */
#include "base/cleanup.h"
#include "crypto/keyring.h"
#include "policy/licence.h"

#define MRQ_REVOCATIONS_TYP        "marque-revocations+jws"
#define MRQ_LICENCE_SIGNED_MAX     (72u * 1024u) /* bytes of a publishing licence */
#define MRQ_REVOCATIONS_SIGNED_MAX ((size_t)MRQ_JWS_MAX)
#define MRQ_REVOCATIONS_MAX        150000u /* identifiers of each kind */
#define MRQ_SUBJECT_MAX            MRQ_PRINCIPAL_MAX

/**
 * Find an organisation's public key.  MRQ_E_NOT_FOUND when it is none of theirs; *ret is the
 * caller's to free.  Called from any thread.
 */
typedef enum mrq_status (*mrq_org_key_lookup)(void *arg, const char *kid,
					      struct mrq_public_key **ret,
					      struct mrq_error *err);

/**
 * Verify a publishing licence.
 *
 * @pl	    compact JWS; @len bytes, more than MRQ_LICENCE_SIGNED_MAX is MRQ_E_LIMIT
 * @lookup  the organisation's public keys
 * @ret	    on success the licence, for mrq_licence_free()
 *
 * Returns MRQ_OK; MRQ_E_FORMAT; MRQ_E_VERSION; MRQ_E_LIMIT; MRQ_E_FORGED; MRQ_E_NO_KEY when the
 * certificate is signed by a key that lookup does not know (another organisation's); MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status mrq_licence_verify(const char *pl, size_t len,
						  mrq_org_key_lookup lookup, void *arg,
						  struct mrq_licence **ret,
						  struct mrq_error *err);

/**
 * The same with a memory of certificates that were verified already (by digest, bounded), so that
 * a licence costs one signature instead of two.  Thread-safe.
 */
struct mrq_verifier;
MRQ_MUST_CHECK enum mrq_status mrq_verifier_new(mrq_org_key_lookup lookup, void *arg,
						struct mrq_verifier **ret,
						struct mrq_error *err);
void mrq_verifier_free(struct mrq_verifier *v);
MRQ_DEFINE_CLEANUP(mrq_verifier_free, struct mrq_verifier *)
/** As mrq_licence_verify; *ret_kid (may be NULL) is the id of the publishing key. */
MRQ_MUST_CHECK enum mrq_status mrq_verifier_licence(struct mrq_verifier *v,
						    const char *pl, size_t len,
						    struct mrq_licence **ret,
						    char ret_kid[MRQ_KID_TEXT],
						    struct mrq_error *err);

/* ---- publishing certificates ---- */

/** Immutable; counted, since the verifier's memory and a caller may share one. */
struct mrq_certificate {
	unsigned refs; /* atomic */
	char org[MRQ_MAIL_MAX + 1];
	char subject[MRQ_SUBJECT_MAX + 1];
	int64_t not_before, not_after; /* Unix seconds, both within */
	struct mrq_public_key *key;
	char enc_kid[MRQ_KID_TEXT]; /* key that licences are sealed to; "": not said */
};
void mrq_certificate_free(struct mrq_certificate *crt);
MRQ_DEFINE_CLEANUP(mrq_certificate_free, struct mrq_certificate *)

/** Make and sign one; *ret malloc'ed.  MRQ_E_INVAL for a subject or time that cannot be. */
MRQ_MUST_CHECK enum mrq_status
mrq_certificate_sign(const struct mrq_private_key *org_key,
		     const struct mrq_certificate *crt, char **ret,
		     struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status
mrq_certificate_verify(const char *jws, size_t len, mrq_org_key_lookup lookup,
		       void *arg, struct mrq_certificate **ret, struct mrq_error *err);
/** Read without verifying: for the holder of one. */
MRQ_MUST_CHECK enum mrq_status mrq_certificate_peek(const char *jws, size_t len,
						    struct mrq_certificate **ret,
						    struct mrq_error *err);

/* ---- revocation lists ---- */

/** Identifiers that may no longer be opened, sorted by their bytes. */
struct mrq_revocation_list {
	uint64_t epoch;
	int64_t issued;
	char org[MRQ_MAIL_MAX + 1];
	struct mrq_guid *contents, *files;
	size_t n_contents, n_files;
};
void mrq_revocation_list_clear(struct mrq_revocation_list *list);
MRQ_DEFINE_CLEANUP_VALUE(mrq_revocation_list_clear, struct mrq_revocation_list)

MRQ_MUST_CHECK enum mrq_status
mrq_revocation_list_sign(const struct mrq_private_key *org_key,
			 const struct mrq_revocation_list *list, char **ret,
			 struct mrq_error *err);
/** Into a zeroed *ret. */
MRQ_MUST_CHECK enum mrq_status
mrq_revocation_list_verify(const char *jws, size_t len, mrq_org_key_lookup lookup,
			   void *arg, struct mrq_revocation_list *ret,
			   struct mrq_error *err);
bool mrq_revocation_listed(const struct mrq_guid *ids, size_t n,
			   const struct mrq_guid *id);

#endif
