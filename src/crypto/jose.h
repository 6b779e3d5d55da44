/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_JOSE_H
#define MRQ_CRYPTO_JOSE_H

/*
 * What JWS, JWE and JWK share: strict base64url, compact serialisations, headers, and the
 * keys' insides.  Written here and not taken from libjose, which keeps private keys as JSON
 * text on the plain heap.
 */
#include <jansson.h>
#include <openssl/ec.h>

#include "guarded.h"
#include "keyring.h"
#include "p256.h"

#include <stdatomic.h>
#include <stdbool.h>

#define MRQ_JOSE_HEADER_MAX 4096 /* bytes of a decoded header */
#define MRQ_JOSE_TYP_MAX    64   /* bytes of a typ */

/* Characters of n bytes as base64url without padding. */
#define MRQ_B64_CHARS(n) (((n)*4 + 2) / 3)

struct mrq_public_key {
	EVP_PKEY *pkey;
	uint8_t point[MRQ_POINT_BYTES];
	char kid[MRQ_KID_TEXT];
};

struct mrq_private_key {
	struct mrq_guarded scalar; /* readable while n_users > 0 */
	uint8_t point[MRQ_POINT_BYTES];
	char kid[MRQ_KID_TEXT];
	pthread_mutex_t lock;
	unsigned n_users; /* guarded by lock */
};

/** A usable copy of the private key, for the time of one operation. */
MRQ_MUST_CHECK enum mrq_status mrq_private_key_pkey(const struct mrq_private_key *key,
						    EVP_PKEY **ret,
						    struct mrq_error *err);

struct mrq_pk_count {
	atomic_uint_fast64_t sign, verify, seal, open;
};
extern struct mrq_pk_count mrq_pk_count;

/** A view of text. */
struct mrq_part {
	const char *at;
	size_t len;
};

/** Append base64url and a NUL at `to`; returns the place of the NUL. */
char *mrq_b64_put(char *to, const void *data, size_t len);
/** Decode exactly len bytes; false when the text is anything else. */
bool mrq_b64_get(struct mrq_part text, void *ret, size_t len);
/** Decode into malloc'ed memory with a NUL behind it; MRQ_E_FORMAT. */
MRQ_MUST_CHECK enum mrq_status mrq_b64_load(struct mrq_part text, const char *what,
					    uint8_t **ret, size_t *ret_len,
					    struct mrq_error *err);

/** Split at dots into exactly n parts; MRQ_E_FORMAT. */
MRQ_MUST_CHECK enum mrq_status mrq_compact_split(const char *text, size_t len,
						 const char *what, struct mrq_part *ret,
						 size_t n, struct mrq_error *err);

/**
 * Decode a protected header: an object without duplicate names, and without "crit", of which
 * we understand nothing.
 */
MRQ_MUST_CHECK enum mrq_status mrq_jose_header(struct mrq_part text, json_t **ret,
					       struct mrq_error *err);
/** A member's string, NULL when absent, not a string or with a NUL in it. */
const char *mrq_json_text(const json_t *object, const char *name);

/** The point of a JWK object; MRQ_E_FORMAT. */
MRQ_MUST_CHECK enum mrq_status mrq_jwk_point(const json_t *jwk,
					     uint8_t ret[static MRQ_POINT_BYTES],
					     struct mrq_error *err);
/** The JWK of a point, members in RFC 7638 order. */
void mrq_jwk_format(const uint8_t point[static MRQ_POINT_BYTES],
		    char ret[static MRQ_JWK_MAX]);
/** Its RFC 7638 thumbprint. */
void mrq_jwk_thumbprint(const uint8_t point[static MRQ_POINT_BYTES],
			char ret[static MRQ_KID_TEXT]);

MRQ_DEFINE_CLEANUP(json_decref, json_t *)

#endif
