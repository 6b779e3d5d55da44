/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"
#include "crypto/jose.h"

#include <stdbool.h>

static struct mrq_private_key *key;
static struct mrq_public_key *pub;

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
sign(const char *typ, const void *payload, size_t len)
{
	char *jws = NULL;
	struct mrq_error err;

	check_ok(mrq_jws_sign(key, typ, payload, len, &jws, &err), &err);
	return jws;
}

static enum mrq_status
verify(const char *jws, size_t len, const char *typ, struct mrq_error *err)
{
	char *payload MRQ_CLEANUP(free) = NULL;
	size_t payload_len;

	return mrq_jws_verify(jws, len, typ, pub, &payload, &payload_len, err);
}

/* A JWS with any header and payload text, rightly signed. */
static char *
forge(const char *header, const char *payload)
{
	char *jws = malloc(2 * MRQ_JWS_MAX);
	uint8_t sig[MRQ_ES256_BYTES];
	EVP_PKEY *pkey MRQ_CLEANUP(EVP_PKEY_free) = NULL;

	char *at = mrq_b64_put(jws, header, strlen(header));
	*at++ = '.';
	at = mrq_b64_put(at, payload, strlen(payload));
	check_ok(mrq_private_key_pkey(key, &pkey, NULL), NULL);
	check_ok(mrq_es256_sign(pkey, jws, (size_t)(at - jws), sig, NULL), NULL);
	*at++ = '.';
	(void)mrq_b64_put(at, sig, sizeof(sig));
	return jws;
}

static void
round_trip(void **state)
{
	uint8_t data[500];
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)check_next(&seed);
	for (size_t len = 0; len < sizeof(data); len += 49) {
		char *jws MRQ_CLEANUP(free) = sign("marque-pl+jwt", data, len);
		char *payload MRQ_CLEANUP(free) = NULL;
		size_t got;
		check_ok(mrq_jws_verify(jws, strlen(jws), "marque-pl+jwt", pub,
					&payload, &got, NULL),
			 NULL);
		assert_int_equal(got, len);
		assert_memory_equal(payload, data, len);
		assert_int_equal(payload[len], 0);
	}
}

static void
peek_tells_kid_and_payload(void **state)
{
	char *jws MRQ_CLEANUP(free) = sign("t", "hello", 5);
	char *payload MRQ_CLEANUP(free) = NULL, *again MRQ_CLEANUP(free) = NULL;
	char kid[MRQ_KID_TEXT];
	size_t len;
	struct mrq_error err;

	(void)state;
	check_ok(mrq_jws_peek(jws, strlen(jws), "t", kid, &payload, &len, &err), &err);
	assert_string_equal(kid, mrq_public_key_kid(pub));
	assert_string_equal(payload, "hello");
	check_ok(mrq_jws_peek(jws, strlen(jws), NULL, NULL, &again, &len, &err), &err);
	char *none = NULL;
	check_status(mrq_jws_peek(jws, strlen(jws), "u", kid, &none, &len, &err),
		     MRQ_E_FORGED, &err);
	char *nameless MRQ_CLEANUP(free) =
		forge("{\"alg\":\"ES256\",\"typ\":\"t\"}", "x");
	check_status(
		mrq_jws_peek(nameless, strlen(nameless), "t", kid, &none, &len, &err),
		MRQ_E_FORMAT, &err);
	assert_null(none);
}

/* RFC 7515 appendix A.3. */
static void
example_of_the_rfc_verifies(void **state)
{
	static const char jwk[] =
		"{\"kty\":\"EC\",\"crv\":\"P-256\","
		"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
	static const char jws[] =
		"eyJhbGciOiJFUzI1NiJ9."
		"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
		"cGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSA"
		"pmWQxfKTUJqPP3-Kg6NU1Q";
	struct mrq_public_key *rfc MRQ_CLEANUP(mrq_public_key_free) = NULL;
	char *payload MRQ_CLEANUP(free) = NULL;
	struct mrq_error err;
	size_t len;

	(void)state;
	check_ok(mrq_public_key_parse(jwk, sizeof(jwk) - 1, &rfc, &err), &err);
	check_ok(mrq_jws_verify(jws, sizeof(jws) - 1, NULL, rfc, &payload, &len, &err),
		 &err);
	assert_memory_equal(payload, "{\"iss\":\"joe\"", 12);
}

static void
flipped_bits_are_refused(void **state)
{
	char *jws MRQ_CLEANUP(free) = sign("t", "some payload", 12);
	size_t len = strlen(jws);

	(void)state;
	for (size_t bit = 0; bit < 8 * len; bit++) {
		jws[bit / 8] ^= (char)(1 << bit % 8);
		enum mrq_status s = verify(jws, len, "t", NULL);
		if (s != MRQ_E_FORGED && s != MRQ_E_FORMAT)
			fail_msg("bit %zu: %s", bit, mrq_status_name(s));
		jws[bit / 8] ^= (char)(1 << bit % 8);
	}
	check_ok(verify(jws, len, "t", NULL), NULL);
}

