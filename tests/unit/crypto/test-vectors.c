/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Do we agree with somebody else?  tests/vectors/gen/gen-crypto.py explains the fields. */
#include "base/bytes.h"
#include "base/cleanup.h"
#include "check.h"
#include "crypto/block.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/keyring.h"
#include "crypto/seal.h"

#include <stdbool.h>

#define FIELDS_MAX 8

struct field {
	const char *text;
	uint8_t *data; /* decoded, with a NUL behind it */
	size_t len;
};

struct vector {
	const char *kind;
	struct field f[FIELDS_MAX];
};

static void
need(bool ok, const struct vector *v)
{
	if (!ok)
		fail_msg("vector %s %.40s… does not hold", v->kind, v->f[0].text);
}

static void
need_equal(const struct vector *v, const void *have, size_t field)
{
	need(memcmp(have, v->f[field].data, v->f[field].len) == 0, v);
}

/* The test's keys come from fields: any key type is 32 bytes. */
static void
take_key(const struct vector *v, size_t field, void *ret)
{
	need(v->f[field].len == MRQ_KEY_BYTES, v);
	memcpy(ret, v->f[field].data, MRQ_KEY_BYTES);
}

static uint64_t
number(const struct vector *v, size_t field)
{
	return strtoull(v->f[field].text, NULL, 10);
}

static void
check_kdf(const struct vector *v)
{
	const char *purpose = v->kind + strlen("kdf-");
	struct mrq_content_key ck;
	struct mrq_data_key dk;
	struct mrq_guid id;
	uint8_t out[32];

	take_key(v, 0, &ck);
	take_key(v, 0, &dk);
	memcpy(id.bytes, v->f[1].data, sizeof(id.bytes));
	if (strcmp(purpose, "wrap") == 0) {
		struct mrq_wrap_key k;
		mrq_kdf_wrap_key(&ck, &id, &k);
		memcpy(out, k.bytes, 32);
	} else if (strcmp(purpose, "block") == 0) {
		struct mrq_block_key k;
		mrq_kdf_block_key(&dk, &id, (uint32_t)number(v, 2), &k);
		need_equal(v, k.bytes, 3);
		return;
	} else if (strcmp(purpose, "commitment") == 0) {
		mrq_kdf_commitment(&dk, &id, out);
	} else {
		struct mrq_mac_key k;
		if (strcmp(purpose, "tree-mac") == 0)
			mrq_kdf_tree_key(&dk, &id, &k);
		else
			mrq_kdf_header_key(&dk, &id, &k);
		memcpy(out, k.bytes, 32);
	}
	need_equal(v, out, 2);
}

static void
check_content_key(const struct vector *v)
{
	struct mrq_content_key seed, out;
	struct mrq_guid id;

	take_key(v, 0, &seed);
	memcpy(id.bytes, v->f[1].data, sizeof(id.bytes));
	mrq_kdf_content_key(&seed, &id, (char *)v->f[2].data, &out);
	need_equal(v, out.bytes, 3);
}

static void
check_machine(const struct vector *v)
{
	struct mrq_seal_key secret, out;

	take_key(v, 0, &secret);
	mrq_seal_key_from_machine(&secret, (char *)v->f[1].data, (char *)v->f[2].data,
				  &out);
	need_equal(v, out.bytes, 3);
}

static void
check_kwp(const struct vector *v)
{
	struct mrq_wrap_key wk;
	struct mrq_data_key dk, back;
	uint8_t out[MRQ_WRAPPED_BYTES];

	take_key(v, 0, &wk);
	take_key(v, 1, &dk);
	mrq_key_wrap(&wk, &dk, out);
	need_equal(v, out, 2);
	check_ok(mrq_key_unwrap(&wk, v->f[2].data, &back, NULL), NULL);
	need_equal(v, back.bytes, 1);
}

