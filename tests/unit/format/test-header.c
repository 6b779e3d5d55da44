/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../check.h"

#include "base/bytes.h"
#include "format/header.h"

static const struct mrq_mac_key key = { { 5 } };
static uint8_t image[MRQ_HEADER_PAGES_MAX * MRQ_PAGE];

static struct mrq_header
sample(void)
{
	struct mrq_header h = {
		.pages = 2,
		.block_shift = 13,
		.licence_type = MRQ_LICENCE_XRML,
		.tree_height = 1,
		.unsettled = true,
		.sequence = 0x1122334455667788,
		.size = (32 + 129) * 8192 - 5,
		.created = 1700000000,
		.writes = 12345,
		.generation = 7,
		.licence_len = 3000,
		.owner = "bea@example.org",
	};

	memset(h.file_id.bytes, 0xf1, sizeof(h.file_id.bytes));
	memset(h.content_id.bytes, 0xc0, sizeof(h.content_id.bytes));
	memset(h.label_id.bytes, 0x1a, sizeof(h.label_id.bytes));
	memset(h.wrapped_key, 0x33, sizeof(h.wrapped_key));
	memset(h.commitment, 0x44, sizeof(h.commitment));
	memset(h.root, 0x55, sizeof(h.root));
	struct mrq_entry e = { .generation = 7, .nonce = { 1 }, .tag = { 2 } };
	mrq_entry_encode(&e, h.entries[3]);
	h.inline_crc[3] = 0xabcdef01;
	return h;
}

static uint8_t *
licence_of(uint32_t len)
{
	static uint8_t licence[MRQ_PL_MAX];

	memset(licence, 'x', len);
	return licence;
}

/* Encode with the digest made right, and seal. */
static void
encode(struct mrq_header *h)
{
	uint8_t *licence = licence_of(h->licence_len);

	mrq_sha256(licence, h->licence_len, h->licence_digest);
	memset(image, 0xee, sizeof(image));
	mrq_header_encode(h, licence, image);
	mrq_header_seal(image, h->pages, &key);
}

static void
decode_is_the_inverse_of_encode(void **state)
{
	(void)state;
	struct mrq_header h = sample(), back;
	struct mrq_error err;

	encode(&h);
	check_ok(mrq_header_decode(image, 2, &back, &err), &err);
	assert_int_equal(back.pages, h.pages);
	assert_int_equal(back.block_shift, h.block_shift);
	assert_int_equal(back.licence_type, h.licence_type);
	assert_int_equal(back.tree_height, h.tree_height);
	assert_int_equal(back.unsettled, h.unsettled);
	assert_true(back.sequence == h.sequence && back.size == h.size);
	assert_true(back.created == h.created && back.writes == h.writes);
	assert_int_equal(back.generation, h.generation);
	assert_int_equal(back.licence_len, h.licence_len);
	assert_memory_equal(&back.file_id, &h.file_id, sizeof(h.file_id));
	assert_memory_equal(&back.content_id, &h.content_id, sizeof(h.content_id));
	assert_memory_equal(&back.label_id, &h.label_id, sizeof(h.label_id));
	assert_memory_equal(back.wrapped_key, h.wrapped_key, sizeof(h.wrapped_key));
	assert_memory_equal(back.commitment, h.commitment, sizeof(h.commitment));
	assert_memory_equal(back.licence_digest, h.licence_digest, 32);
	assert_memory_equal(back.root, h.root, sizeof(h.root));
	assert_string_equal(back.owner, h.owner);
	assert_memory_equal(back.inline_crc, h.inline_crc, sizeof(h.inline_crc));
	assert_memory_equal(back.entries, h.entries, sizeof(h.entries));
	assert_int_equal(mrq_header_inline_crc(image, 3), 0xabcdef01);
	assert_memory_equal(mrq_header_licence(image), licence_of(3000), 3000);
}

static void
an_entry_is_32_bytes_in_order(void **state)
{
	(void)state;
	struct mrq_entry e = { .generation = 0x01020304 }, back;
	uint8_t bytes[MRQ_ENTRY_BYTES] = { 0 };

	assert_true(mrq_entry_is_hole(bytes));
	for (uint8_t i = 0; i < 12; i++)
		e.nonce[i] = i + 1;
	for (uint8_t i = 0; i < 16; i++)
		e.tag[i] = i + 13;
	mrq_entry_encode(&e, bytes);
	for (uint8_t i = 0; i < 28; i++)
		assert_int_equal(bytes[i], i + 1);
	assert_memory_equal(bytes + 28, "\x04\x03\x02\x01", 4);
	assert_false(mrq_entry_is_hole(bytes));
	back = mrq_entry_decode(bytes);
	assert_memory_equal(back.nonce, e.nonce, 12);
	assert_memory_equal(back.tag, e.tag, 16);
	assert_int_equal(back.generation, e.generation);
	for (unsigned i = 0; i < MRQ_ENTRY_BYTES; i++) {
		memset(bytes, 0, sizeof(bytes));
		bytes[i] = 0x80;
		assert_false(mrq_entry_is_hole(bytes));
	}
}

