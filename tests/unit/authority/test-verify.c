/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a forger may try: flipped bytes, other organisations, other keys, lifted parts. */
#include "fixture.h"

#include "base/bytes.h"
#include "crypto/kdf.h"
#include "crypto/keyring.h"

#define OWNER "owner@example.com"

static enum mrq_status
lookup(void *arg, const char *kid, struct mrq_public_key **ret, struct mrq_error *err)
{
	struct world *w = arg;

	return mrq_authority_public_key(w->a, kid, ret, err);
}

static enum mrq_status
self_lookup(void *arg, const char *kid, struct mrq_public_key **ret,
	    struct mrq_error *err)
{
	(void)kid;
	return mrq_private_key_public(arg, ret, err);
}

static void
test_verify(void **state)
{
	struct world *w = *state;
	struct mrq_licence *licence = NULL;
	struct mrq_mint what = ad_hoc();
	char *pl = mint(w, &what);

	check_ok(mrq_licence_verify(pl, strlen(pl), lookup, w, &licence, &w->err),
		 &w->err);
	assert_string_equal(licence->owner, OWNER);
	assert_string_equal(licence->org, ORG);
	assert_int_equal(licence->created, NOW);
	mrq_licence_free(licence);
	free(pl);
}

/* Whichever byte of a licence is changed: nothing is granted. */
static void
test_byte_flips(void **state)
{
	static const uint8_t flips[] = { 0x01, 0x02, 0x20, 0x80 };
	struct world *w = *state;
	struct mrq_identity *who = NULL;
	struct mrq_grant g = grant("org", MRQ_RIGHTS_ALL);
	struct mrq_mint what = ad_hoc();

	what.grants = &g;
	what.n_grants = 1;
	char *pl = mint(w, &what);
	size_t len = strlen(pl);
	check_ok(mrq_authority_identity(w->a, "x@example.com", NULL, 0, &who, &w->err),
		 &w->err);
	for (size_t i = 0; i < len; i++) {
		for (size_t k = 0; k < sizeof(flips); k++) {
			struct mrq_use_licence use = { 0 };
			pl[i] = (char)((uint8_t)pl[i] ^ flips[k]);
			enum mrq_status s = mrq_authority_use(w->a, pl, len, who, NOW,
							      &use, &w->err);
			if (s == MRQ_OK || use.rights || use.has_key)
				fail_msg("byte %zu of %zu, flip %02x: granted", i, len,
					 flips[k]);
			pl[i] = (char)((uint8_t)pl[i] ^ flips[k]);
		}
	}
	struct mrq_use_licence use = { 0 };
	check_ok(mrq_authority_use(w->a, pl, len, who, NOW, &use, &w->err), &w->err);
	mrq_identity_free(who);
	free(pl);
}

static void
test_cuts_and_tails(void **state)
{
	struct world *w = *state;
	struct mrq_identity *who = NULL;
	struct mrq_mint what = ad_hoc();
	char *pl = mint(w, &what);
	size_t len = strlen(pl);
	char *longer = calloc(1, len + 2);

	check_ok(mrq_authority_identity(w->a, OWNER, NULL, 0, &who, &w->err), &w->err);
	assert_non_null(longer);
	for (size_t cut = 0; cut < len; cut += cut < len - 100 ? 7 : 1) {
		struct mrq_use_licence use = { 0 };
		assert_true(mrq_authority_use(w->a, pl, cut, who, NOW, &use, &w->err) !=
			    MRQ_OK);
		assert_false(use.has_key);
	}
	memcpy(longer, pl, len);
	for (int c = 0; c < 256; c++) {
		struct mrq_use_licence use = { 0 };
		longer[len] = (char)c;
		assert_true(mrq_authority_use(w->a, longer, len + 1, who, NOW, &use,
					      &w->err) != MRQ_OK);
	}
	mrq_identity_free(who);
	free(longer);
	free(pl);
}

static void
test_too_long(void **state)
{
	struct world *w = *state;
	struct mrq_licence *licence = NULL;
	char *big = malloc(MRQ_LICENCE_SIGNED_MAX + 1);

	assert_non_null(big);
	memset(big, 'A', MRQ_LICENCE_SIGNED_MAX + 1);
	check_status(mrq_licence_verify(big, MRQ_LICENCE_SIGNED_MAX + 1, lookup, w,
					&licence, &w->err),
		     MRQ_E_LIMIT, &w->err);
	check_status(mrq_licence_verify(big, MRQ_LICENCE_SIGNED_MAX, lookup, w,
					&licence, &w->err),
		     MRQ_E_FORMAT, &w->err);
	free(big);
}

