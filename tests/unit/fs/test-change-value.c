/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/change-value.h"

#define NOW 1700000000

static enum mrq_status
parse(const char *value, struct mrq_change_value *ret, struct mrq_error *err)
{
	*ret = (struct mrq_change_value){ .text = NULL };
	return mrq_change_value_parse(value, strlen(value), NOW, ret, err);
}

static void
a_name_alone(void **state)
{
	struct mrq_change_value v MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	struct mrq_error err = { 0 };
	(void)state;
	check_ok(parse("Confidential/All Employees", &v, &err), &err);
	assert_string_equal(v.name, "Confidential/All Employees");
	assert_null(v.options.justification);
	assert_false(v.options.what_if);
	assert_int_equal(v.permissions.n, 0);
}

static void
nothing_removes(void **state)
{
	struct mrq_change_value v MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	struct mrq_error err = { 0 };
	(void)state;
	check_ok(parse("", &v, &err), &err);
	assert_string_equal(v.name, "");
}

static void
flags_and_a_justification_that_ends_the_value(void **state)
{
	struct mrq_change_value v MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	struct mrq_error err = { 0 };
	(void)state;
	check_ok(parse("Public;what-if;new-key;justification=a; b;what-if", &v, &err),
		 &err);
	assert_string_equal(v.name, "Public");
	assert_true(v.options.what_if);
	assert_true(v.options.new_key);
	assert_string_equal(v.options.justification, "a; b;what-if");
}

static void
permissions(void **state)
{
	struct mrq_change_value v MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	struct mrq_error err = { 0 };
	(void)state;
	check_ok(parse("{\"grants\":[{\"who\":\"a@b.c\",\"rights\":\"viewer\"},"
		       "{\"who\":\"org\",\"rights\":\"VIEW,EDIT\"}],"
		       "\"expires\":\"2030-01-01\",\"owner\":\"o@b.c\",\"what_if\":"
		       "true}",
		       &v, &err),
		 &err);
	assert_int_equal(v.permissions.n, 2);
	assert_string_equal(v.permissions.items[0].who, "a@b.c");
	assert_int_equal(v.permissions.items[0].rights, MRQ_LEVEL_VIEWER);
	assert_int_equal(v.permissions.items[1].rights,
			 MRQ_RIGHT_VIEW | MRQ_RIGHT_EDIT);
	assert_int_equal(v.permissions.expires, 1893456000);
	assert_string_equal(v.permissions.owner, "o@b.c");
	assert_true(v.options.what_if);
	assert_null(v.name);
}

static void
each_mistake_is_refused(void **state)
{
	static const char *const bad[] = {
		"Public;justify=x",
		"Public;what-i",
		"Public;;",
		"{",
		"{}",
		"{\"grants\":[]}",
		"{\"grants\":{}}",
		"{\"grants\":[{\"who\":\"a@b.c\"}]}",
		"{\"grants\":[{\"rights\":\"viewer\"}]}",
		"{\"grants\":[{\"who\":\"a@b.c\",\"rights\":\"everything\"}]}",
		"{\"grants\":[1]}",
		("{\"grants\":[{\"who\":\"a@b.c\",\"rights\":\"viewer\"}],"
		 "\"expires\":\"soon\"}"),
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mrq_change_value v MRQ_CLEANUP(
			mrq_change_value_clear) = { .text = NULL };
		struct mrq_error err = { 0 };
		if (parse(bad[i], &v, &err) == MRQ_OK)
			fail_msg("'%s' was taken", bad[i]);
		assert_true(err.msg[0] != '\0');
	}
}

static void
what_is_too_long_or_holds_a_nul_is_refused(void **state)
{
	static char big[MRQ_CHANGE_VALUE_MAX + 1];
	struct mrq_change_value v MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	struct mrq_error err = { 0 };
	(void)state;
	memset(big, 'x', sizeof(big));
	check_status(mrq_change_value_parse(big, sizeof(big), NOW, &v, &err),
		     MRQ_E_LIMIT, &err);
	check_status(mrq_change_value_parse("a\0b", 3, NOW, &v, &err), MRQ_E_INVAL,
		     &err);
	struct mrq_change_value w MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	check_status(mrq_change_value_parse(big, MRQ_NAME_MAX + 1, NOW, &w, &err),
		     MRQ_E_LIMIT, &err);
}

/** Any bytes: a status, never a crash. */
static void
any_bytes(void **state)
{
	static const char part[] =
		"{\"grants\":[{\"who\":\"a\",\"rights\":\"VIEW\"}]};justification=";
	uint64_t seed = 42;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char value[80];
		size_t len = check_next(&seed) % sizeof(value);
		for (size_t i = 0; i < len; i++)
			value[i] =
				check_next(&seed) % 3
					? part[check_next(&seed) % (sizeof(part) - 1)]
					: (char)check_next(&seed);
		struct mrq_change_value v MRQ_CLEANUP(
			mrq_change_value_clear) = { .text = NULL };
		struct mrq_error err = { 0 };
		enum mrq_status st = mrq_change_value_parse(value, len, NOW, &v, &err);
		if (st == MRQ_OK)
			assert_true(v.name != NULL || v.permissions.n > 0);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_alone),
		cmocka_unit_test(nothing_removes),
		cmocka_unit_test(flags_and_a_justification_that_ends_the_value),
		cmocka_unit_test(permissions),
		cmocka_unit_test(each_mistake_is_refused),
		cmocka_unit_test(what_is_too_long_or_holds_a_nul_is_refused),
		cmocka_unit_test(any_bytes),
	};
	return CHECK_MAIN(tests);
}
