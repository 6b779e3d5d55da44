/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "block.h"

#include "base/bytes.h"
#include "internal.h"
#include "kdf.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define NO_CONTEXT "no cipher context: no memory, or a fork wiped the key"
#define POOL       8
#define AAD_BYTES  (2 + sizeof(struct mrq_guid) + 8 + 4)

struct mrq_block_cipher {
	struct mrq_block_key *key; /* in the arena, to key further contexts */
	struct mrq_guid file_id;
	uint32_t generation;
	/* Idle contexts, taken and put back by exchange with NULL: no lock, no ABA. */
	_Atomic(EVP_CIPHER_CTX *) pool[POOL];
};

/* A fork wipes the arena: nothing may ever be encrypted under the zeros it leaves. */
static EVP_CIPHER_CTX *
context_new(const struct mrq_block_key *key)
{
	static const struct mrq_block_key wiped;

	if (mrq_equal(key, &wiped, sizeof(wiped)))
		return NULL;
	EVP_CIPHER_CTX *ctx MRQ_CLEANUP(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();

	if (!ctx || EVP_CipherInit_ex2(ctx, mrq_algorithms_get()->gcm, key->bytes, NULL,
				       1, NULL) != 1)
		return NULL;
	return MRQ_STEAL(ctx);
}

/* Threads begin their search at different slots, so as not to meet on one cache line. */
static unsigned
first_slot(void)
{
	static atomic_uint threads;
	static _Thread_local unsigned mine;

	if (mine == 0)
		mine = 1 +
		       atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) %
			       POOL;
	return mine - 1;
}

static EVP_CIPHER_CTX *
context_take(struct mrq_block_cipher *cipher)
{
	unsigned first = first_slot();

	for (unsigned i = 0; i < POOL; i++) {
		_Atomic(EVP_CIPHER_CTX *) *slot = &cipher->pool[(first + i) % POOL];
		EVP_CIPHER_CTX *ctx = NULL;
		if (atomic_load_explicit(slot, memory_order_relaxed))
			ctx = atomic_exchange_explicit(slot, ctx, memory_order_acq_rel);
		if (ctx)
			return ctx;
	}
	return context_new(cipher->key);
}

static void
context_give(struct mrq_block_cipher *cipher, EVP_CIPHER_CTX *ctx)
{
	unsigned first = first_slot();

	for (unsigned i = 0; i < POOL; i++) {
		EVP_CIPHER_CTX *none = NULL;
		if (atomic_compare_exchange_strong_explicit(
			    &cipher->pool[(first + i) % POOL], &none, ctx,
			    memory_order_acq_rel, memory_order_relaxed))
			return;
	}
	EVP_CIPHER_CTX_free(ctx);
}

enum mrq_status
mrq_block_cipher_new(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
		     uint32_t generation, struct mrq_block_cipher **ret,
		     struct mrq_error *err)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		calloc(1, sizeof(*c));

	if (!c)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a cipher");
	c->key = mrq_secret_alloc(sizeof(*c->key));
	if (!c->key)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no locked memory for a key; raise RLIMIT_MEMLOCK");
	c->file_id = *file_id;
	c->generation = generation;
	mrq_kdf_block_key(dk, file_id, generation, c->key);
	EVP_CIPHER_CTX *ctx = context_new(c->key);
	if (!ctx)
		return mrq_fail(err, MRQ_E_NOMEM, NO_CONTEXT);
	context_give(c, ctx);
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

void
mrq_block_cipher_free(struct mrq_block_cipher *cipher)
{
	if (!cipher)
		return;
	for (unsigned i = 0; i < POOL; i++)
		EVP_CIPHER_CTX_free(atomic_load(&cipher->pool[i]));
	mrq_secret_free(cipher->key);
	free(cipher);
}

/* marque-format(5) "Blocks": version u16, file id, block index u64, generation u32. */
static void
make_aad(const struct mrq_block_cipher *cipher, uint64_t index,
	 uint8_t ret[static AAD_BYTES])
{
	struct mrq_writer w = mrq_writer_make(ret, AAD_BYTES);

	mrq_write_u16(&w, MRQ_BLOCK_AAD_VERSION);
	mrq_write_bytes(&w, cipher->file_id.bytes, sizeof(cipher->file_id.bytes));
	mrq_write_u64(&w, index);
	mrq_write_u32(&w, cipher->generation);
}

/* All but the tag.  Only the IV is set anew: the context keeps its key. */
static bool
run(EVP_CIPHER_CTX *ctx, bool encrypt, const uint8_t *nonce,
    const uint8_t aad[static AAD_BYTES], const uint8_t *in, uint8_t *out, size_t len)
{
	int n;

	if (EVP_CipherInit_ex2(ctx, NULL, NULL, nonce, encrypt, NULL) != 1 ||
	    EVP_CipherUpdate(ctx, NULL, &n, aad, (int)AAD_BYTES) != 1)
		return false;
	return len == 0 || EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1;
}

static enum mrq_status
check_len(size_t len, struct mrq_error *err)
{
	if (len > MRQ_BLOCK_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a block of %zu bytes is over %d",
				len, MRQ_BLOCK_MAX);
	return MRQ_OK;
}

enum mrq_status
mrq_block_encrypt(struct mrq_block_cipher *cipher, uint64_t index, const uint8_t *in,
		  uint8_t *out, size_t len, uint8_t nonce[static MRQ_NONCE_BYTES],
		  uint8_t tag[static MRQ_TAG_BYTES], struct mrq_error *err)
{
	uint8_t aad[AAD_BYTES], rest[MRQ_TAG_BYTES];
	int n;

	MRQ_TRY(check_len(len, err));
	EVP_CIPHER_CTX *ctx = context_take(cipher);
	if (!ctx)
		return mrq_fail(err, MRQ_E_NOMEM, NO_CONTEXT);
	make_aad(cipher, index, aad);
	mrq_nonce_take(nonce);
	bool ok = run(ctx, true, nonce, aad, in, out, len) &&
		  EVP_CipherFinal_ex(ctx, rest, &n) == 1 &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, MRQ_TAG_BYTES, tag) ==
			  1;
	context_give(cipher, ctx);
	if (!ok)
		return mrq_fail(err, MRQ_E_SYS, "OpenSSL cannot encrypt block %llu",
				(unsigned long long)index);
	return MRQ_OK;
}

enum mrq_status
mrq_block_decrypt(struct mrq_block_cipher *cipher, uint64_t index, const uint8_t *in,
		  uint8_t *out, size_t len, const uint8_t nonce[static MRQ_NONCE_BYTES],
		  const uint8_t tag[static MRQ_TAG_BYTES], struct mrq_error *err)
{
	uint8_t aad[AAD_BYTES], expected[MRQ_TAG_BYTES], rest[MRQ_TAG_BYTES];
	int n;

	MRQ_TRY(check_len(len, err));
	EVP_CIPHER_CTX *ctx = context_take(cipher);
	if (!ctx)
		return mrq_fail(err, MRQ_E_NOMEM, NO_CONTEXT);
	make_aad(cipher, index, aad);
	memcpy(expected, tag, sizeof(expected));
	bool ok = run(ctx, false, nonce, aad, in, out, len) &&
		  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, MRQ_TAG_BYTES,
				      expected) == 1 &&
		  EVP_CipherFinal_ex(ctx, rest, &n) == 1;
	context_give(cipher, ctx);
	if (!ok) {
		mrq_wipe(out, len);
		return mrq_fail(
			err, MRQ_E_DAMAGED,
			"block %llu fails authentication: it was changed, moved "
			"or written under another key",
			(unsigned long long)index);
	}
	return MRQ_OK;
}