static void
test_foreign_org(void **state)
{
	struct world *w = *state;
	struct world foreign = { 0 };
	struct mrq_use_licence use = { 0 };
	struct mrq_mint what = ad_hoc();

	world_open(&foreign, "foreign.example");
	what.org = "foreign.example";
	char *pl = mint(&foreign, &what);
	check_ok(use_at(&foreign, pl, OWNER, NOW, &use), &foreign.err);
	use = (struct mrq_use_licence){ 0 };
	check_status(use_at(w, pl, OWNER, NOW, &use), MRQ_E_NO_KEY, &w->err);
	assert_false(use.has_key);
	free(pl);
	/* Under our name, with their keys. */
	what.org = ORG;
	pl = mint(&foreign, &what);
	check_status(use_at(w, pl, OWNER, NOW, &use), MRQ_E_NO_KEY, &w->err);
	check_status(use_at(&foreign, pl, OWNER, NOW, &use), MRQ_E_FORGED,
		     &foreign.err);
	free(pl);
	world_close(&foreign);
}

/* A licence sealed to a key of the organisation, under a certificate of another. */
static void
test_foreign_certificate(void **state)
{
	struct world *w = *state;
	struct world foreign = { 0 };
	struct mrq_use_licence use = { 0 };
	struct mrq_mint what = ad_hoc();

	world_open(&foreign, ORG);
	struct mrq_publishing mixed = *foreign.publishing;
	mixed.seal_to = w->publishing->seal_to;
	struct mrq_publishing *own = w->publishing;
	w->publishing = &mixed;
	char *pl = mint(w, &what);
	w->publishing = own;
	check_status(use_at(w, pl, OWNER, NOW, &use), MRQ_E_NO_KEY, &w->err);
	assert_false(use.has_key);
	free(pl);
	world_close(&foreign);
}

/* Somebody's certificate beside a key that it does not name. */
static void
test_certificate_of_another_key(void **state)
{
	struct world *w = *state;
	struct mrq_publishing *other = NULL;
	struct mrq_use_licence use = { 0 };
	struct mrq_mint what = ad_hoc();

	world_publishing(w, "host:beta", &other);
	struct mrq_publishing mixed = *w->publishing;
	mixed.key = other->key;
	struct mrq_publishing *own = w->publishing;
	w->publishing = &mixed;
	char *pl = mint(w, &what);
	w->publishing = own;
	check_status(use_at(w, pl, OWNER, NOW, &use), MRQ_E_FORGED, &w->err);
	free(pl);
	mrq_publishing_free(other);
}

static char *
sign_licence(struct world *w, const struct mrq_publishing *with,
	     const struct mrq_licence *licence)
{
	char *json = NULL;
	char *pl = NULL;
	size_t len;

	check_ok(mrq_licence_encode(licence, &json, &len, &w->err), &w->err);
	check_ok(mrq_jws_sign(with->key, MRQ_LICENCE_TYP, json, len, &pl, &w->err),
		 &w->err);
	free(json);
	return pl;
}

/*
 * The sealed key of a victim's licence, lifted into one that the thief may sign and own: the
 * authority opens it, since the thief is the owner, but what comes out is another key.
 */
static void
test_lifted_key(void **state)
{
	struct world *w = *state;
	struct mrq_publishing *thief = NULL;
	struct mrq_licence *licence = NULL;
	struct mrq_content_key victim;
	struct mrq_use_licence use = { 0 };
	struct mrq_mint what = ad_hoc();
	char *pl = mint_at(w, &what, NOW, &victim);

	world_publishing(w, "user:thief@example.com", &thief);
	check_ok(mrq_licence_verify(pl, strlen(pl), lookup, w, &licence, &w->err),
		 &w->err);
	free(licence->certificate);
	licence->certificate = strdup(thief->certificate);
	memcpy(licence->owner, "thief@example.com", sizeof("thief@example.com"));
	memcpy(licence->issuer, "thief@example.com", sizeof("thief@example.com"));
	char *lifted = sign_licence(w, thief, licence);
	check_ok(use_at(w, lifted, "thief@example.com", NOW, &use), &w->err);
	assert_true(use.has_key);
	assert_memory_not_equal(&use.key, &victim, sizeof(victim));
	free(lifted);
	free(pl);
	mrq_licence_free(licence);
	mrq_publishing_free(thief);
}

