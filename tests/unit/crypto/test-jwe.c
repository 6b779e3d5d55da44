/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "crypto/jose.h"

static struct mrq_private_key *key;
static struct mrq_public_key *pub;
static const struct mrq_content_key ck = { { 1, 2, 3 } };

static int
make_keys(void **state)
{
	(void)state;
	return mrq_private_key_generate(&key, NULL) != MRQ_OK ||
	       mrq_private_key_public(key, &pub, NULL) != MRQ_OK;
}

static int
free_keys(void **state)
{
	(void)state;
	mrq_private_key_free(key);
	mrq_public_key_free(pub);
	return 0;
}

static char *
seal(void)
{
	char *jwe = NULL;
	struct mrq_error err;

	check_ok(mrq_jwe_seal_content_key(pub, &ck, &jwe, &err), &err);
	return jwe;
}

static void
round_trip(void **state)
{
	struct mrq_content_key back;
	struct mrq_error err;

	(void)state;
	for (int i = 0; i < 10; i++) {
		char *jwe MRQ_CLEANUP(free) = seal();
		check_ok(mrq_jwe_open_content_key(key, jwe, strlen(jwe), &back, &err),
			 &err);
		assert_memory_equal(&ck, &back, sizeof(ck));
	}
}

static void
same_key_twice_differs(void **state)
{
	char *a MRQ_CLEANUP(free) = seal();
	char *b MRQ_CLEANUP(free) = seal();

	(void)state;
	assert_string_not_equal(a, b);
}

static void
other_key_is_refused(void **state)
{
	struct mrq_private_key *other MRQ_CLEANUP(mrq_private_key_free) = NULL;
	char *jwe MRQ_CLEANUP(free) = seal();
	struct mrq_content_key back;
	struct mrq_error err;

	(void)state;
	check_ok(mrq_private_key_generate(&other, &err), &err);
	check_status(mrq_jwe_open_content_key(other, jwe, strlen(jwe), &back, &err),
		     MRQ_E_DAMAGED, &err);
}

static void
flipped_bits_are_refused_and_ret_stays(void **state)
{
	static const struct mrq_content_key untouched = { { 0x55 } };
	struct mrq_content_key back = untouched;
	char *jwe MRQ_CLEANUP(free) = seal();
	size_t len = strlen(jwe);

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		jwe[bit / 8] ^= (char)(1 << bit % 8);
		enum mrq_status s =
			mrq_jwe_open_content_key(key, jwe, len, &back, NULL);
		if (s != MRQ_E_DAMAGED && s != MRQ_E_FORMAT && s != MRQ_E_VERSION)
			fail_msg("bit %zu: %s", bit, mrq_status_name(s));
		jwe[bit / 8] ^= (char)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(
			mrq_jwe_open_content_key(key, jwe, cut, &back, NULL), MRQ_OK);
	assert_memory_equal(&back, &untouched, sizeof(back));
	check_ok(mrq_jwe_open_content_key(key, jwe, len, &back, NULL), NULL);
}

struct bad_header {
	const char *before, *after; /* around the epk */
	enum mrq_status status;
};

/* Refused for the header alone, before any key is touched. */
static void
bad_headers_are_refused(void **state)
{
#define ALG "\"alg\":\"ECDH-ES+A256KW\""
#define ENC "\"enc\":\"A256GCM\""
	static const struct bad_header bad[] = {
		{ "{\"alg\":\"ECDH-ES\"," ENC ",\"epk\":", "}", MRQ_E_VERSION },
		{ "{\"alg\":\"dir\"," ENC ",\"epk\":", "}", MRQ_E_VERSION },
		{ "{" ALG ",\"enc\":\"A128GCM\",\"epk\":", "}", MRQ_E_VERSION },
		{ "{" ALG ",\"epk\":", "}", MRQ_E_VERSION },
		{ "{" ALG "," ENC ",\"crit\":[\"x\"],\"epk\":", "}", MRQ_E_FORMAT },
		{ "{" ALG "," ENC ",\"zip\":\"DEF\",\"epk\":", "}", MRQ_E_FORMAT },
		{ "{" ALG "," ENC ",\"apu\":\"QQ\",\"epk\":", "}", MRQ_E_FORMAT },
		{ "{" ALG "," ENC ",\"apv\":\"QQ\",\"epk\":", "}", MRQ_E_FORMAT },
		{ "{" ALG "," ALG "," ENC ",\"epk\":", "}", MRQ_E_FORMAT },
		{ "{" ALG "," ENC ",\"kid\":\"x\",\"epk\":", "}", MRQ_E_DAMAGED },
		{ "{" ALG "," ENC ",\"x\":", "}", MRQ_E_FORMAT },
		{ "{" ALG "," ENC ",\"epk\":[", "]}", MRQ_E_FORMAT },
		/* A sound header that the ciphertext was not made under. */
		{ "{" ALG "," ENC ",\"epk\":", "}", MRQ_E_DAMAGED },
	};
	char *jwe MRQ_CLEANUP(free) = seal();
	char epk[MRQ_JWK_MAX];
	struct mrq_content_key back;
	struct mrq_error err;

	(void)state;
	mrq_public_key_format(pub, epk);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char header[1024], text[MRQ_JWE_MAX];
		int n = snprintf(header, sizeof(header), "%s%s%s", bad[i].before, epk,
				 bad[i].after);
		char *at = mrq_b64_put(text, header, (size_t)n);
		(void)strcpy(at, strchr(jwe, '.'));
		check_status(
			mrq_jwe_open_content_key(key, text, strlen(text), &back, &err),
			bad[i].status, &err);
	}
}

/* An ephemeral point off the curve must not reach the private key. */
static void
points_off_the_curve_are_refused(void **state)
{
	static const char header[] =
		"{" ALG "," ENC ",\"epk\":{\"crv\":\"P-256\",\"kty\":\"EC\","
		"\"x\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
		"\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\"}}";
	char *jwe MRQ_CLEANUP(free) = seal();
	char text[MRQ_JWE_MAX];
	struct mrq_content_key back;
	struct mrq_pk_counters before, after;
	struct mrq_error err;

	(void)state;
	mrq_pk_counters_get(&before);
	(void)strcpy(mrq_b64_put(text, header, sizeof(header) - 1), strchr(jwe, '.'));
	check_status(mrq_jwe_open_content_key(key, text, strlen(text), &back, &err),
		     MRQ_E_FORMAT, &err);
	mrq_pk_counters_get(&after);
	assert_int_equal(before.open, after.open);
}

static void
limit(void **state)
{
	char text[MRQ_JWE_MAX + 1];
	struct mrq_content_key back;
	struct mrq_error err;

	(void)state;
	memset(text, 'A', sizeof(text));
	check_status(mrq_jwe_open_content_key(key, text, sizeof(text), &back, &err),
		     MRQ_E_LIMIT, &err);
	check_status(mrq_jwe_open_content_key(key, text, sizeof(text) - 1, &back, &err),
		     MRQ_E_FORMAT, &err);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, make_keys, free_keys)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(round_trip),
		CASE(same_key_twice_differs),
		CASE(other_key_is_refused),
		CASE(flipped_bits_are_refused_and_ret_stays),
		CASE(bad_headers_are_refused),
		CASE(points_off_the_curve_are_refused),
		CASE(limit),
	};

	return CHECK_MAIN(tests);
}
