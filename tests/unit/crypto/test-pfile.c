/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The vectors are those of an independent computation: AES by another library, other code. */
#include "crypto/pfile.h"

#include "base/bytes.h"
#include "check.h"
#include "crypto/hash.h"

#define BIG 12288

static void
key_make(size_t len, struct mrq_pfile_key *ret)
{
	uint8_t bytes[MRQ_PFILE_KEY_MAX];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(mrq_pfile_key_import(bytes, len, ret, NULL), MRQ_OK);
}

static struct mrq_pfile_cipher *
cipher_make(size_t len, enum mrq_pfile_mode mode)
{
	struct mrq_pfile_key key MRQ_CLEANUP(mrq_pfile_key_wipe) = { 0 };
	struct mrq_pfile_cipher *c = NULL;
	struct mrq_error err;

	key_make(len, &key);
	check_ok(mrq_pfile_cipher_new(&key, mode, &c, &err), &err);
	return c;
}

/* D(n) of the vectors, padded as CBC4K wants it when asked; returns its length. */
static size_t
message(uint8_t *data, size_t n, bool pad)
{
	memset(data, 0, BIG);
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)(i % 251);
	return pad ? n + mrq_pfile_pad(data + n / 16 * 16, n) : n;
}

static void
check_hex(const uint8_t *data, size_t len, const char *want)
{
	char hex[2 * 64 + 1];

	assert_true(len <= 64);
	mrq_hex_encode(data, len, hex);
	assert_string_equal(hex, want);
}

static void
encrypt_check(size_t key_len, enum mrq_pfile_mode mode, size_t n, const char *want)
{
	struct mrq_pfile_cipher *c MRQ_CLEANUP(mrq_pfile_cipher_free) =
		cipher_make(key_len, mode);
	uint8_t data[BIG], out[BIG], digest[MRQ_SHA256_BYTES];
	size_t len = message(data, n, mode == MRQ_PFILE_CBC4K);

	assert_int_equal(mrq_pfile_encrypt(c, 0, NULL, data, out, len, NULL), MRQ_OK);
	if (len <= 32) {
		check_hex(out, len, want);
	} else {
		mrq_sha256(out, len, digest);
		check_hex(digest, sizeof(digest), want);
	}
	assert_int_equal(mrq_pfile_decrypt(c, 0, NULL, out, out, len, NULL), MRQ_OK);
	assert_memory_equal(out, data, len);
}

static const struct {
	enum mrq_pfile_mode mode;
	size_t n;
	const char *k16, *k32;
} vectors[] = {
	{ MRQ_PFILE_CBC4K, 0, "b1a29273be2c4207a5ace393398cb6fb",
	  "53c8742d0ea29b2712f6c7af4048f4b4" },
	{ MRQ_PFILE_CBC4K, 4079,
	  "7f4fdab3a1d9261e8ad8465dd116d027c447401cdea5fe1893a0b7357ab2435f",
	  "c0c687c7a3fde371ff04ad7ac6e619ec42888d5493f60345f3b6754702868f7b" },
	{ MRQ_PFILE_CBC4K, 4080,
	  "7227d5be9d78836efea43c6c7081ee5659d07df8063e49edbdf77ac2e73fe763",
	  "8b3864ed2f3fe42a6d17a099764338724a0b6cc15ea292398234a536c8f19934" },
	{ MRQ_PFILE_CBC4K, 4096,
	  "3856511961530c0bccd085b3e3f673415f48d072d4edc21180063ea6b4af8cee",
	  "2942665c466bfc44fac4f498ba70950e059826cf4a84ad47cc2d75a528d21115" },
	{ MRQ_PFILE_CBC4K, 4097,
	  "855d184a3154215b46a2fcdbfd8fce066f851e0584cc374afc5c2bec85ba724b",
	  "a198db1c723b4b7371aa74d02324bc20761edbb3024dd2d394542d5cbe900de2" },
	{ MRQ_PFILE_CBC4K, 10000,
	  "c65940d0f2b4d4b167b901edc9a03d0482156c8c6ef945397e7cf15bf84a5988",
	  "5573333e94bdf57ddffca9bd58f1578ed2f40a685afbfbcd38a6c61ecd1bea5d" },
	{ MRQ_PFILE_ECB, 32,
	  "0a940bb5416ef045f1c39458c653ea5a07feef74e1d5036e900eee118e949293",
	  "5a6e045708fb7196f02e553d02c3a692e9c3ef8ab23453e6f0749cd636e7a88e" },
	{ MRQ_PFILE_CBC512, 1024,
	  "c6cebe258991f963b00fa59db512258a8f1f1ec21bc7d47b61b81c546d1b4bc2",
	  "04e23356bb751daefbff8b6b6ce9f8d16d518e31d533b2095a140e69c04c9f73" },
};