static void
pages_leave_room_for_another_licence(void **state)
{
	(void)state;

	assert_int_equal(mrq_header_pages_for(1), 1);
	assert_int_equal(mrq_header_pages_for(1376), 1);
	assert_int_equal(mrq_header_pages_for(1377), 2);
	assert_int_equal(mrq_header_pages_for(MRQ_PL_MAX), 19);
	assert_int_equal(mrq_header_licence_room(1), 2400);
	assert_int_equal(mrq_header_licence_room(MRQ_HEADER_PAGES_MAX), MRQ_PL_MAX);
	for (uint32_t len = 1; len <= MRQ_PL_MAX; len += 61)
		assert_true(len <= mrq_header_licence_room(mrq_header_pages_for(len)));
}

static void
peek_looks_at_magic_version_and_pages(void **state)
{
	(void)state;
	struct mrq_header h = sample();
	struct mrq_error err;
	uint32_t pages = 0;

	encode(&h);
	assert_true(mrq_container_probe(image, 8));
	assert_false(mrq_container_probe(image, 7));
	check_ok(mrq_header_peek(image, MRQ_PAGE, &pages, &err), &err);
	assert_int_equal(pages, 2);
	check_status(mrq_header_peek(image, 9, &pages, &err), MRQ_E_DAMAGED, &err);
	check_status(mrq_header_peek(image, 0, &pages, &err), MRQ_E_PLAIN, &err);
	image[10] = 0;
	check_status(mrq_header_peek(image, MRQ_PAGE, &pages, &err), MRQ_E_FORMAT,
		     &err);
	image[10] = 21;
	check_status(mrq_header_peek(image, MRQ_PAGE, &pages, &err), MRQ_E_FORMAT,
		     &err);
	image[8] = 2;
	check_status(mrq_header_peek(image, MRQ_PAGE, &pages, &err), MRQ_E_VERSION,
		     &err);
	image[1] = 'X';
	check_status(mrq_header_peek(image, MRQ_PAGE, &pages, &err), MRQ_E_PLAIN, &err);
}

