/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_HASH_H
#define MRQ_CRYPTO_HASH_H

/* Digests and MACs: SHA-256, HMAC-SHA-256, BLAKE2b-256. */
#include "secret.h"

#define MRQ_SHA256_BYTES   32
#define MRQ_BLAKE2B_BYTES  32
#define MRQ_MAC_BYTES      32
#define MRQ_TREE_MAC_BYTES 16

void mrq_sha256(const void *data, size_t len, uint8_t ret[static MRQ_SHA256_BYTES]);

/** A digest of data that comes in pieces. */
struct mrq_sha256_ctx;
MRQ_MUST_CHECK enum mrq_status mrq_sha256_new(struct mrq_sha256_ctx **ret,
					      struct mrq_error *err);
void mrq_sha256_update(struct mrq_sha256_ctx *ctx, const void *data, size_t len);
void mrq_sha256_final(struct mrq_sha256_ctx *ctx, uint8_t ret[static MRQ_SHA256_BYTES]);
void mrq_sha256_free(struct mrq_sha256_ctx *ctx);
MRQ_DEFINE_CLEANUP(mrq_sha256_free, struct mrq_sha256_ctx *)

/** HMAC-SHA-256 over the concatenation of n pieces. */
struct mrq_piece {
	const void *data;
	size_t len;
};
void mrq_hmac(const struct mrq_mac_key *key, const struct mrq_piece *pieces, size_t n,
	      uint8_t ret[static MRQ_MAC_BYTES]);

/** BLAKE2b-256 of prev (32 bytes) followed by data: a link of the audit chain. */
void mrq_chain_link(const uint8_t prev[static MRQ_BLAKE2B_BYTES], const void *data,
		    size_t len, uint8_t ret[static MRQ_BLAKE2B_BYTES]);

#endif
