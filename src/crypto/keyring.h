/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_KEYRING_H
#define MRQ_CRYPTO_KEYRING_H

/*
 * Key pairs and the JOSE forms.  A private key is a handle: today software keys (P-256,
 * in guarded memory, without access between uses), later PKCS#11 tokens.  Nobody outside
 * crypto/ sees its bytes.
 *
 *   JWS  RFC 7515, compact, ES256; protected header {"alg","kid","typ"}
 *   JWE  RFC 7516, compact, ECDH-ES+A256KW with A256GCM; P-256
 *   kid  RFC 7638 thumbprint (SHA-256), base64url, 43 characters
 *
 * Each public-key operation is counted (mrq_pk_counters), so that tests can show that a
 * warm open makes none.
 */
#include "secret.h"

#define MRQ_KID_TEXT 44  /* bytes of a key id with its NUL */
#define MRQ_JWK_MAX  512 /* bytes of a public key as JWK JSON */
/* A compact JWS: big enough for a revocation list of 150,000.  More is MRQ_E_LIMIT. */
#define MRQ_JWS_MAX 8388608
#define MRQ_JWE_MAX 4096 /* bytes of a compact JWE; more is MRQ_E_LIMIT */

struct mrq_private_key;
struct mrq_public_key;

MRQ_MUST_CHECK enum mrq_status mrq_private_key_generate(struct mrq_private_key **ret,
							struct mrq_error *err);
/** Seal a private key for storage; *ret malloc'ed. */
MRQ_MUST_CHECK enum mrq_status mrq_private_key_seal(const struct mrq_private_key *key,
						    const struct mrq_seal_key *under,
						    uint8_t **ret, size_t *ret_len,
						    struct mrq_error *err);
/** MRQ_E_DAMAGED when `under` is not the key it was sealed with. */
MRQ_MUST_CHECK enum mrq_status mrq_private_key_unseal(const uint8_t *data, size_t len,
						      const struct mrq_seal_key *under,
						      struct mrq_private_key **ret,
						      struct mrq_error *err);
void mrq_private_key_free(struct mrq_private_key *key);
MRQ_DEFINE_CLEANUP(mrq_private_key_free, struct mrq_private_key *)

/** The public half; the caller frees it. */
MRQ_MUST_CHECK enum mrq_status mrq_private_key_public(const struct mrq_private_key *key,
						      struct mrq_public_key **ret,
						      struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_public_key_parse(const char *jwk, size_t len,
						    struct mrq_public_key **ret,
						    struct mrq_error *err);
/** As JWK JSON, members in RFC 7638 order. */
void mrq_public_key_format(const struct mrq_public_key *key,
			   char ret[static MRQ_JWK_MAX]);
const char *mrq_public_key_kid(const struct mrq_public_key *key);
void mrq_public_key_free(struct mrq_public_key *key);
MRQ_DEFINE_CLEANUP(mrq_public_key_free, struct mrq_public_key *)

/** Sign payload as a compact JWS with header typ; *ret malloc'ed, NUL-terminated. */
MRQ_MUST_CHECK enum mrq_status mrq_jws_sign(const struct mrq_private_key *key,
					    const char *typ, const void *payload,
					    size_t len, char **ret,
					    struct mrq_error *err);
/**
 * Split and decode a compact JWS without trusting it, for reading kid and typ.
 * payload *ret is malloc'ed, NUL-terminated.  `kid` may be NULL, and `typ` where any will do.
 * MRQ_E_FORMAT, MRQ_E_LIMIT; MRQ_E_FORGED when alg or typ is wrong.
 */
MRQ_MUST_CHECK enum mrq_status mrq_jws_peek(const char *jws, size_t len,
					    const char *typ, char kid[MRQ_KID_TEXT],
					    char **ret, size_t *ret_len,
					    struct mrq_error *err);
/**
 * Verify; typ NULL takes any type.  MRQ_E_FORGED when the signature, alg (only ES256) or typ
 * is wrong, or kid (where there is one) names another key; MRQ_E_FORMAT, MRQ_E_LIMIT.
 */
MRQ_MUST_CHECK enum mrq_status mrq_jws_verify(const char *jws, size_t len,
					      const char *typ,
					      const struct mrq_public_key *key,
					      char **ret, size_t *ret_len,
					      struct mrq_error *err);

/** Encrypt a content key to a public key as a compact JWE; *ret malloc'ed. */
MRQ_MUST_CHECK enum mrq_status
mrq_jwe_seal_content_key(const struct mrq_public_key *to,
			 const struct mrq_content_key *ck, char **ret,
			 struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status
mrq_jwe_open_content_key(const struct mrq_private_key *key, const char *jwe, size_t len,
			 struct mrq_content_key *ret, struct mrq_error *err);

struct mrq_pk_counters {
	uint64_t sign, verify, seal, open;
};
void mrq_pk_counters_get(struct mrq_pk_counters *ret);

#endif
