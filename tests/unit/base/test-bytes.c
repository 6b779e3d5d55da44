/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/bytes.h"

#include "check.h"

static void
reader_reads_little_endian(void **state)
{
	static const uint8_t data[] = { 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08,
					0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f };
	struct mrq_reader r = mrq_reader_make(data, sizeof(data));

	(void)state;
	assert_int_equal(mrq_read_u8(&r), 0x01);
	assert_int_equal(mrq_read_u16(&r), 0x0302);
	assert_int_equal(mrq_read_u32(&r), 0x07060504);
	assert_true(mrq_read_u64(&r) == UINT64_C(0x0f0e0d0c0b0a0908));
	assert_false(r.failed);
	assert_int_equal(r.left, 0);
}

static void
reader_failure_sticks_and_yields_zeros(void **state)
{
	static const uint8_t data[] = { 0xff, 0xff, 0xff };
	struct mrq_reader r = mrq_reader_make(data, sizeof(data));
	uint8_t copy[2] = { 7, 7 };

	(void)state;
	assert_int_equal(mrq_read_u32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(mrq_read_u8(&r), 0);
	mrq_read_bytes(&r, copy, sizeof(copy));
	assert_int_equal(copy[0] | copy[1], 0);
	assert_null(mrq_read_view(&r, 1));
	assert_int_equal(r.left, 3);
}

static void
reader_views_and_skips(void **state)
{
	static const uint8_t data[] = { 1, 2, 3, 4 };
	struct mrq_reader r = mrq_reader_make(data, sizeof(data));

	(void)state;
	mrq_read_skip(&r, 1);
	assert_ptr_equal(mrq_read_view(&r, 2), data + 1);
	mrq_read_skip(&r, SIZE_MAX);
	assert_true(r.failed);
}

static void
reader_of_nothing_is_no_failure(void **state)
{
	struct mrq_reader r = mrq_reader_make(NULL, 0);
	uint8_t byte = 7;

	(void)state;
	mrq_read_bytes(&r, &byte, 0);
	mrq_read_skip(&r, 0);
	assert_false(r.failed);
	assert_int_equal(byte, 7);
}

static void
writer_writes_what_reader_reads(void **state)
{
	uint8_t data[32];
	struct mrq_writer w = mrq_writer_make(data, sizeof(data));

	(void)state;
	mrq_write_u8(&w, 0xab);
	mrq_write_u16(&w, 0x1234);
	mrq_write_u32(&w, 0xdeadbeef);
	mrq_write_u64(&w, UINT64_C(0x0123456789abcdef));
	mrq_write_bytes(&w, "marque", 6);
	mrq_write_fill(&w, 0x5a, 11);
	assert_false(w.failed);
	assert_int_equal(w.left, 0);

	struct mrq_reader r = mrq_reader_make(data, sizeof(data));
	char text[6];
	assert_int_equal(mrq_read_u8(&r), 0xab);
	assert_int_equal(mrq_read_u16(&r), 0x1234);
	assert_int_equal(mrq_read_u32(&r), 0xdeadbeef);
	assert_true(mrq_read_u64(&r) == UINT64_C(0x0123456789abcdef));
	mrq_read_bytes(&r, text, sizeof(text));
	assert_memory_equal(text, "marque", 6);
	for (int i = 0; i < 11; i++)
		assert_int_equal(mrq_read_u8(&r), 0x5a);
	assert_false(r.failed);
}

static void
writer_never_writes_past_its_end(void **state)
{
	uint8_t data[4] = { 9, 9, 9, 9 };
	struct mrq_writer w = mrq_writer_make(data, 3);

	(void)state;
	mrq_write_u32(&w, 0);
	assert_true(w.failed);
	mrq_write_u8(&w, 0);
	mrq_write_bytes(&w, data, SIZE_MAX);
	mrq_write_fill(&w, 0, SIZE_MAX);
	mrq_write_bytes(&w, NULL, 0);
	for (size_t i = 0; i < sizeof(data); i++)
		assert_int_equal(data[i], 9);
}

static void
hex_round_trip(void **state)
{
	uint8_t data[256], back[256];
	char text[2 * sizeof(data) + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	mrq_hex_encode(data, sizeof(data), text);
	assert_int_equal(strlen(text), 2 * sizeof(data));
	assert_memory_equal(text, "000102", 6);
	assert_string_equal(text + 508, "feff");
	assert_true(mrq_hex_decode(text, back, sizeof(back)));
	assert_memory_equal(data, back, sizeof(data));
	assert_true(mrq_hex_decode("FEFF", back, 2));
	assert_true(mrq_hex_decode("", back, 0));
}

static void
hex_decode_refuses(void **state)
{
	static const char *const bad[] = { "",      "0",     "00",        "000",
					   "00000", "0000 ", "000g",      "-0000",
					   " 000",  "0x00",  "00\xc3\xa9" };
	uint8_t back[2];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(mrq_hex_decode(bad[i], back, sizeof(back)));
}

/* RFC 3720 section B.4, and the usual check value. */
static void
crc32c_vectors(void **state)
{
	uint8_t data[32];
	static const uint8_t read_command[48] = {
		0x01,        0xc0,        [16] = 0x14, [22] = 0x04,
		[27] = 0x14, [31] = 0x18, 0x28,        [40] = 0x02,
	};

	(void)state;
	assert_int_equal(mrq_crc32c(0, "123456789", 9), 0xe3069283);
	memset(data, 0, sizeof(data));
	assert_int_equal(mrq_crc32c(0, data, sizeof(data)), 0x8a9136aa);
	memset(data, 0xff, sizeof(data));
	assert_int_equal(mrq_crc32c(0, data, sizeof(data)), 0x62a8ab43);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	assert_int_equal(mrq_crc32c(0, data, sizeof(data)), 0x46dd794e);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(31 - i);
	assert_int_equal(mrq_crc32c(0, data, sizeof(data)), 0x113fdb5c);
	assert_int_equal(mrq_crc32c(0, read_command, sizeof(read_command)), 0xd9963a56);
}

static void
crc32c_of_pieces_and_by_both_ways(void **state)
{
	uint64_t seed = 42;
	uint8_t data[300];

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)check_next(&seed);
	for (size_t len = 0; len < sizeof(data); len++) {
		size_t cut = len ? check_next(&seed) % len : 0;
		uint32_t whole = mrq_crc32c(0, data, len);
		assert_int_equal(mrq_crc32c_portable(0, data, len), whole);
		uint32_t first = mrq_crc32c(0, data, cut);
		assert_int_equal(mrq_crc32c(first, data + cut, len - cut), whole);
	}
	assert_int_equal(mrq_crc32c(0x1234, NULL, 0), 0x1234);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reader_reads_little_endian),
		cmocka_unit_test(reader_failure_sticks_and_yields_zeros),
		cmocka_unit_test(reader_views_and_skips),
		cmocka_unit_test(reader_of_nothing_is_no_failure),
		cmocka_unit_test(writer_writes_what_reader_reads),
		cmocka_unit_test(writer_never_writes_past_its_end),
		cmocka_unit_test(hex_round_trip),
		cmocka_unit_test(hex_decode_refuses),
		cmocka_unit_test(crc32c_vectors),
		cmocka_unit_test(crc32c_of_pieces_and_by_both_ways),
	};

	return CHECK_MAIN(tests);
}
