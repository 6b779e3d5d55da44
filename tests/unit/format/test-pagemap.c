/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../check.h"

#include "format/pagemap.h"

#define PAGES 400

static void
an_empty_map_has_nothing(void **state)
{
	(void)state;
	struct mrq_pagemap map = { 0 };
	struct mrq_pagemap_item *items;
	uint64_t value;

	assert_false(mrq_pagemap_get(&map, 0, &value));
	assert_false(mrq_pagemap_has(&map, 7));
	mrq_pagemap_remove(&map, 7);
	check_ok(mrq_pagemap_sorted(&map, &items, NULL), NULL);
	assert_null(items);
	mrq_pagemap_clear(&map);
}

/* Any run of puts and removals equals the same on an array. */
static void
it_equals_an_array(void **state)
{
	(void)state;
	struct mrq_pagemap map = { 0 };
	uint64_t model[PAGES] = { 0 }, seed = 77;

	for (unsigned i = 0; i < 20000; i++) {
		/* Pages that fall together when hashed badly. */
		uint64_t slot = check_next(&seed) % PAGES, page = slot << 32 | slot % 3;
		uint64_t value = check_next(&seed) | 1, found = 0;
		assert_int_equal(mrq_pagemap_get(&map, page, &found), model[slot] != 0);
		assert_int_equal(found, model[slot]);
		if (check_next(&seed) % 2) {
			check_ok(mrq_pagemap_reserve(&map, 1, NULL), NULL);
			mrq_pagemap_put(&map, page, value);
			model[slot] = value;
		} else {
			mrq_pagemap_remove(&map, page);
			model[slot] = 0;
		}
	}
	size_t n = 0;
	for (size_t i = 0; i < PAGES; i++)
		n += model[i] != 0;
	assert_int_equal(map.n, n);
	mrq_pagemap_clear(&map);
	assert_int_equal(map.n, 0);
}

static void
sorted_is_in_order_and_complete(void **state)
{
	(void)state;
	struct mrq_pagemap map = { 0 };
	struct mrq_pagemap_item *items;
	uint64_t seed = 5;

	check_ok(mrq_pagemap_reserve(&map, 1000, NULL), NULL);
	for (unsigned i = 0; i < 1000; i++)
		mrq_pagemap_put(&map, check_next(&seed) >> 1, i);
	check_ok(mrq_pagemap_sorted(&map, &items, NULL), NULL);
	for (size_t i = 1; i < map.n; i++)
		assert_true(items[i - 1].page < items[i].page);
	assert_int_equal(map.n, 1000);
	free(items);
	mrq_pagemap_clear(&map);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_map_has_nothing),
		cmocka_unit_test(it_equals_an_array),
		cmocka_unit_test(sorted_is_in_order_and_complete),
	};

	return CHECK_MAIN(tests);
}
