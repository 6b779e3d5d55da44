/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/hash.h"

#include "base/bytes.h"
#include "check.h"
#include "crypto/internal.h"

static void
check_hex(const uint8_t have[static 32], const char *want)
{
	char text[65];

	mrq_hex_encode(have, 32, text);
	assert_string_equal(text, want);
}

/* FIPS 180-4 examples. */
static void
sha256_known(void **state)
{
	uint8_t out[32];

	(void)state;
	mrq_sha256("", 0, out);
	check_hex(out, "e3b0c44298fc1c149afbf4c8996fb924"
		       "27ae41e4649b934ca495991b7852b855");
	mrq_sha256(NULL, 0, out);
	check_hex(out, "e3b0c44298fc1c149afbf4c8996fb924"
		       "27ae41e4649b934ca495991b7852b855");
	mrq_sha256("abc", 3, out);
	check_hex(out, "ba7816bf8f01cfea414140de5dae2223"
		       "b00361a396177a9cb410ff61f20015ad");
}

/* RFC 4231, test cases 1, 2 and 6 (a key longer than a block). */
static void
hmac_known(void **state)
{
	static const char long_text[] =
		"Test Using Larger Than Block-Size Key - Hash Key First";
	struct mrq_piece piece = { "Hi There", 8 };
	uint8_t key[131], out[32];

	(void)state;
	memset(key, 0x0b, 20);
	mrq_hmac_raw(key, 20, &piece, 1, out);
	check_hex(out, "b0344c61d8db38535ca8afceaf0bf12b"
		       "881dc200c9833da726e9376c2e32cff7");
	piece = (struct mrq_piece){ "what do ya want for nothing?", 28 };
	mrq_hmac_raw("Jefe", 4, &piece, 1, out);
	check_hex(out, "5bdcc146bf60754e6a042426089575c7"
		       "5a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	piece = (struct mrq_piece){ long_text, sizeof(long_text) - 1 };
	mrq_hmac_raw(key, sizeof(key), &piece, 1, out);
	check_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f"
		       "8e0bc6213728c5140546040f0ee37f54");
}

static void
hmac_of_pieces_is_hmac_of_the_whole(void **state)
{
	const struct mrq_mac_key key = { { 1 } };
	uint8_t data[200], whole[32], parts[32];
	uint64_t seed = 5;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)check_next(&seed);
	mrq_hmac(&key, &(struct mrq_piece){ data, sizeof(data) }, 1, whole);
	for (size_t a = 0; a <= sizeof(data); a += 13) {
		const struct mrq_piece pieces[] = { { data, a },
						    { data + a, sizeof(data) - a } };
		mrq_hmac(&key, pieces, 2, parts);
		assert_memory_equal(whole, parts, 32);
	}
	mrq_hmac(&(struct mrq_mac_key){ { 2 } },
		 &(struct mrq_piece){ data, sizeof(data) }, 1, parts);
	assert_memory_not_equal(whole, parts, 32);
}

static void
chain_depends_on_both_inputs(void **state)
{
	uint8_t prev[32] = { 0 }, a[32], b[32];

	(void)state;
	mrq_chain_link(prev, "x", 1, a);
	mrq_chain_link(prev, "y", 1, b);
	assert_memory_not_equal(a, b, 32);
	prev[31] = 1;
	mrq_chain_link(prev, "x", 1, b);
	assert_memory_not_equal(a, b, 32);
	mrq_chain_link(prev, NULL, 0, b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha256_known),
		cmocka_unit_test(hmac_known),
		cmocka_unit_test(hmac_of_pieces_is_hmac_of_the_whole),
		cmocka_unit_test(chain_depends_on_both_inputs),
	};

	return CHECK_MAIN(tests);
}
