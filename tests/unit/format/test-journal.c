/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../check.h"

#include "base/bytes.h"
#include "format/journal.h"

static const struct mrq_mac_key key = { { 8 } };
static const struct mrq_record_rules rules = {
	.journal_start = 1000,
	.header_pages = 2,
	.block_pages = 4,
};

#define RECORDS 4

/* Two blocks, a tag page, the header, and a block in place. */
static const struct mrq_record records[RECORDS] = {
	{ 6, 2, 4, MRQ_RECORD_PAYLOAD },
	{ 131, 1, 1, MRQ_RECORD_PAYLOAD },
	{ 0, 2, 1, MRQ_RECORD_PAYLOAD },
	{ 200, 3, 4, MRQ_RECORD_IN_PLACE },
};

struct sample {
	struct mrq_commit_page page;
	uint8_t descriptor[RECORDS * MRQ_RECORD_BYTES + 8 * 4];
	uint64_t len;
};

static struct sample
sample_of(const struct mrq_record *recs)
{
	struct sample s = { .page = { .file_id = { { 0xf1 } },
				      .before = 41,
				      .after = 42,
				      .page = 1011,
				      .start = 1000,
				      .payload_pages = 11,
				      .records = RECORDS,
				      .units = 8 } };

	s.len = mrq_descriptor_len(RECORDS, 8);
	assert_int_equal(s.len, sizeof(s.descriptor));
	for (unsigned i = 0; i < RECORDS; i++)
		mrq_record_encode(&recs[i],
				  s.descriptor + (size_t)i * MRQ_RECORD_BYTES);
	for (unsigned i = 0; i < 8; i++)
		s.descriptor[RECORDS * MRQ_RECORD_BYTES + i * 4] = (uint8_t)(i + 1);
	mrq_sha256(s.descriptor, sizeof(s.descriptor), s.page.digest);
	mrq_commit_page_mac(&s.page, &key, s.page.mac);
	return s;
}

static void
decode_is_the_inverse_of_encode(void **state)
{
	(void)state;
	struct sample s = sample_of(records);
	struct mrq_commit_page back;
	uint8_t page[MRQ_PAGE];

	mrq_commit_page_encode(&s.page, s.descriptor, s.len, page);
	assert_true(mrq_commit_page_decode(page, 1011, &back));
	assert_true(back.before == 41 && back.after == 42 && back.page == 1011);
	assert_true(back.start == 1000 && back.previous == 0);
	assert_int_equal(back.payload_pages, 11);
	assert_int_equal(back.descriptor_pages, 0);
	assert_int_equal(back.records, RECORDS);
	assert_int_equal(back.units, 8);
	assert_memory_equal(&back.file_id, &s.page.file_id, 16);
	assert_memory_equal(back.digest, s.page.digest, 32);
	assert_memory_equal(back.mac, s.page.mac, 32);
	assert_memory_equal(page + MRQ_PAGE - MRQ_DESCRIPTOR_INLINE, s.descriptor,
			    s.len);
	assert_true(mrq_descriptor_valid(&back, s.descriptor, &rules));
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(mrq_descriptor_crc(&back, s.descriptor, i), i + 1);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct mrq_record r =
			mrq_record_decode(s.descriptor + (size_t)i * MRQ_RECORD_BYTES);
		assert_true(r.target == records[i].target &&
			    r.units == records[i].units);
		assert_true(r.unit_pages == records[i].unit_pages &&
			    r.kind == records[i].kind);
	}
}

