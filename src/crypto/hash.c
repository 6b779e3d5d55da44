/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hash.h"

#include "internal.h"

#include <sodium.h>

#include <string.h>

#define SHA256_INPUT_BYTES 64 /* of one compression: HMAC's block */

struct mrq_sha256_ctx {
	EVP_MD_CTX *md;
};

void
mrq_sha256(const void *data, size_t len, uint8_t ret[static MRQ_SHA256_BYTES])
{
	struct mrq_scratch *s MRQ_CLEANUP(mrq_scratch_give) = mrq_scratch_take();

	mrq_must(EVP_DigestInit_ex2(s->md, NULL, NULL));
	mrq_must(EVP_DigestUpdate(s->md, data, len));
	mrq_must(EVP_DigestFinal_ex(s->md, ret, NULL));
}

enum mrq_status
mrq_sha256_new(struct mrq_sha256_ctx **ret, struct mrq_error *err)
{
	struct mrq_sha256_ctx *ctx MRQ_CLEANUP(mrq_sha256_free) =
		calloc(1, sizeof(*ctx));

	if (ctx)
		ctx->md = EVP_MD_CTX_new();
	if (!ctx || !ctx->md ||
	    EVP_DigestInit_ex2(ctx->md, mrq_algorithms_get()->sha256, NULL) != 1)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a digest");
	*ret = MRQ_STEAL(ctx);
	return MRQ_OK;
}

void
mrq_sha256_update(struct mrq_sha256_ctx *ctx, const void *data, size_t len)
{
	mrq_must(EVP_DigestUpdate(ctx->md, data, len));
}

void
mrq_sha256_final(struct mrq_sha256_ctx *ctx, uint8_t ret[static MRQ_SHA256_BYTES])
{
	mrq_must(EVP_DigestFinal_ex(ctx->md, ret, NULL));
}

void
mrq_sha256_free(struct mrq_sha256_ctx *ctx)
{
	if (!ctx)
		return;
	EVP_MD_CTX_free(ctx->md);
	free(ctx);
}

/* One half of HMAC: the digest of (key ^ pad) followed by the pieces. */
static void
keyed_digest(EVP_MD_CTX *md, const void *key, size_t key_len, uint8_t pad,
	     const struct mrq_piece *pieces, size_t n, uint8_t *ret)
{
	uint8_t block[SHA256_INPUT_BYTES] = { 0 };

	memcpy(block, key, key_len);
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] ^= pad;
	mrq_must(EVP_DigestInit_ex2(md, NULL, NULL));
	mrq_must(EVP_DigestUpdate(md, block, sizeof(block)));
	for (size_t i = 0; i < n; i++)
		mrq_must(EVP_DigestUpdate(md, pieces[i].data, pieces[i].len));
	mrq_must(EVP_DigestFinal_ex(md, ret, NULL));
	mrq_wipe(block, sizeof(block));
}

/* RFC 2104 on the thread's digest: EVP_MAC allocates three times a call. */
void
mrq_hmac_raw(const void *key, size_t key_len, const struct mrq_piece *pieces, size_t n,
	     uint8_t ret[static MRQ_MAC_BYTES])
{
	struct mrq_scratch *s MRQ_CLEANUP(mrq_scratch_give) = mrq_scratch_take();
	uint8_t inner[MRQ_SHA256_BYTES], hashed[MRQ_SHA256_BYTES];
	const struct mrq_piece again = { inner, sizeof(inner) };

	if (key_len > SHA256_INPUT_BYTES) {
		mrq_must(EVP_DigestInit_ex2(s->md, NULL, NULL));
		mrq_must(EVP_DigestUpdate(s->md, key, key_len));
		mrq_must(EVP_DigestFinal_ex(s->md, hashed, NULL));
		key = hashed;
		key_len = sizeof(hashed);
	}
	keyed_digest(s->md, key, key_len, 0x36, pieces, n, inner);
	keyed_digest(s->md, key, key_len, 0x5c, &again, 1, ret);
	mrq_wipe(inner, sizeof(inner));
	if (key == hashed)
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