static void
a_container_without_its_magic_is_told_from_other_files(void **state)
{
	(void)state;
	static const char other[32] = "\x89PNG\r\n\x1a\n";
	struct mrq_header h = sample();

	encode(&h);
	for (size_t len = 0; len <= 8; len++)
		assert_int_equal(mrq_container_defaced(image, len), len > 1 && len < 8);
	for (size_t bit = 0; bit < 64; bit++) {
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_true(mrq_container_defaced(image, MRQ_DEFACED_HEAD));
		assert_false(mrq_container_defaced(image, MRQ_DEFACED_HEAD - 1));
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_false(mrq_container_defaced(image, MRQ_DEFACED_HEAD));
	memset(image, 0, 8);
	assert_true(mrq_container_defaced(image, MRQ_DEFACED_HEAD));
	image[12] = MRQ_BLOCK_SHIFT_MAX + 1;
	assert_false(mrq_container_defaced(image, MRQ_DEFACED_HEAD));
	assert_false(mrq_container_defaced(other, MRQ_DEFACED_HEAD));
	assert_false(mrq_container_defaced(other, 7));
}

static void
any_flipped_bit_is_noticed(void **state)
{
	(void)state;
	struct mrq_header h = sample(), back;
	struct mrq_error err;

	encode(&h);
	for (size_t bit = 8 * MRQ_MAGIC_BYTES; bit < 2 * MRQ_PAGE * 8; bit += 3) {
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
		enum mrq_status s = mrq_header_decode(image, 2, &back, &err);
		assert_true(s == MRQ_E_DAMAGED || s == MRQ_E_VERSION ||
			    s == MRQ_E_FORMAT);
		image[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	check_ok(mrq_header_decode(image, 2, &back, &err), &err);
}

/* Change bytes of the sample, make the checksum right, and see the field named. */
static void
refused(size_t at, const char *bytes, size_t len, enum mrq_status want,
	const char *sentence)
{
	struct mrq_header h = sample(), back;
	struct mrq_error err;

	encode(&h);
	memcpy(image + at, bytes, len);
	mrq_header_seal(image, 2, &key);
	check_status(mrq_header_decode(image, 2, &back, &err), want, &err);
	if (!strstr(err.msg, sentence))
		fail_msg("'%s' does not say '%s'", err.msg, sentence);
}
#define REFUSED(at, bytes, want, sentence)                                             \
	refused((at), (bytes), sizeof(bytes) - 1, (want), (sentence))

static void
each_malformed_field_is_named(void **state)
{
	(void)state;

	REFUSED(12, "\x0b", MRQ_E_FORMAT, "block size");
	REFUSED(12, "\x11", MRQ_E_FORMAT, "block size");
	REFUSED(13, "\x02", MRQ_E_VERSION, "cipher");
	REFUSED(14, "\x03", MRQ_E_VERSION, "licence type");
	REFUSED(15, "\x02", MRQ_E_FORMAT, "height");
	REFUSED(16, "\x02", MRQ_E_FORMAT, "flags");
	REFUSED(20, "\x21", MRQ_E_FORMAT, "inline entries");
	REFUSED(22, "\x01", MRQ_E_FORMAT, "reserved");
	REFUSED(24, "\0\0\0\0\0\0\0\0", MRQ_E_FORMAT, "sequence");
	REFUSED(32, "\1\0\0\0\0\0\0\1", MRQ_E_FORMAT, "size");
	REFUSED(48, "\0\0\0\x80", MRQ_E_FORMAT, "writes");
	REFUSED(56, "\0\0\0\0", MRQ_E_FORMAT, "generation");
	REFUSED(60, "\0\0\0\0", MRQ_E_FORMAT, "length of the licence");
	REFUSED(60, "\xff\xff", MRQ_E_FORMAT, "length of the licence");
	REFUSED(184, "\x01", MRQ_E_FORMAT, "digest of the licence");
	REFUSED(268, "\0\1", MRQ_E_FORMAT, "owner");
	REFUSED(268, "\x0e", MRQ_E_FORMAT, "owner");
	REFUSED(268, "\x10", MRQ_E_FORMAT, "owner");
	REFUSED(280, "\x01", MRQ_E_FORMAT, "reserved");
	REFUSED(288, "\x1f", MRQ_E_FORMAT, "owner");
	REFUSED(288, "\x7f", MRQ_E_FORMAT, "owner");
	REFUSED(543, "\x01", MRQ_E_FORMAT, "owner");
	REFUSED(672 + 3 * 32 + 28, "\x08", MRQ_E_FORMAT, "entry");
	REFUSED(672 + 3 * 32 + 28, "\x00", MRQ_E_FORMAT, "entry");
	REFUSED(1696 + 3000, "\x01", MRQ_E_FORMAT, "after the licence");
	REFUSED(8191, "\x01", MRQ_E_FORMAT, "after the licence");
}

static void
what_lies_past_the_end_is_refused(void **state)
{
	(void)state;
	struct mrq_header h = sample(), back;
	struct mrq_error err;

	h.size = 2 * 8192;
	h.tree_height = 0;
	encode(&h);
	check_status(mrq_header_decode(image, 2, &back, &err), MRQ_E_FORMAT, &err);
	assert_non_null(strstr(err.msg, "root"));
	memset(h.root, 0, sizeof(h.root));
	encode(&h);
	check_status(mrq_header_decode(image, 2, &back, &err), MRQ_E_FORMAT, &err);
	assert_non_null(strstr(err.msg, "entry"));
	h.size = 4 * 8192;
	encode(&h);
	check_ok(mrq_header_decode(image, 2, &back, &err), &err);
}

static void
the_mac_covers_all_but_licence_and_checksum(void **state)
{
	(void)state;
	struct mrq_header h = sample();
	const struct mrq_mac_key other = { { 6 } };

	encode(&h);
	assert_true(mrq_header_authentic(image, &key));
	assert_false(mrq_header_authentic(image, &other));
	for (size_t i = 0; i < MRQ_HEADER_FIXED; i++) {
		bool checksum = i >= 264 && i < 268;
		image[i] ^= 1;
		assert_int_equal(mrq_header_authentic(image, &key), checksum);
		image[i] ^= 1;
	}
}

static void
marking_settled_changes_one_sector(void **state)
{
	(void)state;
	static uint8_t before[2 * MRQ_PAGE];
	struct mrq_header h = sample(), back;
	struct mrq_error err;

	encode(&h);
	memcpy(before, image, sizeof(before));
	mrq_header_mark_settled(image, 2, &key);
	assert_memory_equal(image + MRQ_SECTOR, before + MRQ_SECTOR,
			    sizeof(before) - MRQ_SECTOR);
	check_ok(mrq_header_decode(image, 2, &back, &err), &err);
	assert_true(mrq_header_authentic(image, &key));
	assert_false(back.unsettled);
	assert_true(back.sequence == h.sequence + 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_is_the_inverse_of_encode),
		cmocka_unit_test(an_entry_is_32_bytes_in_order),
		cmocka_unit_test(pages_leave_room_for_another_licence),
		cmocka_unit_test(peek_looks_at_magic_version_and_pages),
		cmocka_unit_test(
			a_container_without_its_magic_is_told_from_other_files),
		cmocka_unit_test(any_flipped_bit_is_noticed),
		cmocka_unit_test(each_malformed_field_is_named),
		cmocka_unit_test(what_lies_past_the_end_is_refused),
		cmocka_unit_test(the_mac_covers_all_but_licence_and_checksum),
		cmocka_unit_test(marking_settled_changes_one_sector),
	};

	return CHECK_MAIN(tests);
}
