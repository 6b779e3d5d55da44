/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../check.h"

#include "format/container.h"
#include "format/layout.h"

static const struct mrq_layout one = { 1, 4096, 1 };

static void
make_fills_all_fields(void **state)
{
	(void)state;
	struct mrq_layout l = mrq_layout_make(2, 16);

	assert_int_equal(l.header_pages, 2);
	assert_int_equal(l.block_size, 65536);
	assert_int_equal(l.block_pages, 16);
}

/* marque-format(5) "Addresses", both examples. */
static void
addresses_are_those_of_the_examples(void **state)
{
	(void)state;
	struct mrq_layout two = mrq_layout_make(2, 16);

	assert_int_equal(mrq_layout_block_page(&one, 0), 1);
	assert_int_equal(mrq_layout_block_page(&one, 31), 32);
	for (unsigned level = 1; level <= 5; level++)
		assert_int_equal(mrq_layout_tree_page(&one, level, 0), 38 - level);
	assert_int_equal(mrq_layout_tree_page(&one, 0, 0), 38);
	assert_int_equal(mrq_layout_block_page(&one, 32), 39);
	assert_int_equal(mrq_layout_block_page(&one, 159), 166);
	assert_int_equal(mrq_layout_tree_page(&one, 0, 1), 167);
	assert_int_equal(mrq_layout_block_page(&one, 160), 168);
	assert_int_equal(mrq_layout_tree_page(&one, 0, 255), 32933);
	assert_int_equal(mrq_layout_tree_page(&one, 0, 256), 33063);
	assert_int_equal(mrq_layout_tree_page(&one, 1, 1), 33062);
	assert_int_equal(mrq_layout_tree_page(&one, 0, 65536), 8454439);
	assert_int_equal(mrq_layout_tree_page(&one, 2, 1), 8454437);
	assert_int_equal(mrq_layout_tree_page(&one, 1, 256), 8454438);
	assert_int_equal(mrq_layout_blocks(&one, 1000000), 245);
	assert_int_equal(mrq_layout_block_page(&one, 244), 252);
	assert_int_equal(mrq_layout_end(&one, 1000000), 253);
	assert_int_equal(mrq_layout_tree_page(&two, 0, 0), 519);
	assert_int_equal(mrq_layout_block_page(&two, 32), 520);
	assert_int_equal(mrq_layout_tree_page(&two, 0, 1), 2568);
}

static void
no_two_things_share_a_page(void **state)
{
	(void)state;
	enum { PAGES = 90000 };
	uint8_t *taken = calloc(1, PAGES);
	uint64_t segments = 600, blocks = 32 + segments * 128;

	assert_non_null(taken);
	for (uint64_t b = 0; b < blocks; b++)
		taken[mrq_layout_block_page(&one, b)]++;
	for (unsigned level = 0; level <= 5; level++)
		for (uint64_t i = 0; i * mrq_layout_span(level) < segments; i++)
			taken[mrq_layout_tree_page(&one, level, i)]++;
	/* Without a gap from the header to the end, either. */
	uint64_t end = mrq_layout_end(&one, blocks * 4096);
	assert_true(end < PAGES);
	for (uint64_t p = 1; p < end; p++)
		assert_int_equal(taken[p], 1);
	assert_int_equal(taken[0] + taken[end], 0);
	free(taken);
}

static void
heights_follow_the_segments(void **state)
{
	(void)state;

	assert_int_equal(mrq_layout_segments(0), 0);
	assert_int_equal(mrq_layout_segments(32), 0);
	assert_int_equal(mrq_layout_segments(33), 1);
	assert_int_equal(mrq_layout_segments(160), 1);
	assert_int_equal(mrq_layout_segments(161), 2);
	assert_int_equal(mrq_layout_height(0), 0);
	assert_int_equal(mrq_layout_height(1), 0);
	assert_int_equal(mrq_layout_height(2), 1);
	assert_int_equal(mrq_layout_height(256), 1);
	assert_int_equal(mrq_layout_height(257), 2);
	assert_int_equal(mrq_layout_height(65536), 2);
	assert_int_equal(mrq_layout_height(65537), 3);
}

static void
the_largest_file_has_an_end(void **state)
{
	(void)state;
	uint64_t max = (uint64_t)MRQ_CONTAINER_SIZE_MAX;

	for (unsigned shift = MRQ_BLOCK_SHIFT_MIN; shift <= MRQ_BLOCK_SHIFT_MAX;
	     shift++) {
		struct mrq_layout l = mrq_layout_make(MRQ_HEADER_PAGES_MAX, shift);
		uint64_t blocks = mrq_layout_blocks(&l, max);
		assert_true(mrq_layout_height(mrq_layout_segments(blocks)) <=
			    MRQ_TREE_LEVELS);
		/* In bytes it still is an off_t, with room for a journal. */
		assert_true(mrq_layout_end(&l, max) < (uint64_t)INT64_MAX / 4096 / 2);
	}
}

static void
ends_are_of_the_last_block(void **state)
{
	(void)state;

	assert_int_equal(mrq_layout_end(&one, 0), 1);
	assert_int_equal(mrq_layout_end(&one, 1), 2);
	assert_int_equal(mrq_layout_end(&one, 4096), 2);
	assert_int_equal(mrq_layout_end(&one, 4097), 3);
	assert_int_equal(mrq_layout_end(&one, 32 * 4096), 33);
	assert_int_equal(mrq_layout_end(&one, 32 * 4096 + 1), 40);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(make_fills_all_fields),
		cmocka_unit_test(addresses_are_those_of_the_examples),
		cmocka_unit_test(no_two_things_share_a_page),
		cmocka_unit_test(heights_follow_the_segments),
		cmocka_unit_test(the_largest_file_has_an_end),
		cmocka_unit_test(ends_are_of_the_last_block),
	};

	return CHECK_MAIN(tests);
}
