/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_INTERNAL_H
#define MRQ_CRYPTO_INTERNAL_H

/* What the files of crypto/ share; nobody else includes it. */
#include <openssl/evp.h>

#include "hash.h"
#include "secret.h"

#include <stdlib.h>

/** Algorithms, fetched once: a fetch by name costs more than the block it is for. */
struct mrq_algorithms {
	EVP_CIPHER *gcm, *kw, *kwp;
	EVP_MD *sha256;
};
/** Starts crypto when nobody has; a process that cannot have it is aborted. */
const struct mrq_algorithms *mrq_algorithms_get(void);

/**
 * This thread's AES-256-KWP context, keyed with zeros between uses, so that a key wrap neither
 * allocates nor fails.  A thread that has no memory for its own shares the one made at the
 * start, under a lock.
 */
EVP_CIPHER_CTX *mrq_kwp_take(void);
void mrq_kwp_give(EVP_CIPHER_CTX *kwp);
MRQ_DEFINE_CLEANUP(mrq_kwp_give, EVP_CIPHER_CTX *)

/* For calls that fail only when memory is corrupt: going on would be worse. */
static inline void
mrq_must(int ok)
{
	if (ok != 1)
		abort();
}

/** HMAC-SHA-256 (RFC 2104) with a key of any length. */
void mrq_hmac_raw(const void *key, size_t key_len, const struct mrq_piece *pieces,
		  size_t n, uint8_t ret[static MRQ_MAC_BYTES]);

/** HKDF-SHA-256 (RFC 5869), one block of output. */
void mrq_hkdf(const struct mrq_piece *salt, const uint8_t key[static MRQ_KEY_BYTES],
	      const struct mrq_piece *info, uint8_t ret[static MRQ_KEY_BYTES]);

/** A block nonce: 96 random bits, from this thread's batch. */
void mrq_nonce_take(uint8_t *ret);

MRQ_DEFINE_CLEANUP(EVP_PKEY_free, EVP_PKEY *)
MRQ_DEFINE_CLEANUP(EVP_PKEY_CTX_free, EVP_PKEY_CTX *)
MRQ_DEFINE_CLEANUP(EVP_MD_CTX_free, EVP_MD_CTX *)
MRQ_DEFINE_CLEANUP(EVP_CIPHER_CTX_free, EVP_CIPHER_CTX *)

#endif