static void
check_sha256(const struct vector *v)
{
	uint8_t out[32];
	struct mrq_sha256_ctx *ctx MRQ_CLEANUP(mrq_sha256_free) = NULL;
	size_t half = v->f[0].len / 2;

	mrq_sha256(v->f[0].data, v->f[0].len, out);
	need_equal(v, out, 1);
	check_ok(mrq_sha256_new(&ctx, NULL), NULL);
	mrq_sha256_update(ctx, v->f[0].data, half);
	mrq_sha256_update(ctx, v->f[0].data + half, v->f[0].len - half);
	mrq_sha256_final(ctx, out);
	need_equal(v, out, 1);
}

static void
check_hmac(const struct vector *v)
{
	struct mrq_mac_key key;
	uint8_t out[MRQ_MAC_BYTES];
	size_t third = v->f[1].len / 3;
	const struct mrq_piece pieces[] = {
		{ v->f[1].data, third },
		{ NULL, 0 },
		{ v->f[1].data + third, v->f[1].len - third },
	};

	take_key(v, 0, &key);
	mrq_hmac(&key, pieces, 3, out);
	need_equal(v, out, 2);
}

static void
check_chain(const struct vector *v)
{
	uint8_t out[MRQ_BLAKE2B_BYTES];

	mrq_chain_link(v->f[0].data, v->f[1].data, v->f[1].len, out);
	need_equal(v, out, 2);
}

static void
check_block(const struct vector *v)
{
	struct mrq_data_key dk;
	struct mrq_guid id;
	struct mrq_error err;
	struct mrq_block_cipher *cipher MRQ_CLEANUP(mrq_block_cipher_free) = NULL;
	size_t len = v->f[5].len;
	uint8_t *out MRQ_CLEANUP(free) = malloc(len + 1);

	take_key(v, 0, &dk);
	memcpy(id.bytes, v->f[1].data, sizeof(id.bytes));
	check_ok(mrq_block_cipher_new(&dk, &id, (uint32_t)number(v, 2), &cipher, &err),
		 &err);
	check_ok(mrq_block_decrypt(cipher, number(v, 3), v->f[6].data, out, len,
				   v->f[4].data, v->f[7].data, &err),
		 &err);
	need_equal(v, out, 5);
}

static void
check_seal(const struct vector *v)
{
	struct mrq_seal_key key;
	struct mrq_error err;
	uint8_t out[1000];

	take_key(v, 0, &key);
	check_ok(mrq_unseal(&key, v->f[3].data, v->f[3].len, v->f[2].data, v->f[2].len,
			    out, &err),
		 &err);
	need(v->f[1].len == v->f[3].len - MRQ_SEAL_OVERHEAD, v);
	need_equal(v, out, 1);
}

static void
check_argon2id(const struct vector *v)
{
	const struct mrq_secret_buf passphrase = { v->f[0].data, v->f[0].len };
	const struct mrq_kdf_cost cost = { (uint32_t)number(v, 2),
					   (uint32_t)number(v, 3) };
	struct mrq_seal_key out;
	struct mrq_error err;

	check_ok(mrq_seal_key_from_passphrase(&passphrase, v->f[1].data, &cost, &out,
					      &err),
		 &err);
	need_equal(v, out.bytes, 4);
}

static struct mrq_public_key *
take_jwk(const struct vector *v)
{
	struct mrq_public_key *key = NULL;
	struct mrq_error err;

	check_ok(mrq_public_key_parse((char *)v->f[0].data, v->f[0].len, &key, &err),
		 &err);
	return key;
}

static void
check_jwk(const struct vector *v)
{
	struct mrq_public_key *key MRQ_CLEANUP(mrq_public_key_free) = take_jwk(v);
	char text[MRQ_JWK_MAX];

	mrq_public_key_format(key, text);
	assert_string_equal(text, (char *)v->f[0].data);
	assert_string_equal(mrq_public_key_kid(key), (char *)v->f[1].data);
}

