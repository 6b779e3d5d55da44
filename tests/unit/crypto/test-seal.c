/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/seal.h"

#include "check.h"

static const struct mrq_seal_key key = { { 3, 1, 4 } };

static void
round_trip(void **state)
{
	uint8_t data[300], sealed[300 + MRQ_SEAL_OVERHEAD], back[300];
	uint64_t seed = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)check_next(&seed);
	for (size_t len = 0; len <= sizeof(data); len += 20) {
		mrq_seal(&key, data, len, "aad", 3, sealed);
		check_ok(mrq_unseal(&key, sealed, len + MRQ_SEAL_OVERHEAD, "aad", 3,
				    back, NULL),
			 NULL);
		assert_memory_equal(data, back, len);
		mrq_seal(&key, data, len, NULL, 0, sealed);
		check_ok(mrq_unseal(&key, sealed, len + MRQ_SEAL_OVERHEAD, NULL, 0,
				    back, NULL),
			 NULL);
	}
}

static void
same_value_twice_differs(void **state)
{
	uint8_t a[5 + MRQ_SEAL_OVERHEAD], b[5 + MRQ_SEAL_OVERHEAD];

	(void)state;
	mrq_seal(&key, "value", 5, NULL, 0, a);
	mrq_seal(&key, "value", 5, NULL, 0, b);
	assert_memory_not_equal(a, b, 24);
	assert_memory_not_equal(a + 24, b + 24, 5);
}

static void
flipped_bits_are_refused(void **state)
{
	uint8_t sealed[20 + MRQ_SEAL_OVERHEAD], back[20];
	struct mrq_error err;

	(void)state;
	mrq_seal(&key, "twenty bytes of text", 20, "aad", 3, sealed);
	for (size_t bit = 0; bit < 8 * sizeof(sealed); bit++) {
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
		check_status(
			mrq_unseal(&key, sealed, sizeof(sealed), "aad", 3, back, &err),
			MRQ_E_DAMAGED, &err);
		sealed[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	check_ok(mrq_unseal(&key, sealed, sizeof(sealed), "aad", 3, back, &err), &err);
}

static void
other_context_key_or_length_is_refused(void **state)
{
	const struct mrq_seal_key other = { { 3, 1, 5 } };
	uint8_t sealed[20 + MRQ_SEAL_OVERHEAD], back[20];
	struct mrq_error err;

	(void)state;
	mrq_seal(&key, "twenty bytes of text", 20, "aad", 3, sealed);
	check_status(mrq_unseal(&other, sealed, sizeof(sealed), "aad", 3, back, &err),
		     MRQ_E_DAMAGED, &err);
	check_status(mrq_unseal(&key, sealed, sizeof(sealed), "aab", 3, back, &err),
		     MRQ_E_DAMAGED, &err);
	check_status(mrq_unseal(&key, sealed, sizeof(sealed), NULL, 0, back, &err),
		     MRQ_E_DAMAGED, &err);
	for (size_t len = 0; len < sizeof(sealed); len++)
		check_status(mrq_unseal(&key, sealed, len, "aad", 3, back, &err),
			     MRQ_E_DAMAGED, &err);
}

static void
passphrase_cost_is_bounded(void **state)
{
	static const struct mrq_kdf_cost bad[] = {
		{ 0, 8192 }, { 101, 8192 },  { UINT32_MAX, 8192 }, { 1, 8191 },
		{ 1, 0 },    { 1, 1048577 }, { 1, UINT32_MAX },
	};
	uint8_t text[] = "secret", salt[MRQ_SALT_BYTES] = { 0 };
	const struct mrq_secret_buf passphrase = { text, 6 };
	struct mrq_seal_key ret;
	struct mrq_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		check_status(mrq_seal_key_from_passphrase(&passphrase, salt, &bad[i],
							  &ret, &err),
			     MRQ_E_LIMIT, &err);
	const struct mrq_secret_buf endless = { text, MRQ_PASSPHRASE_MAX + 1 };
	check_status(mrq_seal_key_from_passphrase(&endless, salt, &MRQ_KDF_COST_DEFAULT,
						  &ret, &err),
		     MRQ_E_LIMIT, &err);
}

static void
passphrase_and_salt_make_the_key(void **state)
{
	const struct mrq_kdf_cost cost = { 1, 8192 };
	uint8_t text[] = "secret", salt[MRQ_SALT_BYTES] = { 0 };
	struct mrq_secret_buf passphrase = { text, 6 };
	struct mrq_seal_key a, b;

	(void)state;
	check_ok(mrq_seal_key_from_passphrase(&passphrase, salt, &cost, &a, NULL),
		 NULL);
	check_ok(mrq_seal_key_from_passphrase(&passphrase, salt, &cost, &b, NULL),
		 NULL);
	assert_memory_equal(&a, &b, sizeof(a));
	salt[0] = 1;
	check_ok(mrq_seal_key_from_passphrase(&passphrase, salt, &cost, &b, NULL),
		 NULL);
	assert_memory_not_equal(&a, &b, sizeof(a));
	salt[0] = 0;
	passphrase.len = 5;
	check_ok(mrq_seal_key_from_passphrase(&passphrase, salt, &cost, &b, NULL),
		 NULL);
	assert_memory_not_equal(&a, &b, sizeof(a));
}

static void
machine_key_depends_on_all(void **state)
{
	const struct mrq_seal_key other = { { 9 } };
	struct mrq_seal_key k[4];

	(void)state;
	mrq_seal_key_from_machine(&key, "machine", "cache", &k[0]);
	mrq_seal_key_from_machine(&other, "machine", "cache", &k[1]);
	mrq_seal_key_from_machine(&key, "machinf", "cache", &k[2]);
	mrq_seal_key_from_machine(&key, "machine", "store", &k[3]);
	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(&k[i], &k[j], sizeof(k[0]));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(same_value_twice_differs),
		cmocka_unit_test(flipped_bits_are_refused),
		cmocka_unit_test(other_context_key_or_length_is_refused),
		cmocka_unit_test(passphrase_cost_is_bounded),
		cmocka_unit_test(passphrase_and_salt_make_the_key),
		cmocka_unit_test(machine_key_depends_on_all),
	};

	return CHECK_MAIN(tests);
}