/* The example of marque-licence(5), made by an independent script. */
static void
test_content_key_of_page(void **state)
{
	static const char want[] =
		"164f58b753359b44d563190774327333d965cd2525844f80cafc672d306560a0";
	struct mrq_guid cid = guid_of("6f0e1a2b-4c5d-4e6f-8a9b-0c1d2e3f4a5b");
	struct mrq_content_key seed;
	struct mrq_content_key key;
	char hex[2 * sizeof(key) + 1];
	uint8_t bytes[sizeof(seed)];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	memcpy(&seed, bytes, sizeof(seed));
	mrq_kdf_content_key(&seed, &cid, "jH8gfAulFSq7CYMkOP1OomDmht7_8dkByMeqZgsYZ3I",
			    &key);
	mrq_hex_encode((const uint8_t *)&key, sizeof(key), hex);
	assert_string_equal(hex, want);
}

/* The certificate of a user vouches only for what that user protects. */
static void
test_subject_user(void **state)
{
	struct world *w = *state;
	struct mrq_publishing *user = NULL;
	struct mrq_publishing *own = w->publishing;
	struct mrq_use_licence use = { 0 };
	struct mrq_mint what = ad_hoc();

	world_publishing(w, "user:issuer@example.com", &user);
	w->publishing = user;
	char *good = mint(w, &what);
	what.issuer = "other@example.com";
	char *bad = mint(w, &what);
	w->publishing = own;
	check_ok(use_at(w, good, OWNER, NOW, &use), &w->err);
	check_status(use_at(w, bad, OWNER, NOW, &use), MRQ_E_FORGED, &w->err);
	free(good);
	free(bad);
	mrq_publishing_free(user);
}

/* Made before or after the certificate's time, with a key that is right. */
static void
test_outside_certificate_time(void **state)
{
	static const struct {
		int64_t created;
		enum mrq_status want;
	} cases[] = {
		{ NOW - 3600, MRQ_OK },
		{ NOW - 3601, MRQ_E_FORGED },
		{ NOW + DAY, MRQ_OK },
		{ NOW + DAY + 1, MRQ_E_FORGED },
		{ NOW - 365 * DAY, MRQ_E_FORGED },
	};
	struct world *w = *state;
	struct mrq_licence *licence = NULL;
	struct mrq_use_licence use = { 0 };
	struct mrq_mint what = ad_hoc();
	char *pl = mint(w, &what);

	check_ok(mrq_licence_verify(pl, strlen(pl), lookup, w, &licence, &w->err),
		 &w->err);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		licence->created = cases[i].created;
		char *dated = sign_licence(w, w->publishing, licence);
		check_status(use_at(w, dated, OWNER, NOW, &use), cases[i].want,
			     &w->err);
		free(dated);
	}
	mrq_licence_free(licence);
	free(pl);
}

static void
test_unknown_kid(void **state)
{
	struct world *w = *state;
	struct mrq_licence *licence = NULL;
	struct mrq_use_licence use = { 0 };
	struct mrq_mint what = ad_hoc();
	char *pl = mint(w, &what);

	check_ok(mrq_licence_verify(pl, strlen(pl), lookup, w, &licence, &w->err),
		 &w->err);
	memcpy(licence->key_id, "unknown", sizeof("unknown"));
	char *other = sign_licence(w, w->publishing, licence);
	check_status(use_at(w, other, OWNER, NOW, &use), MRQ_E_NO_KEY, &w->err);
	free(other);
	free(pl);
	mrq_licence_free(licence);
}

/* A certificate is no licence and no revocation list, though the organisation signed it. */
static void
test_types_are_not_confused(void **state)
{
	struct world *w = *state;
	struct mrq_licence *licence = NULL;
	struct mrq_certificate *crt = NULL;
	struct mrq_revocation_list list = { 0 };
	const char *jws = w->publishing->certificate;
	struct mrq_mint what = ad_hoc();
	char *pl = mint(w, &what);

	assert_true(mrq_licence_verify(jws, strlen(jws), lookup, w, &licence,
				       &w->err) != MRQ_OK);
	assert_true(mrq_revocation_list_verify(jws, strlen(jws), lookup, w, &list,
					       &w->err) != MRQ_OK);
	assert_true(mrq_certificate_verify(pl, strlen(pl), lookup, w, &crt, &w->err) !=
		    MRQ_OK);
	check_ok(mrq_certificate_verify(jws, strlen(jws), lookup, w, &crt, &w->err),
		 &w->err);
	assert_string_equal(crt->subject, "host:alpha");
	assert_int_equal(crt->not_after, NOW + DAY);
	mrq_certificate_free(crt);
	free(pl);
}

