/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/block.h"

#include "check.h"

#define LEN 4096

static const struct mrq_guid id = { { 1, 2, 3 } };
static const struct mrq_data_key dk = { { 9, 8, 7 } };

static struct mrq_block_cipher *
cipher_new(const struct mrq_data_key *key, const struct mrq_guid *file,
	   uint32_t generation)
{
	struct mrq_block_cipher *c = NULL;
	struct mrq_error err;

	check_ok(mrq_block_cipher_new(key, file, generation, &c, &err), &err);
	return c;
}

struct sealed {
	uint8_t text[LEN], nonce[MRQ_NONCE_BYTES], tag[MRQ_TAG_BYTES];
};

static void
encrypt(struct mrq_block_cipher *c, uint64_t index, const uint8_t *plain, size_t len,
	struct sealed *ret)
{
	struct mrq_error err;

	check_ok(mrq_block_encrypt(c, index, plain, ret->text, len, ret->nonce,
				   ret->tag, &err),
		 &err);
}

static enum mrq_status
decrypt(struct mrq_block_cipher *c, uint64_t index, const struct sealed *s,
	uint8_t *out, size_t len)
{
	return mrq_block_decrypt(c, index, s->text, out, len, s->nonce, s->tag, NULL);
}

static void
fill(uint8_t *data, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)check_next(&seed);
}

static void
round_trip_of_every_size(void **state)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 3);
	uint8_t plain[LEN], out[LEN];
	struct sealed s;

	(void)state;
	fill(plain, sizeof(plain), 1);
	for (size_t len = 0; len <= LEN; len += len < 40 ? 1 : 507) {
		encrypt(c, len, plain, len, &s);
		check_ok(decrypt(c, len, &s, out, len), NULL);
		assert_memory_equal(plain, out, len);
	}
}

static void
in_place(void **state)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 3);
	uint8_t plain[LEN];
	struct sealed s;

	(void)state;
	fill(plain, sizeof(plain), 2);
	memcpy(s.text, plain, LEN);
	encrypt(c, 1, s.text, LEN, &s);
	assert_memory_not_equal(s.text, plain, LEN);
	check_ok(decrypt(c, 1, &s, s.text, LEN), NULL);
	assert_memory_equal(s.text, plain, LEN);
}

static void
same_block_twice_has_another_nonce(void **state)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 0);
	uint8_t plain[LEN] = { 0 };
	struct sealed a, b;

	(void)state;
	encrypt(c, 1, plain, LEN, &a);
	encrypt(c, 1, plain, LEN, &b);
	assert_memory_not_equal(a.nonce, b.nonce, sizeof(a.nonce));
	assert_memory_not_equal(a.text, b.text, LEN);
}

/* Every bit of a short block, of its nonce and of its tag. */
static void
flipped_bits_are_refused_and_nothing_comes_out(void **state)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 0);
	static const uint8_t zeros[64];
	uint8_t plain[64], out[64];
	struct sealed s;

	(void)state;
	fill(plain, sizeof(plain), 3);
	encrypt(c, 7, plain, sizeof(plain), &s);
	uint8_t *const parts[] = { s.text, s.nonce, s.tag };
	const size_t sizes[] = { sizeof(plain), sizeof(s.nonce), sizeof(s.tag) };
	for (int p = 0; p < 3; p++) {
		for (size_t bit = 0; bit < 8 * sizes[p]; bit++) {
			parts[p][bit / 8] ^= (uint8_t)(1 << bit % 8);
			memset(out, 0xaa, sizeof(out));
			check_status(decrypt(c, 7, &s, out, sizeof(out)), MRQ_E_DAMAGED,
				     NULL);
			assert_memory_equal(out, zeros, sizeof(out));
			parts[p][bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	check_ok(decrypt(c, 7, &s, out, sizeof(out)), NULL);
}

static void
moved_blocks_are_refused(void **state)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 0);
	struct mrq_guid other_id = id;
	struct mrq_data_key other_key = dk;
	uint8_t plain[64] = { 5 }, out[64];
	struct sealed s;

	(void)state;
	other_id.bytes[15] ^= 1;
	other_key.bytes[31] ^= 1;
	struct mrq_block_cipher *file MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &other_id, 0);
	struct mrq_block_cipher *generation MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 1);
	struct mrq_block_cipher *key MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&other_key, &id, 0);
	encrypt(c, 7, plain, sizeof(plain), &s);
	check_status(decrypt(c, 8, &s, out, sizeof(out)), MRQ_E_DAMAGED, NULL);
	check_status(decrypt(file, 7, &s, out, sizeof(out)), MRQ_E_DAMAGED, NULL);
	check_status(decrypt(generation, 7, &s, out, sizeof(out)), MRQ_E_DAMAGED, NULL);
	check_status(decrypt(key, 7, &s, out, sizeof(out)), MRQ_E_DAMAGED, NULL);
	check_status(decrypt(c, 7, &s, out, sizeof(out) - 1), MRQ_E_DAMAGED, NULL);
	check_ok(decrypt(c, 7, &s, out, sizeof(out)), NULL);
}

static void
blocks_over_the_limit_are_refused(void **state)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 0);
	uint8_t *big MRQ_CLEANUP(free) = calloc(1, MRQ_BLOCK_MAX + 1);
	uint8_t nonce[MRQ_NONCE_BYTES], tag[MRQ_TAG_BYTES];
	struct mrq_error err;

	(void)state;
	check_ok(mrq_block_encrypt(c, 0, big, big, MRQ_BLOCK_MAX, nonce, tag, &err),
		 &err);
	check_ok(mrq_block_decrypt(c, 0, big, big, MRQ_BLOCK_MAX, nonce, tag, &err),
		 &err);
	check_status(
		mrq_block_encrypt(c, 0, big, big, MRQ_BLOCK_MAX + 1, nonce, tag, &err),
		MRQ_E_LIMIT, &err);
	check_status(
		mrq_block_decrypt(c, 0, big, big, MRQ_BLOCK_MAX + 1, nonce, tag, &err),
		MRQ_E_LIMIT, &err);
}

#define THREADS 16 /* more than the pool has contexts */

static void *
work(void *arg)
{
	struct mrq_block_cipher *c = arg;
	uint8_t plain[512], out[512];
	struct sealed s;

	for (uint64_t i = 0; i < 300; i++) {
		fill(plain, sizeof(plain), i + 1);
		if (mrq_block_encrypt(c, i, plain, s.text, sizeof(plain), s.nonce,
				      s.tag, NULL) != MRQ_OK ||
		    decrypt(c, i, &s, out, sizeof(out)) != MRQ_OK ||
		    memcmp(plain, out, sizeof(out)) != 0 ||
		    decrypt(c, i + 1, &s, out, sizeof(out)) != MRQ_E_DAMAGED)
			return c;
	}
	return NULL;
}

static void
many_threads_share_a_cipher(void **state)
{
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) =
		cipher_new(&dk, &id, 0);
	pthread_t threads[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, c), 0);
	for (int i = 0; i < THREADS; i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip_of_every_size),
		cmocka_unit_test(in_place),
		cmocka_unit_test(same_block_twice_has_another_nonce),
		cmocka_unit_test(flipped_bits_are_refused_and_nothing_comes_out),
		cmocka_unit_test(moved_blocks_are_refused),
		cmocka_unit_test(blocks_over_the_limit_are_refused),
		cmocka_unit_test(many_threads_share_a_cipher),
	};

	return CHECK_MAIN(tests);
}
