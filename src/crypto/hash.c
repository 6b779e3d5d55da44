/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 by OpenSSL's plain functions, deprecated as they are: EVP allocates for each digest
 * and for each copy of a state, and so could fail where no caller can.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hash.h"

#include <openssl/sha.h>
#include <sodium.h>

#include "internal.h"

#include <string.h>

struct mrq_sha256_ctx {
	SHA256_CTX state;
};

void
mrq_sha256(const void *data, size_t len, uint8_t ret[static MRQ_SHA256_BYTES])
{
	struct mrq_sha256_ctx ctx;

	mrq_must(SHA256_Init(&ctx.state));
	mrq_sha256_update(&ctx, data, len);
	mrq_sha256_final(&ctx, ret);
}

enum mrq_status
mrq_sha256_new(struct mrq_sha256_ctx **ret, struct mrq_error *err)
{
	struct mrq_sha256_ctx *ctx = malloc(sizeof(*ctx));

	if (!ctx)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a digest");
	mrq_must(SHA256_Init(&ctx->state));
	*ret = ctx;
	return MRQ_OK;
}

void
mrq_sha256_update(struct mrq_sha256_ctx *ctx, const void *data, size_t len)
{
	if (len)
		mrq_must(SHA256_Update(&ctx->state, data, len));
}

/* The state tells the input of keyed digests: gone once it is used. */
void
mrq_sha256_final(struct mrq_sha256_ctx *ctx, uint8_t ret[static MRQ_SHA256_BYTES])
{
	mrq_must(SHA256_Final(ret, &ctx->state));
	mrq_wipe(&ctx->state, sizeof(ctx->state));
}

void
mrq_sha256_free(struct mrq_sha256_ctx *ctx)
{
	if (!ctx)
		return;
	mrq_wipe(ctx, sizeof(*ctx));
	free(ctx);
}

/* One half of HMAC: the digest of (key ^ pad) followed by the pieces. */
static void
keyed_digest(const void *key, size_t key_len, uint8_t pad,
	     const struct mrq_piece *pieces, size_t n, uint8_t *ret)
{
	uint8_t block[SHA256_CBLOCK] = { 0 };
	struct mrq_sha256_ctx ctx;

	memcpy(block, key, key_len);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= pad;
	mrq_must(SHA256_Init(&ctx.state));
	mrq_sha256_update(&ctx, block, sizeof(block));
	for (size_t i = 0; i < n; i++)
		mrq_sha256_update(&ctx, pieces[i].data, pieces[i].len);
	mrq_sha256_final(&ctx, ret);
	mrq_wipe(block, sizeof(block));
}

void
mrq_hmac_raw(const void *key, size_t key_len, const struct mrq_piece *pieces, size_t n,
	     uint8_t ret[static MRQ_MAC_BYTES])
{
	uint8_t inner[MRQ_SHA256_BYTES], hashed[MRQ_SHA256_BYTES] = { 0 };
	const struct mrq_piece again = { inner, sizeof(inner) };

	if (key_len > SHA256_CBLOCK) {
		mrq_sha256(key, key_len, hashed);
		key = hashed;
		key_len = sizeof(hashed);
	}
	keyed_digest(key, key_len, 0x36, pieces, n, inner);
	keyed_digest(key, key_len, 0x5c, &again, 1, ret);
	mrq_wipe(inner, sizeof(inner));
	mrq_wipe(hashed, sizeof(hashed));
}

void
mrq_hmac(const struct mrq_mac_key *key, const struct mrq_piece *pieces, size_t n,
	 uint8_t ret[static MRQ_MAC_BYTES])
{
	mrq_hmac_raw(key->bytes, sizeof(key->bytes), pieces, n, ret);
}

void
mrq_chain_link(const uint8_t prev[static MRQ_BLAKE2B_BYTES], const void *data,
	       size_t len, uint8_t ret[static MRQ_BLAKE2B_BYTES])
{
	crypto_generichash_state state;

	mrq_must(crypto_generichash_init(&state, NULL, 0, MRQ_BLAKE2B_BYTES) == 0);
	mrq_must(crypto_generichash_update(&state, prev, MRQ_BLAKE2B_BYTES) == 0);
	mrq_must(crypto_generichash_update(&state, data, len) == 0);
	mrq_must(crypto_generichash_final(&state, ret, MRQ_BLAKE2B_BYTES) == 0);
}