static void
test_certify_bounds(void **state)
{
	struct world *w = *state;
	const struct mrq_public_key *key = w->publishing->seal_to;
	char long_name[MRQ_SUBJECT_MAX + 2];
	char *crt = NULL;

	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	check_status(mrq_authority_certify(w->a, key, "", NOW, NOW + 1, &crt, &w->err),
		     MRQ_E_INVAL, &w->err);
	check_status(mrq_authority_certify(w->a, key, long_name, NOW, NOW + 1, &crt,
					   &w->err),
		     MRQ_E_INVAL, &w->err);
	check_status(
		mrq_authority_certify(w->a, key, "host:", NOW, NOW + 1, &crt, &w->err),
		MRQ_E_INVAL, &w->err);
	check_status(mrq_authority_certify(w->a, key, "user:ann", NOW, NOW + 1, &crt,
					   &w->err),
		     MRQ_E_INVAL, &w->err);
	check_status(mrq_authority_certify(w->a, key, "ann@example.com", NOW, NOW + 1,
					   &crt, &w->err),
		     MRQ_E_INVAL, &w->err);
	check_status(
		mrq_authority_certify(w->a, key, "host:x", NOW, NOW, &crt, &w->err),
		MRQ_E_INVAL, &w->err);
	check_status(mrq_authority_certify(w->a, key, "host:x", NOW, NOW + 401 * DAY,
					   &crt, &w->err),
		     MRQ_E_INVAL, &w->err);
	check_status(mrq_authority_certify(w->a, key, "host:a\nb", NOW, NOW + 1, &crt,
					   &w->err),
		     MRQ_E_INVAL, &w->err);
	assert_null(crt);
}

/* A certificate that names the key to seal to: a licence sealed to another is refused. */
static void
test_certificate_with_enc(void **state)
{
	struct world *w = *state;
	struct mrq_public_key *own = NULL;
	char own_jwk[MRQ_JWK_MAX];
	char enc_jwk[MRQ_JWK_MAX];
	struct mrq_mint what = ad_hoc();

	check_ok(mrq_private_key_public(w->publishing->key, &own, &w->err), &w->err);
	mrq_public_key_format(own, own_jwk);
	for (int right = 0; right < 2; right++) {
		struct mrq_private_key *org = NULL;
		struct mrq_public_key *org_public = NULL;
		struct mrq_licence *licence = NULL;
		char *crt = NULL;
		check_ok(mrq_private_key_generate(&org, &w->err), &w->err);
		check_ok(mrq_private_key_public(org, &org_public, &w->err), &w->err);
		mrq_public_key_format(right ? org_public : own, enc_jwk);
		const char *json =
			fmt("{\"v\":1,\"org\":\"example.com\",\"sub\":\"host:x\","
			    "\"jwk\":%s,\"nbf\":0,\"exp\":9999999999,"
			    "\"enc\":%s}",
			    own_jwk, enc_jwk);
		check_ok(mrq_jws_sign(org, MRQ_CERTIFICATE_TYP, json, strlen(json),
				      &crt, &w->err),
			 &w->err);
		struct mrq_publishing mixed = { .key = w->publishing->key,
						.certificate = crt,
						.seal_to = org_public };
		struct mrq_publishing *before = w->publishing;
		w->publishing = &mixed;
		char *pl = mint(w, &what);
		w->publishing = before;
		check_status(mrq_licence_verify(pl, strlen(pl), self_lookup, org,
						&licence, &w->err),
			     right ? MRQ_OK : MRQ_E_FORGED, &w->err);
		mrq_licence_free(licence);
		free(pl);
		free(crt);
		mrq_public_key_free(org_public);
		mrq_private_key_free(org);
	}
	mrq_public_key_free(own);
}

struct payload {
	const char *json;
	enum mrq_status want;
};

