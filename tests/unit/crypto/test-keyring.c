/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/keyring.h"

#include <sys/wait.h>

#include "check.h"
#include "crypto/jose.h"

#include <signal.h>

static struct mrq_private_key *
generate(void)
{
	struct mrq_private_key *key = NULL;
	struct mrq_error err;

	check_ok(mrq_private_key_generate(&key, &err), &err);
	return key;
}

static struct mrq_public_key *
public_of(const struct mrq_private_key *key)
{
	struct mrq_public_key *pub = NULL;
	struct mrq_error err;

	check_ok(mrq_private_key_public(key, &pub, &err), &err);
	return pub;
}

static void
generated_keys_differ(void **state)
{
	struct mrq_private_key *a MRQ_CLEANUP(mrq_private_key_free) = generate();
	struct mrq_private_key *b MRQ_CLEANUP(mrq_private_key_free) = generate();
	struct mrq_public_key *pa MRQ_CLEANUP(mrq_public_key_free) = public_of(a);
	struct mrq_public_key *pb MRQ_CLEANUP(mrq_public_key_free) = public_of(b);

	(void)state;
	assert_int_equal(strlen(mrq_public_key_kid(pa)), MRQ_KID_TEXT - 1);
	assert_string_not_equal(mrq_public_key_kid(pa), mrq_public_key_kid(pb));
}

static void
jwk_round_trip(void **state)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = generate();
	struct mrq_public_key *pub MRQ_CLEANUP(mrq_public_key_free) = public_of(key);
	struct mrq_public_key *back MRQ_CLEANUP(mrq_public_key_free) = NULL;
	char text[MRQ_JWK_MAX], again[MRQ_JWK_MAX];
	struct mrq_error err;

	(void)state;
	mrq_public_key_format(pub, text);
	assert_memory_equal(text, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"", 30);
	check_ok(mrq_public_key_parse(text, strlen(text), &back, &err), &err);
	mrq_public_key_format(back, again);
	assert_string_equal(text, again);
	assert_string_equal(mrq_public_key_kid(pub), mrq_public_key_kid(back));
}

/* RFC 7515 appendix A.3: the public key, and with spaces and members that do not matter. */
#define X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"

static void
jwk_parse_takes(void **state)
{
	static const char *const good[] = {
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
		" { \"y\" : \"" Y "\", \"x\":\"" X "\", \"crv\":\"P-256\","
		"\"kty\":\"EC\", \"use\":\"sig\", \"n\":[1,{}] }\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct mrq_public_key *key MRQ_CLEANUP(mrq_public_key_free) = NULL;
		struct mrq_error err;
		check_ok(mrq_public_key_parse(good[i], strlen(good[i]), &key, &err),
			 &err);
	}
}

static void
jwk_parse_refuses(void **state)
{
#define EC "{\"kty\":\"EC\",\"crv\":\"P-256\","
	static const char *const bad[] = {
		"",
		"[]",
		"\"x\"",
		"{}",
		EC "\"x\":\"" X "\",\"y\":\"" Y "\"",
		EC "\"x\":\"" X "\",\"y\":\"" Y "\"} x",
		EC "\"x\":\"" X "\",\"y\":\"" Y "\",\"kty\":\"EC\"}",
		EC "\"x\":\"" X "\",\"y\":\"" Y "\",\"d\":\"" X "\"}",
		EC "\"x\":\"" X "\",\"y\":\"" Y "=\"}",
		EC "\"x\":\"" X "\",\"y\":\"" Y "A\"}",
		EC "\"x\":\"" X "\",\"y\":5}",
		EC "\"x\":\"" X "\"}",
		EC "\"x\":\"" Y "\",\"y\":\"" X "\"}",
		EC "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEV\",\"y\":\"" Y
		   "\"}",
		EC "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVE+\",\"y\":\"" Y
		   "\"}",
		EC "\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\","
		   "\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
		EC "\"x\":\"__________________________________________8\",\"y\":\"" Y
		   "\"}",
		"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"" X "\",\"y\":\"" Y "\"}",
		"{\"kty\":\"EC\\u0000\",\"crv\":\"P-256\",\"x\":\"" X "\",\"y\":\"" Y
		"\"}",
		"{\"kty\":\"oct\",\"k\":\"" X "\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mrq_public_key *key = NULL;
		struct mrq_error err;
		if (mrq_public_key_parse(bad[i], strlen(bad[i]), &key, &err) !=
		    MRQ_E_FORMAT)
			fail_msg("%s was taken", bad[i]);
		assert_null(key);
	}
	char *big MRQ_CLEANUP(free) = malloc(5000);
	struct mrq_public_key *key = NULL;
	memset(big, ' ', 5000);
	check_status(mrq_public_key_parse(big, 5000, &key, NULL), MRQ_E_LIMIT, NULL);
}

static void
seal_round_trip(void **state)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = generate();
	struct mrq_private_key *back MRQ_CLEANUP(mrq_private_key_free) = NULL;
	struct mrq_public_key *pub MRQ_CLEANUP(mrq_public_key_free) = public_of(key);
	const struct mrq_seal_key under = { { 1 } };
	uint8_t *sealed MRQ_CLEANUP(free) = NULL;
	char *jws MRQ_CLEANUP(free) = NULL, *payload MRQ_CLEANUP(free) = NULL;
	size_t len, payload_len;
	struct mrq_error err;

	(void)state;
	check_ok(mrq_private_key_seal(key, &under, &sealed, &len, &err), &err);
	check_ok(mrq_private_key_unseal(sealed, len, &under, &back, &err), &err);
	check_ok(mrq_jws_sign(back, "t", "x", 1, &jws, &err), &err);
	check_ok(mrq_jws_verify(jws, strlen(jws), "t", pub, &payload, &payload_len,
				&err),
		 &err);
}