static void
cut_or_longer_texts_are_refused(void **state)
{
	char *jws MRQ_CLEANUP(free) = sign("t", "some payload", 12);
	char longer[1024];
	size_t len = strlen(jws);

	(void)state;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_not_equal(verify(jws, cut, "t", NULL), MRQ_OK);
	for (const char *more = "A=. \n"; *more; more++) {
		(void)snprintf(longer, sizeof(longer), "%s%c", jws, *more);
		assert_int_not_equal(verify(longer, len + 1, "t", NULL), MRQ_OK);
		(void)snprintf(longer, sizeof(longer), "%c%s", *more, jws);
		assert_int_not_equal(verify(longer, len + 1, "t", NULL), MRQ_OK);
	}
	check_status(verify(jws, len + 1, "t", NULL), MRQ_E_FORMAT, NULL);
}

struct bad_header {
	const char *header;
	enum mrq_status status;
};

/* All of these carry a right signature. */
static void
bad_headers_are_refused(void **state)
{
	static const struct bad_header bad[] = {
		{ "{\"alg\":\"none\",\"typ\":\"t\"}", MRQ_E_FORGED },
		{ "{\"alg\":\"HS256\",\"typ\":\"t\"}", MRQ_E_FORGED },
		{ "{\"alg\":\"es256\",\"typ\":\"t\"}", MRQ_E_FORGED },
		{ "{\"alg\":\"ES256\\u0000\",\"typ\":\"t\"}", MRQ_E_FORMAT },
		{ "{\"alg\":7,\"typ\":\"t\"}", MRQ_E_FORGED },
		{ "{\"typ\":\"t\"}", MRQ_E_FORGED },
		{ "{\"alg\":\"ES256\"}", MRQ_E_FORGED },
		{ "{\"alg\":\"ES256\",\"typ\":\"T\"}", MRQ_E_FORGED },
		{ "{\"alg\":\"ES256\",\"typ\":\"t\",\"kid\":\"x\"}", MRQ_E_FORGED },
		{ "{\"alg\":\"ES256\",\"typ\":\"t\",\"kid\":7}", MRQ_E_FORGED },
		{ "{\"alg\":\"ES256\",\"typ\":\"t\",\"crit\":[]}", MRQ_E_FORMAT },
		{ "{\"alg\":\"ES256\",\"typ\":\"t\",\"b64\":false,\"crit\":[\"b64\"]}",
		  MRQ_E_FORMAT },
		{ "{\"alg\":\"none\",\"alg\":\"ES256\",\"typ\":\"t\"}", MRQ_E_FORMAT },
		{ "{\"alg\":\"ES256\",\"typ\":\"t\"", MRQ_E_FORMAT },
		{ "{\"alg\":\"ES256\",\"typ\":\"t\"}}", MRQ_E_FORMAT },
		{ "{\"alg\":\"ES256\",\"typ\":\"t\xff\"}", MRQ_E_FORMAT },
		{ "[]", MRQ_E_FORMAT },
		{ "\"ES256\"", MRQ_E_FORMAT },
		{ "", MRQ_E_FORMAT },
	};
	struct mrq_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *jws MRQ_CLEANUP(free) = forge(bad[i].header, "x");
		check_status(verify(jws, strlen(jws), "t", &err), bad[i].status, &err);
	}
	char *good MRQ_CLEANUP(free) = forge("{\"alg\":\"ES256\",\"typ\":\"t\"}", "x");
	check_ok(verify(good, strlen(good), "t", &err), &err);
}

static void
other_key_or_type_is_refused(void **state)
{
	struct mrq_private_key *other MRQ_CLEANUP(mrq_private_key_free) = NULL;
	char *foreign MRQ_CLEANUP(free) = NULL;
	char *jws MRQ_CLEANUP(free) = sign("t", "x", 1);
	struct mrq_error err;

	(void)state;
	check_ok(mrq_private_key_generate(&other, &err), &err);
	check_ok(mrq_jws_sign(other, "t", "x", 1, &foreign, &err), &err);
	check_status(verify(foreign, strlen(foreign), "t", &err), MRQ_E_FORGED, &err);
	check_status(verify(jws, strlen(jws), "tt", &err), MRQ_E_FORGED, &err);
}

/* r and s of zero, of the order, and of all ones. */
static void
degenerate_signatures_are_refused(void **state)
{
	char *jws MRQ_CLEANUP(free) = sign("t", "x", 1);
	char *at = strrchr(jws, '.') + 1;
	uint8_t sig[MRQ_ES256_BYTES] = { 0 };
	struct mrq_error err;

	(void)state;
	(void)mrq_b64_put(at, sig, sizeof(sig));
	check_status(verify(jws, strlen(jws), "t", &err), MRQ_E_FORGED, &err);
	memset(sig, 0xff, sizeof(sig));
	(void)mrq_b64_put(at, sig, sizeof(sig));
	check_status(verify(jws, strlen(jws), "t", &err), MRQ_E_FORGED, &err);
	memset(sig, 0, 32);
	(void)mrq_b64_put(at, sig, sizeof(sig));
	check_status(verify(jws, strlen(jws), "t", &err), MRQ_E_FORGED, &err);
}