static void
others_agree(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		encrypt_check(16, vectors[i].mode, vectors[i].n, vectors[i].k16);
		encrypt_check(32, vectors[i].mode, vectors[i].n, vectors[i].k32);
	}
}

/* The first block of a segment of zeros is E(IV), so the IV shows as D of it. */
static void
segments_count_from_their_place(void **state)
{
	static const struct {
		size_t key_len, segment;
		const char *iv;
	} ivs[] = {
		{ 16, 0, "c6a13b37878f5b826f4f8162a1c8d879" },
		{ 16, 1, "e37cd363dd7c87a09aff0e3e60e09c82" },
		{ 16, 256, "9eb1b63c7efe31c9a46bb987baaf3908" },
		{ 32, 2, "4ef4b88bebd54953c37ffaf66efaca7b" },
		{ 32, 256, "05d9592cefc7834bf69776614868a151" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ivs) / sizeof(ivs[0]); i++) {
		struct mrq_pfile_cipher *cbc MRQ_CLEANUP(mrq_pfile_cipher_free) =
			cipher_make(ivs[i].key_len, MRQ_PFILE_CBC4K);
		struct mrq_pfile_cipher *ecb MRQ_CLEANUP(mrq_pfile_cipher_free) =
			cipher_make(ivs[i].key_len, MRQ_PFILE_ECB);
		uint8_t block[16] = { 0 };
		assert_int_equal(mrq_pfile_encrypt(cbc, ivs[i].segment * 4096, NULL,
						   block, block, 16, NULL),
				 MRQ_OK);
		assert_int_equal(
			mrq_pfile_decrypt(ecb, 0, NULL, block, block, 16, NULL),
			MRQ_OK);
		check_hex(block, 16, ivs[i].iv);
	}
}

static void
any_block_opens_alone(void **state)
{
	static const enum mrq_pfile_mode all[] = { MRQ_PFILE_CBC4K, MRQ_PFILE_ECB,
						   MRQ_PFILE_CBC512 };
	uint8_t data[BIG], sealed[BIG], out[BIG];

	(void)state;
	for (size_t m = 0; m < 3; m++) {
		for (size_t key_len = 16; key_len <= 32; key_len += 8) {
			struct mrq_pfile_cipher *c MRQ_CLEANUP(mrq_pfile_cipher_free) =
				cipher_make(key_len, all[m]);
			size_t len = message(data, 8208, false);
			assert_int_equal(
				mrq_pfile_encrypt(c, 0, NULL, data, sealed, len, NULL),
				MRQ_OK);
			for (size_t off = 16; off < len; off += 16) {
				size_t n = off % 48 == 0 ? len - off : 16;
				assert_int_equal(
					mrq_pfile_decrypt(c, off, sealed + off - 16,
							  sealed + off, out, n, NULL),
					MRQ_OK);
				assert_memory_equal(out, data + off, n);
			}
			assert_int_equal(mrq_pfile_encrypt(c, 4112, sealed + 4096,
							   data + 4112, out, len - 4112,
							   NULL),
					 MRQ_OK);
			assert_memory_equal(out, sealed + 4112, len - 4112);
		}
	}
}