static void
any_flipped_bit_of_a_commit_page_is_noticed(void **state)
{
	(void)state;
	struct sample s = sample_of(records);
	struct mrq_commit_page back;
	uint8_t page[MRQ_PAGE];

	mrq_commit_page_encode(&s.page, s.descriptor, s.len, page);
	for (size_t bit = 0; bit < sizeof(page) * 8; bit++) {
		page[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(mrq_commit_page_decode(page, 1011, &back));
		page[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_false(mrq_commit_page_decode(page, 1012, &back));
}

static bool
accepted(const struct mrq_commit_page *p)
{
	struct sample s = sample_of(records);
	struct mrq_commit_page back;
	uint8_t page[MRQ_PAGE];

	mrq_commit_page_encode(p, s.descriptor, p->descriptor_pages ? 0 : s.len, page);
	return mrq_commit_page_decode(page, p->page, &back);
}

/* Numbers that no writer writes, under a right checksum. */
static void
numbers_of_a_commit_page_are_bounded(void **state)
{
	(void)state;
	const struct mrq_commit_page good = sample_of(records).page;
	struct mrq_commit_page p;

	assert_true(accepted(&good));
#define NOT_ACCEPTED(...)                                                              \
	do {                                                                           \
		p = good;                                                              \
		__VA_ARGS__;                                                           \
		assert_false(accepted(&p));                                            \
	} while (0)
	NOT_ACCEPTED(p.before = 0, p.after = 1);
	NOT_ACCEPTED(p.before = UINT64_MAX, p.after = 0);
	NOT_ACCEPTED(p.after = 43);
	NOT_ACCEPTED(p.start = 0, p.page = 11);
	NOT_ACCEPTED(p.start = 1012);
	NOT_ACCEPTED(p.previous = 998);
	NOT_ACCEPTED(p.previous = 1000);
	NOT_ACCEPTED(p.payload_pages = 12);
	NOT_ACCEPTED(p.payload_pages = MRQ_TX_PAGES_MAX + 1,
		     p.page = 1000 + p.payload_pages);
	NOT_ACCEPTED(p.descriptor_pages = 1, p.page = 1012);
	NOT_ACCEPTED(p.records = 0);
	NOT_ACCEPTED(p.units = UINT32_MAX);
	NOT_ACCEPTED(p.records = UINT32_MAX);
	p = good;
	p.previous = 999;
	assert_true(accepted(&p));
}

static void
descriptors_have_pages_when_they_do_not_fit(void **state)
{
	(void)state;

	assert_int_equal(mrq_descriptor_pages(MRQ_DESCRIPTOR_INLINE), 0);
	assert_int_equal(mrq_descriptor_pages(MRQ_DESCRIPTOR_INLINE + 1), 1);
	assert_int_equal(mrq_descriptor_pages(4096), 1);
	assert_int_equal(mrq_descriptor_pages(4097), 2);
	assert_true(mrq_descriptor_len(UINT32_MAX, UINT32_MAX) ==
		    20 * (uint64_t)UINT32_MAX);
}

static bool
valid_with(unsigned i, struct mrq_record changed)
{
	struct mrq_record recs[RECORDS];

	memcpy(recs, records, sizeof(recs));
	recs[i] = changed;
	struct sample s = sample_of(recs);
	return mrq_descriptor_valid(&s.page, s.descriptor, &rules);
}

static void
records_that_break_a_rule_are_refused(void **state)
{
	(void)state;
	const enum mrq_record_kind payload = MRQ_RECORD_PAYLOAD;
	const enum mrq_record_kind in_place = MRQ_RECORD_IN_PLACE;
	const enum mrq_record_kind none = (enum mrq_record_kind)0;
	const enum mrq_record_kind unknown = (enum mrq_record_kind)4;

	assert_true(valid_with(0, records[0]));
	/* kinds */
	assert_false(valid_with(0, (struct mrq_record){ 6, 2, 4, none }));
	assert_false(valid_with(0, (struct mrq_record){ 6, 2, 4, unknown }));
	assert_false(valid_with(0, (struct mrq_record){ 6, 2, 4, in_place }));
	assert_false(valid_with(0, (struct mrq_record){ 1, 2, 4, MRQ_RECORD_UNUSED }));
	/* units */
	assert_false(valid_with(0, (struct mrq_record){ 6, 0, 4, payload }));
	assert_false(valid_with(0, (struct mrq_record){ 6, 3, 4, payload }));
	assert_false(valid_with(0, (struct mrq_record){ 6, 4, 2, payload }));
	assert_false(valid_with(0, (struct mrq_record){ 6, UINT32_MAX, 4, payload }));
	/* targets: past J, over its edge, overflowing */
	assert_false(valid_with(0, (struct mrq_record){ 1000, 2, 4, payload }));
	assert_false(valid_with(0, (struct mrq_record){ 993, 2, 4, payload }));
	assert_true(valid_with(0, (struct mrq_record){ 992, 2, 4, payload }));
	assert_false(
		valid_with(0, (struct mrq_record){ UINT64_MAX - 3, 2, 4, payload }));
	assert_false(valid_with(3, (struct mrq_record){ 989, 3, 4, in_place }));
	assert_true(valid_with(3, (struct mrq_record){ 988, 3, 4, in_place }));
	/* the header: once, alone, not in place */
	assert_false(valid_with(1, (struct mrq_record){ 0, 1, 1, payload }));
	assert_false(valid_with(2, (struct mrq_record){ 500, 2, 1, payload }));
	assert_false(valid_with(2, (struct mrq_record){ 1, 2, 1, payload }));
	assert_false(valid_with(0, (struct mrq_record){ 1, 2, 4, payload }));
	assert_false(valid_with(3, (struct mrq_record){ 1, 3, 4, in_place }));
}

static void
what_is_unused_has_no_crc(void **state)
{
	(void)state;
	struct mrq_record recs[RECORDS];
	uint8_t *crcs;

	memcpy(recs, records, sizeof(recs));
	recs[0] = (struct mrq_record){ 0, 2, 4, MRQ_RECORD_UNUSED };
	struct sample s = sample_of(recs);
	crcs = s.descriptor + sizeof(s.descriptor) - (size_t)8 * 4;
	assert_false(mrq_descriptor_valid(&s.page, s.descriptor, &rules));
	memset(crcs, 0, 4);
	assert_false(mrq_descriptor_valid(&s.page, s.descriptor, &rules));
	memset(crcs + 4, 0, 4);
	assert_true(mrq_descriptor_valid(&s.page, s.descriptor, &rules));
}

static bool
disjoint_with(unsigned i, struct mrq_record changed)
{
	struct mrq_record recs[RECORDS];
	struct mrq_error err;
	bool disjoint = false;

	memcpy(recs, records, sizeof(recs));
	recs[i] = changed;
	struct sample s = sample_of(recs);
	check_ok(mrq_descriptor_disjoint(&s.page, s.descriptor, &disjoint, &err), &err);
	return disjoint;
}

static void
no_page_is_covered_twice(void **state)
{
	(void)state;
	const struct mrq_record *in_place = &records[3];
	const uint64_t end =
		in_place->target + (uint64_t)in_place->units * in_place->unit_pages;

	assert_true(disjoint_with(0, records[0]));
	assert_false(disjoint_with(
		0, (struct mrq_record){ in_place->target, 2, 4, MRQ_RECORD_PAYLOAD }));
	assert_false(disjoint_with(
		0, (struct mrq_record){ end - 1, 2, 4, MRQ_RECORD_PAYLOAD }));
	assert_true(
		disjoint_with(0, (struct mrq_record){ end, 2, 4, MRQ_RECORD_PAYLOAD }));
	assert_false(disjoint_with(0, (struct mrq_record){ in_place->target - 7, 2, 4,
							   MRQ_RECORD_PAYLOAD }));
	/* unused pages have no place */
	assert_true(
		disjoint_with(0, (struct mrq_record){ 0, 2, 4, MRQ_RECORD_UNUSED }));
}

static void
what_was_written_in_place_is_in_order(void **state)
{
	(void)state;
	struct mrq_record recs[RECORDS] = {
		{ 0, 2, 1, MRQ_RECORD_PAYLOAD },
		{ 100, 2, 4, MRQ_RECORD_IN_PLACE },
		{ 108, 1, 1, MRQ_RECORD_IN_PLACE },
		{ 109, 3, 4, MRQ_RECORD_IN_PLACE },
	};
	struct sample s = sample_of(recs);

	s.page.payload_pages = 2;
	assert_true(mrq_descriptor_valid(&s.page, s.descriptor, &rules));
	recs[2].target = 107;
	s = sample_of(recs);
	s.page.payload_pages = 2;
	assert_false(mrq_descriptor_valid(&s.page, s.descriptor, &rules));
}

static void
the_mac_covers_file_sequences_and_digest(void **state)
{
	(void)state;
	struct mrq_commit_page p = sample_of(records).page;
	uint8_t mac[MRQ_MAC_BYTES], other[MRQ_MAC_BYTES];

	mrq_commit_page_mac(&p, &key, mac);
#define ANOTHER_MAC(change, undo)                                                      \
	do {                                                                           \
		change;                                                                \
		mrq_commit_page_mac(&p, &key, other);                                  \
		assert_memory_not_equal(mac, other, sizeof(mac));                      \
		undo;                                                                  \
	} while (0)
	ANOTHER_MAC(p.before++, p.before--);
	ANOTHER_MAC(p.after++, p.after--);
	ANOTHER_MAC(p.file_id.bytes[0] ^= 1, p.file_id.bytes[0] ^= 1);
	ANOTHER_MAC(p.digest[31] ^= 1, p.digest[31] ^= 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_is_the_inverse_of_encode),
		cmocka_unit_test(any_flipped_bit_of_a_commit_page_is_noticed),
		cmocka_unit_test(numbers_of_a_commit_page_are_bounded),
		cmocka_unit_test(descriptors_have_pages_when_they_do_not_fit),
		cmocka_unit_test(records_that_break_a_rule_are_refused),
		cmocka_unit_test(what_is_unused_has_no_crc),
		cmocka_unit_test(no_page_is_covered_twice),
		cmocka_unit_test(what_was_written_in_place_is_in_order),
		cmocka_unit_test(the_mac_covers_file_sequences_and_digest),
	};

	return CHECK_MAIN(tests);
}