static void
damaged_seals_are_refused(void **state)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = generate();
	struct mrq_private_key *back = NULL;
	const struct mrq_seal_key under = { { 1 } }, other = { { 2 } };
	uint8_t *sealed MRQ_CLEANUP(free) = NULL;
	size_t len;
	struct mrq_error err;

	(void)state;
	check_ok(mrq_private_key_seal(key, &under, &sealed, &len, &err), &err);
	check_status(mrq_private_key_unseal(sealed, len, &other, &back, &err),
		     MRQ_E_DAMAGED, &err);
	for (size_t bit = 0; bit < 8 * len; bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_status(mrq_private_key_unseal(sealed, len, &under, &back, &err),
			     bit < 8 ? MRQ_E_VERSION : MRQ_E_DAMAGED, &err);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		check_status(mrq_private_key_unseal(sealed, cut, &under, &back, &err),
			     MRQ_E_FORMAT, &err);
	assert_null(back);
}

/* The scalar's page kills who reads it outside of an operation. */
static void
scalar_is_out_of_reach_between_uses(void **state)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = generate();
	char *jws MRQ_CLEANUP(free) = NULL;
	int status;

	(void)state;
	check_ok(mrq_jws_sign(key, "t", "x", 1, &jws, NULL), NULL);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)signal(SIGSEGV, SIG_DFL);
		_exit(*(volatile uint8_t *)key->scalar.bytes & 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void *
sign_many(void *arg)
{
	for (int i = 0; i < 100; i++) {
		char *jws MRQ_CLEANUP(free) = NULL;
		if (mrq_jws_sign(arg, "t", "x", 1, &jws, NULL) != MRQ_OK)
			return arg;
	}
	return NULL;
}

static void
threads_share_a_private_key(void **state)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = generate();
	pthread_t threads[6];

	(void)state;
	for (int i = 0; i < 6; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, sign_many, key), 0);
	for (int i = 0; i < 6; i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

static void
operations_are_counted(void **state)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = generate();
	struct mrq_public_key *pub MRQ_CLEANUP(mrq_public_key_free) = public_of(key);
	char *jws MRQ_CLEANUP(free) = NULL, *payload MRQ_CLEANUP(free) = NULL;
	char *jwe MRQ_CLEANUP(free) = NULL, *peeked MRQ_CLEANUP(free) = NULL;
	struct mrq_content_key ck = { { 1 } };
	struct mrq_pk_counters before, after;
	struct mrq_error err;
	size_t len;

	(void)state;
	mrq_pk_counters_get(&before);
	check_ok(mrq_jws_sign(key, "t", "x", 1, &jws, &err), &err);
	check_ok(mrq_jws_peek(jws, strlen(jws), "t", NULL, &peeked, &len, &err), &err);
	check_ok(mrq_jws_verify(jws, strlen(jws), "t", pub, &payload, &len, &err),
		 &err);
	check_ok(mrq_jwe_seal_content_key(pub, &ck, &jwe, &err), &err);
	check_ok(mrq_jwe_open_content_key(key, jwe, strlen(jwe), &ck, &err), &err);
	mrq_pk_counters_get(&after);
	assert_int_equal(after.sign, before.sign + 1);
	assert_int_equal(after.verify, before.verify + 1);
	assert_int_equal(after.seal, before.seal + 1);
	assert_int_equal(after.open, before.open + 1);
}

static void
scalars_out_of_range_are_refused(void **state)
{
	/* The order n, SP 800-186 section 3.2.1.3. */
	static const uint8_t n[32] = { 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00,
				       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
				       0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84,
				       0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51 };
	uint8_t number[32], scalar[32], back[32];
	struct mrq_error err;

	(void)state;
	check_status(mrq_p256_import(n, scalar, &err), MRQ_E_FORMAT, &err);
	memset(number, 0xff, sizeof(number));
	check_status(mrq_p256_import(number, scalar, &err), MRQ_E_FORMAT, &err);
	memset(number, 0, sizeof(number));
	check_status(mrq_p256_import(number, scalar, &err), MRQ_E_FORMAT, &err);
	memcpy(number, n, sizeof(number));
	number[31]--;
	check_ok(mrq_p256_import(number, scalar, &err), &err);
	mrq_p256_export(scalar, back);
	assert_memory_equal(number, back, sizeof(back));
}

static void
null_is_freed(void **state)
{
	(void)state;
	mrq_private_key_free(NULL);
	mrq_public_key_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(generated_keys_differ),
		cmocka_unit_test(jwk_round_trip),
		cmocka_unit_test(jwk_parse_takes),
		cmocka_unit_test(jwk_parse_refuses),
		cmocka_unit_test(seal_round_trip),
		cmocka_unit_test(damaged_seals_are_refused),
		cmocka_unit_test(scalar_is_out_of_reach_between_uses),
		cmocka_unit_test(threads_share_a_private_key),
		cmocka_unit_test(operations_are_counted),
		cmocka_unit_test(scalars_out_of_range_are_refused),
		cmocka_unit_test(null_is_freed),
	};

	return CHECK_MAIN(tests);
}