static void
wrong_places_are_refused(void **state)
{
	struct mrq_pfile_cipher *c MRQ_CLEANUP(mrq_pfile_cipher_free) =
		cipher_make(16, MRQ_PFILE_CBC4K);
	uint8_t data[64] = { 0 };
	const uint64_t end = 1ull << 44;

	(void)state;
	assert_int_equal(mrq_pfile_encrypt(c, 8, data, data, data, 16, NULL),
			 MRQ_E_INVAL);
	assert_int_equal(mrq_pfile_encrypt(c, 0, NULL, data, data, 15, NULL),
			 MRQ_E_INVAL);
	assert_int_equal(mrq_pfile_decrypt(c, 16, NULL, data, data, 16, NULL),
			 MRQ_E_INVAL);
	assert_int_equal(mrq_pfile_decrypt(c, end, NULL, data, data, 16, NULL),
			 MRQ_E_LIMIT);
	assert_int_equal(mrq_pfile_decrypt(c, end - 16, data, data, data, 16, NULL),
			 MRQ_OK);
	assert_int_equal(
		mrq_pfile_decrypt(c, UINT64_MAX - 15, data, data, data, 16, NULL),
		MRQ_E_LIMIT);
	assert_int_equal(mrq_pfile_decrypt(c, 0, NULL, data, data, 0, NULL), MRQ_OK);
}

static void
padding_is_checked_whole(void **state)
{
	uint8_t block[16];
	size_t n;

	(void)state;
	for (uint64_t size = 0; size < 16; size++) {
		memset(block, 0xaa, sizeof(block));
		assert_int_equal(mrq_pfile_pad(block, size), 16 - size);
		assert_int_equal(mrq_pfile_unpad(block, &n, NULL), MRQ_OK);
		assert_int_equal(n, 16 - size);
		if (size < 15) {
			block[size] ^= 1;
			assert_int_equal(mrq_pfile_unpad(block, &n, NULL),
					 MRQ_E_DAMAGED);
		}
	}
	memset(block, 0, sizeof(block));
	assert_int_equal(mrq_pfile_unpad(block, &n, NULL), MRQ_E_DAMAGED);
	memset(block, 17, sizeof(block));
	assert_int_equal(mrq_pfile_unpad(block, &n, NULL), MRQ_E_DAMAGED);
}

static void
modes_have_names(void **state)
{
	enum mrq_pfile_mode mode;

	(void)state;
	assert_true(mrq_pfile_mode_parse("microsoft.cbc4k", &mode));
	assert_int_equal(mode, MRQ_PFILE_CBC4K);
	assert_true(mrq_pfile_mode_parse("Microsoft.CBC512.NoPadding", &mode));
	assert_int_equal(mode, MRQ_PFILE_CBC512);
	assert_string_equal(mrq_pfile_mode_name(MRQ_PFILE_ECB), "MICROSOFT.ECB");
	assert_false(mrq_pfile_mode_parse("MICROSOFT.CBC4", &mode));
	assert_false(mrq_pfile_mode_parse("", &mode));
}

static void
keys_have_three_lengths(void **state)
{
	struct mrq_pfile_key key, other;
	const uint8_t bytes[64] = { 1 };

	(void)state;
	for (size_t len = 0; len <= 64; len++) {
		bool good = len == 16 || len == 24 || len == 32;
		assert_int_equal(mrq_pfile_key_import(bytes, len, &key, NULL),
				 good ? MRQ_OK : MRQ_E_VERSION);
		assert_int_equal(mrq_pfile_key_random(len, &other, NULL),
				 good ? MRQ_OK : MRQ_E_INVAL);
	}
	assert_int_equal(mrq_pfile_key_random(16, &key, NULL), MRQ_OK);
	assert_int_equal(mrq_pfile_key_random(16, &other, NULL), MRQ_OK);
	assert_memory_not_equal(key.bytes, other.bytes, 16);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_agree),
		cmocka_unit_test(segments_count_from_their_place),
		cmocka_unit_test(any_block_opens_alone),
		cmocka_unit_test(wrong_places_are_refused),
		cmocka_unit_test(padding_is_checked_whole),
		cmocka_unit_test(modes_have_names),
		cmocka_unit_test(keys_have_three_lengths),
	};

	return CHECK_MAIN(tests);
}