static void
check_jws(const struct vector *v)
{
	struct mrq_public_key *key MRQ_CLEANUP(mrq_public_key_free) = take_jwk(v);
	char *payload MRQ_CLEANUP(free) = NULL;
	struct mrq_error err;
	size_t len;

	check_ok(mrq_jws_verify((char *)v->f[1].data, v->f[1].len, "vector", key,
				&payload, &len, &err),
		 &err);
	need(len == v->f[2].len, v);
	need_equal(v, payload, 2);
}

static struct mrq_private_key *
take_private(const struct vector *v)
{
	struct mrq_private_key *key = NULL;
	struct mrq_seal_key under;
	struct mrq_error err;

	take_key(v, 0, &under);
	check_ok(mrq_private_key_unseal(v->f[1].data, v->f[1].len, &under, &key, &err),
		 &err);
	return key;
}

static void
check_private(const struct vector *v)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = take_private(v);
	struct mrq_public_key *pub MRQ_CLEANUP(mrq_public_key_free) = NULL;
	struct mrq_error err;

	check_ok(mrq_private_key_public(key, &pub, &err), &err);
	assert_string_equal(mrq_public_key_kid(pub), (char *)v->f[2].data);
}

static void
check_jwe(const struct vector *v)
{
	struct mrq_private_key *key MRQ_CLEANUP(mrq_private_key_free) = take_private(v);
	struct mrq_content_key ck;
	struct mrq_error err;

	check_ok(mrq_jwe_open_content_key(key, (char *)v->f[2].data, v->f[2].len, &ck,
					  &err),
		 &err);
	need_equal(v, ck.bytes, 3);
}

struct kind {
	const char *prefix;
	void (*check)(const struct vector *v);
	int n;
};

static struct kind kinds[] = {
	{ "content-key", check_content_key, 0 },
	{ "kdf-", check_kdf, 0 },
	{ "machine", check_machine, 0 },
	{ "kwp", check_kwp, 0 },
	{ "sha256", check_sha256, 0 },
	{ "hmac", check_hmac, 0 },
	{ "chain", check_chain, 0 },
	{ "block", check_block, 0 },
	{ "seal", check_seal, 0 },
	{ "jwk", check_jwk, 0 },
	{ "argon2id", check_argon2id, 0 },
	{ "private", check_private, 0 },
	{ "jws", check_jws, 0 },
	{ "jwe", check_jwe, 0 },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void
check_line(char *line)
{
	struct vector v = { .kind = strtok(line, " \n") };
	size_t n = 0;

	for (char *t; n < FIELDS_MAX && (t = strtok(NULL, " \n")); n++) {
		struct field *f = &v.f[n];
		f->text = t;
		f->len = strcmp(t, "-") == 0 ? 0 : strlen(t) / 2;
		f->data = calloc(1, f->len + 1);
		if (f->len && !mrq_hex_decode(t, f->data, f->len))
			f->len = 0; /* a number */
	}
	for (size_t i = 0; i < KINDS; i++) {
		if (strncmp(v.kind, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
			kinds[i].check(&v);
			kinds[i].n++;
		}
	}
	for (size_t i = 0; i < n; i++)
		free(v.f[i].data);
}

static void
all_vectors_hold(void **state)
{
	const char *folder = getenv("MRQ_VECTORS");
	char path[4096];
	char *line MRQ_CLEANUP(free) = NULL;
	size_t size = 0;

	(void)state;
	assert_non_null(folder);
	(void)snprintf(path, sizeof(path), "%s/crypto.txt", folder);
	FILE *f MRQ_CLEANUP(fclose) = fopen(path, "re");
	assert_non_null(f);
	while (getline(&line, &size, f) > 0) {
		if (line[0] != '#')
			check_line(line);
	}
	for (size_t i = 0; i < KINDS; i++) {
		if (kinds[i].n == 0)
			fail_msg("no vector of kind %s", kinds[i].prefix);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_vectors_hold),
	};

	return CHECK_MAIN(tests);
}