static void
limits(void **state)
{
	char *big MRQ_CLEANUP(free) = malloc(MRQ_JWS_MAX + 1);
	char *jws MRQ_CLEANUP(free) = NULL, *none = NULL;
	struct mrq_error err;
	size_t len = MRQ_JWS_MAX / 4 * 3;

	(void)state;
	memset(big, 'x', MRQ_JWS_MAX + 1);
	check_status(verify(big, MRQ_JWS_MAX + 1, "t", &err), MRQ_E_LIMIT, &err);
	check_status(mrq_jws_sign(key, "t", big, MRQ_JWS_MAX + 1, &none, &err),
		     MRQ_E_LIMIT, &err);
	/* The longest payload that can be signed can be verified. */
	while (mrq_jws_sign(key, "t", big, len, &jws, &err) == MRQ_E_LIMIT)
		len--;
	assert_non_null(jws);
	assert_true(strlen(jws) > MRQ_JWS_MAX - 4 && strlen(jws) <= MRQ_JWS_MAX);
	check_ok(verify(jws, strlen(jws), "t", &err), &err);
	assert_null(none);

	char header[MRQ_JOSE_HEADER_MAX + 100];
	memset(header, ' ', sizeof(header));
	header[sizeof(header) - 1] = '\0';
	memcpy(header, "{\"alg\":\"ES256\",\"typ\":\"t\"}", 25);
	char *wide MRQ_CLEANUP(free) = forge(header, "x");
	check_status(verify(wide, strlen(wide), "t", &err), MRQ_E_LIMIT, &err);
	header[MRQ_JOSE_HEADER_MAX] = '\0';
	char *full MRQ_CLEANUP(free) = forge(header, "x");
	check_ok(verify(full, strlen(full), "t", &err), &err);
}

static void
odd_types_are_not_signed(void **state)
{
	static const char *const bad[] = {
		"", "a b", "a\"b", "a\\b", "\xc3\xa9", "a\n"
	};
	char longest[MRQ_JOSE_TYP_MAX + 2];
	char *jws MRQ_CLEANUP(free) = NULL, *none = NULL;
	struct mrq_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_status(mrq_jws_sign(key, bad[i], "x", 1, &none, &err),
			     MRQ_E_INVAL, &err);
	memset(longest, 'a', sizeof(longest));
	longest[MRQ_JOSE_TYP_MAX + 1] = '\0';
	check_status(mrq_jws_sign(key, longest, "x", 1, &none, &err), MRQ_E_INVAL,
		     &err);
	longest[MRQ_JOSE_TYP_MAX] = '\0';
	check_ok(mrq_jws_sign(key, longest, "x", 1, &jws, &err), &err);
	check_ok(verify(jws, strlen(jws), longest, &err), &err);
	assert_null(none);
}

/* Whatever a stranger sends is answered, never believed. */
static void
noise_is_refused(void **state)
{
	char *jws MRQ_CLEANUP(free) = sign("t", "some payload", 12);
	size_t len = strlen(jws);
	char *text MRQ_CLEANUP(free) = malloc(len);
	uint64_t seed = 99;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		memcpy(text, jws, len);
		size_t n = 1 + check_next(&seed) % 8;
		while (n-- > 0)
			text[check_next(&seed) % len] = (char)check_next(&seed);
		size_t cut = check_next(&seed) % 4 ? len : check_next(&seed) % len;
		if (memcmp(text, jws, len) == 0)
			continue;
		assert_int_not_equal(verify(text, cut, "t", NULL), MRQ_OK);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(round_trip, make_keys, free_keys),
		cmocka_unit_test_setup_teardown(peek_tells_kid_and_payload, make_keys,
						free_keys),
		cmocka_unit_test(example_of_the_rfc_verifies),
		cmocka_unit_test_setup_teardown(flipped_bits_are_refused, make_keys,
						free_keys),
		cmocka_unit_test_setup_teardown(cut_or_longer_texts_are_refused,
						make_keys, free_keys),
		cmocka_unit_test_setup_teardown(bad_headers_are_refused, make_keys,
						free_keys),
		cmocka_unit_test_setup_teardown(other_key_or_type_is_refused, make_keys,
						free_keys),
		cmocka_unit_test_setup_teardown(degenerate_signatures_are_refused,
						make_keys, free_keys),
		cmocka_unit_test_setup_teardown(limits, make_keys, free_keys),
		cmocka_unit_test_setup_teardown(odd_types_are_not_signed, make_keys,
						free_keys),
		cmocka_unit_test_setup_teardown(noise_is_refused, make_keys, free_keys),
	};

	return CHECK_MAIN(tests);
}
