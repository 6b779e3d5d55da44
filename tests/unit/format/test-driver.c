/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What every driver keeps to, and the one that there is. */
#include "fixture.h"

#include "format/driver.h"

static void
names_are_there_and_differ(void **state)
{
	(void)state;
	const struct mrq_driver *a, *b;

	assert_non_null(mrq_driver_at(0));
	for (size_t i = 0; (a = mrq_driver_at(i)); i++) {
		assert_true(a->name && a->man_page && a->probe && a->facts_load);
		for (size_t k = 0; (b = mrq_driver_at(k)) && k < i; k++)
			assert_string_not_equal(a->name, b->name);
	}
}

static void
nobody_claims_a_plain_file(void **state)
{
	(void)state;
	static const char text[] = "hello\n", zip[] = "PK\3\4....";

	assert_null(mrq_driver_find(text, sizeof(text)));
	assert_null(mrq_driver_find(zip, sizeof(zip)));
	assert_null(mrq_driver_find("", 0));
}

static void
a_container_is_found_and_tells_its_facts(void **state)
{
	(void)state;
	uint8_t head[MRQ_DRIVER_HEAD];
	struct mrq_driver_facts facts;
	struct mrq_error err;
	int fd = fixture_file();
	struct mrq_container *c = fixture_create(fd, 4096);

	check_ok(mrq_container_write(c, "abc", 3, 0, &err), &err);
	check_ok(mrq_container_commit(c, MRQ_COMMIT_KERNEL, &err), &err);
	assert_int_equal(pread(fd, head, sizeof(head), 0), sizeof(head));
	const struct mrq_driver *d = mrq_driver_find(head, sizeof(head));
	assert_non_null(d);
	assert_string_equal(d->name, "marque");
	assert_int_equal(d->probe(head, sizeof(head)), 100);
	check_ok(d->facts_load(fd, "test", &facts, &err), &err);
	assert_int_equal(facts.size, 3);
	assert_string_equal(facts.owner, "ann@example.org");
	assert_int_equal(facts.content_id.bytes[0], 0xc0);
	assert_int_equal(facts.label_id.bytes[0], 0x1a);
	assert_int_equal(facts.licence_len, strlen(FIXTURE_LICENCE));
	mrq_container_free(c);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_there_and_differ),
		cmocka_unit_test(nobody_claims_a_plain_file),
		cmocka_unit_test(a_container_is_found_and_tells_its_facts),
	};

	return CHECK_MAIN(tests);
}
