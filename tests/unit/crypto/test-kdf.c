/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/kdf.h"

#include "check.h"

static const struct mrq_guid id = { { 1, 2, 3 } };

/* All keys of one file differ, whatever their purpose, file or generation. */
static void
derived_keys_differ(void **state)
{
	const struct mrq_content_key ck = { { 5 } };
	const struct mrq_data_key dk = { { 5 } };
	struct mrq_guid other = id;
	uint8_t out[9][32];

	(void)state;
	other.bytes[0] ^= 0x80;
	mrq_kdf_wrap_key(&ck, &id, (struct mrq_wrap_key *)out[0]);
	mrq_kdf_header_key(&dk, &id, (struct mrq_mac_key *)out[1]);
	mrq_kdf_tree_key(&dk, &id, (struct mrq_mac_key *)out[2]);
	mrq_kdf_commitment(&dk, &id, out[3]);
	mrq_kdf_block_key(&dk, &id, 0, (struct mrq_block_key *)out[4]);
	mrq_kdf_block_key(&dk, &id, 1, (struct mrq_block_key *)out[5]);
	mrq_kdf_block_key(&dk, &id, 256, (struct mrq_block_key *)out[6]);
	mrq_kdf_block_key(&dk, &other, 0, (struct mrq_block_key *)out[7]);
	mrq_kdf_wrap_key(&ck, &other, (struct mrq_wrap_key *)out[8]);
	for (int i = 0; i < 9; i++) {
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(out[i], out[j], 32);
	}
}

static void
wrap_round_trip_is_deterministic(void **state)
{
	const struct mrq_wrap_key wk = { { 7 } };
	struct mrq_data_key dk, back;
	uint8_t a[MRQ_WRAPPED_BYTES], b[MRQ_WRAPPED_BYTES];

	(void)state;
	for (int i = 0; i < 50; i++) {
		mrq_data_key_random(&dk);
		mrq_key_wrap(&wk, &dk, a);
		mrq_key_wrap(&wk, &dk, b);
		assert_memory_equal(a, b, sizeof(a));
		check_ok(mrq_key_unwrap(&wk, a, &back, NULL), NULL);
		assert_memory_equal(&dk, &back, sizeof(dk));
	}
}

static void
flipped_bits_are_refused_and_ret_stays(void **state)
{
	struct mrq_wrap_key wk = { { 7 } };
	const struct mrq_data_key dk = { { 1, 2, 3 } };
	static const struct mrq_data_key untouched = { { 0x55 } };
	struct mrq_data_key back = untouched;
	uint8_t wrapped[MRQ_WRAPPED_BYTES];
	struct mrq_error err;

	(void)state;
	mrq_key_wrap(&wk, &dk, wrapped);
	for (size_t bit = 0; bit < 8 * sizeof(wrapped); bit++) {
		wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_status(mrq_key_unwrap(&wk, wrapped, &back, &err), MRQ_E_DAMAGED,
			     &err);
		wrapped[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t bit = 0; bit < 8 * sizeof(wk.bytes); bit++) {
		wk.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_status(mrq_key_unwrap(&wk, wrapped, &back, &err), MRQ_E_DAMAGED,
			     &err);
		wk.bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_memory_equal(&back, &untouched, sizeof(back));
	check_ok(mrq_key_unwrap(&wk, wrapped, &back, &err), &err);
}

static void *
wraps(void *arg)
{
	const struct mrq_wrap_key wk = { { *(uint8_t *)arg } };
	struct mrq_data_key dk = { { 1 } }, back;
	uint8_t wrapped[MRQ_WRAPPED_BYTES];

	for (int i = 0; i < 200; i++) {
		mrq_key_wrap(&wk, &dk, wrapped);
		if (mrq_key_unwrap(&wk, wrapped, &back, NULL) != MRQ_OK ||
		    memcmp(&dk, &back, sizeof(dk)) != 0)
			return arg;
		dk.bytes[i % 32]++;
	}
	return NULL;
}

static void
threads_do_not_mix_their_keys(void **state)
{
	pthread_t threads[8];
	uint8_t numbers[8];

	(void)state;
	for (uint8_t i = 0; i < 8; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, wraps, &numbers[i]),
				 0);
	}
	for (int i = 0; i < 8; i++) {
		void *failed;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(derived_keys_differ),
		cmocka_unit_test(wrap_round_trip_is_deterministic),
		cmocka_unit_test(flipped_bits_are_refused_and_ret_stays),
		cmocka_unit_test(threads_do_not_mix_their_keys),
	};

	return CHECK_MAIN(tests);
}
