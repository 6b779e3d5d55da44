/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What if the n-th allocation fails, ours or OpenSSL's?  A status other than MRQ_OK and a
 * sentence; leaks are the address sanitizer's to find.  (jansson aborts by itself.)
 */
#include <openssl/crypto.h>

#include "check.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/keyring.h"
#include "crypto/seal.h"

#include <stdbool.h>

#define ROUNDS_MAX 5000

static long countdown = -1; /* allocations until the one that fails; < 0: none will */
static bool failed;

void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);

static bool
fails_now(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failed = true;
	return true;
}

void *
__wrap_malloc(size_t len)
{
	return fails_now() ? NULL : __real_malloc(len);
}

void *
__wrap_calloc(size_t n, size_t len)
{
	return fails_now() ? NULL : __real_calloc(n, len);
}

static void *
their_malloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails_now() ? NULL : __real_malloc(len);
}

static void *
their_realloc(void *p, size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails_now() ? NULL : realloc(p, len);
}

static void
their_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static struct mrq_private_key *key;
static struct mrq_public_key *pub;
static char jwk[MRQ_JWK_MAX];
static char *jws, *jwe;
static uint8_t *sealed;
static size_t sealed_len;
static const struct mrq_seal_key under = { { 1 } };

static enum mrq_status
generate(struct mrq_error *err)
{
	struct mrq_private_key *k MRQ_CLEANUP(mrq_private_key_free) = NULL;

	return mrq_private_key_generate(&k, err);
}

static enum mrq_status
seal_key(struct mrq_error *err)
{
	uint8_t *data MRQ_CLEANUP(free) = NULL;
	size_t len;

	return mrq_private_key_seal(key, &under, &data, &len, err);
}

static enum mrq_status
unseal_key(struct mrq_error *err)
{
	struct mrq_private_key *k MRQ_CLEANUP(mrq_private_key_free) = NULL;

	return mrq_private_key_unseal(sealed, sealed_len, &under, &k, err);
}

static enum mrq_status
parse_jwk(struct mrq_error *err)
{
	struct mrq_public_key *k MRQ_CLEANUP(mrq_public_key_free) = NULL;

	return mrq_public_key_parse(jwk, strlen(jwk), &k, err);
}

static enum mrq_status
sign(struct mrq_error *err)
{
	char *text MRQ_CLEANUP(free) = NULL;

	return mrq_jws_sign(key, "t", "payload", 7, &text, err);
}

static enum mrq_status
verify(struct mrq_error *err)
{
	char *payload MRQ_CLEANUP(free) = NULL;
	size_t len;

	return mrq_jws_verify(jws, strlen(jws), "t", pub, &payload, &len, err);
}

static enum mrq_status
seal_content_key(struct mrq_error *err)
{
	const struct mrq_content_key ck = { { 1 } };
	char *text MRQ_CLEANUP(free) = NULL;

	return mrq_jwe_seal_content_key(pub, &ck, &text, err);
}

static enum mrq_status
open_content_key(struct mrq_error *err)
{
	struct mrq_content_key ck;

	return mrq_jwe_open_content_key(key, jwe, strlen(jwe), &ck, err);
}

static enum mrq_status
cipher(struct mrq_error *err)
{
	const struct mrq_data_key dk = { { 1 } };
	const struct mrq_guid id = { { 1 } };
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) = NULL;
	uint8_t data[64] = { 0 }, nonce[MRQ_NONCE_BYTES], tag[MRQ_TAG_BYTES];

	MRQ_TRY(mrq_block_cipher_new(&dk, &id, 0, &c, err));
	MRQ_TRY(mrq_block_encrypt(c, 0, data, data, sizeof(data), nonce, tag, err));
	return mrq_block_decrypt(c, 0, data, data, sizeof(data), nonce, tag, err);
}

static enum mrq_status
digest(struct mrq_error *err)
{
	struct mrq_sha256_ctx *ctx MRQ_CLEANUP(mrq_sha256_free) = NULL;

	return mrq_sha256_new(&ctx, err);
}

static enum mrq_status
buffer(struct mrq_error *err)
{
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };

	return mrq_secret_buf_init(&buf, 8, err);
}

struct operation {
	const char *name;
	enum mrq_status (*run)(struct mrq_error *err);
};

static void
each_failed_allocation_is_told(void **state)
{
	static const struct operation operations[] = {
		{ "generate", generate },
		{ "seal key", seal_key },
		{ "unseal key", unseal_key },
		{ "parse jwk", parse_jwk },
		{ "sign", sign },
		{ "verify", verify },
		{ "seal content key", seal_content_key },
		{ "open content key", open_content_key },
		{ "cipher", cipher },
		{ "digest", digest },
		{ "buffer", buffer },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		long n = 0;
		for (failed = true; failed && n < ROUNDS_MAX; n++) {
			struct mrq_error err = { .status = MRQ_OK };
			failed = false;
			countdown = n;
			enum mrq_status s = operations[i].run(&err);
			countdown = -1;
			if (!failed)
				check_ok(s, &err);
			if (s != MRQ_OK && (err.status != s || !err.msg[0]))
				fail_msg("%s, allocation %ld: no sentence",
					 operations[i].name, n);
		}
		assert_in_range(n, 2, ROUNDS_MAX - 1);
	}
}

/* Digests, MACs and wraps have no way to fail: they allocate nothing that they need. */
static void *
without_memory(void *arg)
{
	const struct mrq_wrap_key wk = { { 1 } };
	const struct mrq_mac_key mk = { { 1 } };
	const struct mrq_piece piece = { "x", 1 };
	struct mrq_data_key dk = { { 2 } }, back;
	uint8_t wrapped[MRQ_WRAPPED_BYTES], mac[MRQ_MAC_BYTES];

	for (long n = 0; n < 10; n++) {
		countdown = n;
		mrq_hmac(&mk, &piece, 1, mac);
		mrq_key_wrap(&wk, &dk, wrapped);
		enum mrq_status s = mrq_key_unwrap(&wk, wrapped, &back, NULL);
		countdown = -1;
		if (s != MRQ_OK || memcmp(&dk, &back, sizeof(dk)) != 0)
			return arg;
	}
	return NULL;
}

static void
what_cannot_fail_does_not(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		pthread_t thread;
		void *result;
		assert_int_equal(pthread_create(&thread, NULL, without_memory, state),
				 0);
		assert_int_equal(pthread_join(thread, &result), 0);
		assert_null(result);
	}
}

static int
make_all(void **state)
{
	const struct mrq_content_key ck = { { 1 } };

	(void)state;
	if (mrq_private_key_generate(&key, NULL) != MRQ_OK ||
	    mrq_private_key_public(key, &pub, NULL) != MRQ_OK ||
	    mrq_jws_sign(key, "t", "payload", 7, &jws, NULL) != MRQ_OK ||
	    mrq_jwe_seal_content_key(pub, &ck, &jwe, NULL) != MRQ_OK ||
	    mrq_private_key_seal(key, &under, &sealed, &sealed_len, NULL) != MRQ_OK)
		return -1;
	mrq_public_key_format(pub, jwk);
	return 0;
}

static int
free_all(void **state)
{
	(void)state;
	mrq_private_key_free(key);
	mrq_public_key_free(pub);
	free(jws);
	free(jwe);
	free(sealed);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_failed_allocation_is_told,
						make_all, free_all),
		cmocka_unit_test(what_cannot_fail_does_not),
	};

	/* Before anybody has allocated there. */
	if (CRYPTO_set_mem_functions(their_malloc, their_realloc, their_free) != 1)
		return 1;
	return CHECK_MAIN(tests);
}