static void
test_malformed_certificates(void **state)
{
	static const struct payload payloads[] = {
		{ "{}", MRQ_E_VERSION },
		{ "[]", MRQ_E_FORMAT },
		{ "{\"v\":2,\"org\":\"o\"}", MRQ_E_VERSION },
		{ "{\"v\":1}", MRQ_E_FORMAT },
		{ "{\"v\":1,\"org\":\"a@b\",\"sub\":\"host:s\",\"nbf\":0,\"exp\":1}",
		  MRQ_E_FORMAT },
		{ "{\"v\":1,\"org\":\"o\",\"sub\":\"\",\"nbf\":0,\"exp\":1}",
		  MRQ_E_FORMAT },
		{ "{\"v\":1,\"org\":\"o\",\"sub\":\"host:s\",\"nbf\":2,\"exp\":1}",
		  MRQ_E_FORMAT },
		{ "{\"v\":1,\"org\":\"o\",\"sub\":\"host:s\",\"nbf\":0,\"exp\":1}",
		  MRQ_E_FORMAT },
		{ "{\"v\":1,\"org\":\"o\",\"sub\":\"host:s\",\"nbf\":0,\"exp\":1,"
		  "\"jwk\":\"k\"}",
		  MRQ_E_FORMAT },
		{ "{\"v\":1,\"v\":1}", MRQ_E_FORMAT },
	};
	struct world *w = *state;
	struct mrq_certificate *crt = NULL;

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		char *jws = NULL;
		check_ok(mrq_jws_sign(w->publishing->key, MRQ_CERTIFICATE_TYP,
				      payloads[i].json, strlen(payloads[i].json), &jws,
				      &w->err),
			 &w->err);
		check_status(mrq_certificate_peek(jws, strlen(jws), &crt, &w->err),
			     payloads[i].want, &w->err);
		assert_null(crt);
		free(jws);
	}
}

static void
test_malformed_revocation_lists(void **state)
{
	static const struct payload payloads[] = {
		{ "{}", MRQ_E_VERSION },
		{ "{\"v\":1}", MRQ_E_FORMAT },
		{ "{\"v\":1,\"epoch\":-1,\"contents\":[],\"files\":[]}", MRQ_E_FORMAT },
		{ "{\"v\":1,\"epoch\":1,\"contents\":{},\"files\":[]}", MRQ_E_FORMAT },
		{ "{\"v\":1,\"epoch\":1,\"contents\":[\"x\"],\"files\":[]}",
		  MRQ_E_FORMAT },
		{ "{\"v\":1,\"epoch\":1,\"contents\":[3],\"files\":[]}", MRQ_E_FORMAT },
		{ "{\"v\":1,\"epoch\":1,\"contents\":[]}", MRQ_E_FORMAT },
		{ "{\"v\":1,\"epoch\":1,\"contents\":[],\"files\":[]}", MRQ_OK },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		struct mrq_revocation_list list MRQ_CLEANUP(
			mrq_revocation_list_clear) = { 0 };
		char *jws = NULL;
		check_ok(mrq_jws_sign(w->publishing->key, MRQ_REVOCATIONS_TYP,
				      payloads[i].json, strlen(payloads[i].json), &jws,
				      &w->err),
			 &w->err);
		check_status(mrq_revocation_list_verify(jws, strlen(jws), self_lookup,
							w->publishing->key, &list,
							&w->err),
			     payloads[i].want, &w->err);
		free(jws);
	}
}

/* More certificates than the verifier remembers: all go on to verify. */
static void
test_many_certificates(void **state)
{
	struct world *w = *state;
	struct mrq_publishing *own = w->publishing;
	char *licences[100];
	struct mrq_mint what = ad_hoc();

	for (size_t i = 0; i < 100; i++) {
		struct mrq_publishing *p = NULL;
		world_publishing(w, fmt("host:%zu", i), &p);
		w->publishing = p;
		licences[i] = mint(w, &what);
		mrq_publishing_free(p);
	}
	w->publishing = own;
	for (size_t round = 0; round < 2; round++) {
		for (size_t i = 0; i < 100; i++)
			assert_int_equal(rights_of(w, licences[i], OWNER),
					 MRQ_RIGHTS_ALL);
	}
	for (size_t i = 0; i < 100; i++)
		free(licences[i]);
}

#define WITH_WORLD(test)                                                               \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_verify),
		WITH_WORLD(test_byte_flips),
		WITH_WORLD(test_cuts_and_tails),
		WITH_WORLD(test_too_long),
		WITH_WORLD(test_foreign_org),
		WITH_WORLD(test_foreign_certificate),
		WITH_WORLD(test_certificate_of_another_key),
		WITH_WORLD(test_lifted_key),
		cmocka_unit_test(test_content_key_of_page),
		WITH_WORLD(test_subject_user),
		WITH_WORLD(test_outside_certificate_time),
		WITH_WORLD(test_unknown_kid),
		WITH_WORLD(test_types_are_not_confused),
		WITH_WORLD(test_certify_bounds),
		WITH_WORLD(test_certificate_with_enc),
		WITH_WORLD(test_malformed_certificates),
		WITH_WORLD(test_malformed_revocation_lists),
		WITH_WORLD(test_many_certificates),
	};

	return CHECK_MAIN(tests);
}
