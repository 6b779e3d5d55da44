/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/guid.h"

#include "check.h"

/* RFC 9562 appendix A.4, the version 5 example. */
static const char text[] = "2ed6657d-e927-568b-95e1-2665a8aea6a2";
static const struct mrq_guid id = { { 0x2e, 0xd6, 0x65, 0x7d, 0xe9, 0x27, 0x56, 0x8b,
				      0x95, 0xe1, 0x26, 0x65, 0xa8, 0xae, 0xa6,
				      0xa2 } };

static void
format_is_lower_case_in_byte_order(void **state)
{
	char out[MRQ_GUID_TEXT];

	(void)state;
	mrq_guid_format(&id, out);
	assert_string_equal(out, text);
}

static void
parse_takes_any_case(void **state)
{
	struct mrq_guid back;

	(void)state;
	assert_true(mrq_guid_parse(text, &back));
	assert_true(mrq_guid_equal(&back, &id));
	assert_true(mrq_guid_parse("2ED6657D-E927-568B-95E1-2665A8AEA6A2", &back));
	assert_true(mrq_guid_equal(&back, &id));
}

static void
parse_refuses_and_leaves_ret(void **state)
{
	static const char *const bad[] = {
		"",
		"2ed6657d",
		"2ed6657de927568b95e12665a8aea6a2",
		"2ed6657d-e927-568b-95e1-2665a8aea6a",
		"2ed6657d-e927-568b-95e1-2665a8aea6a22",
		"2ed6657d-e927-568b-95e1+2665a8aea6a2",
		"2ed6657de-927-568b-95e1-2665a8aea6a2",
		"2ed6657d-e927-568b-95e1-2665a8aea6ag",
		"{2ed6657d-e927-568b-95e1-2665a8aea6a2}",
		" ed6657d-e927-568b-95e1-2665a8aea6a2",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mrq_guid back = id;
		assert_false(mrq_guid_parse(bad[i], &back));
		assert_true(mrq_guid_equal(&back, &id));
	}
}

static void
every_byte_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(id.bytes); i++) {
		struct mrq_guid other = id, nil = { 0 };
		other.bytes[i] ^= 1;
		assert_false(mrq_guid_equal(&other, &id));
		assert_true(mrq_guid_is_nil(&nil));
		nil.bytes[i] = 1;
		assert_false(mrq_guid_is_nil(&nil));
	}
}

static void
parse_of_format_is_identity(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		struct mrq_guid a, b;
		char out[MRQ_GUID_TEXT];
		for (size_t j = 0; j < sizeof(a.bytes); j++)
			a.bytes[j] = (uint8_t)check_next(&seed);
		mrq_guid_format(&a, out);
		assert_true(mrq_guid_parse(out, &b));
		assert_true(mrq_guid_equal(&a, &b));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_is_lower_case_in_byte_order),
		cmocka_unit_test(parse_takes_any_case),
		cmocka_unit_test(parse_refuses_and_leaves_ret),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(parse_of_format_is_identity),
	};

	return CHECK_MAIN(tests);
}
