/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "options.h"

#include "base/clock.h"
#include "check.h"

#define NOW INT64_C(1772359200) /* 2026-03-01T10:00:00Z */
#define ALLOWED                                                                        \
	(CLI_GLOBAL | CLI_BIT(CLI_USER) | CLI_BIT(CLI_EXPIRES) |                       \
	 CLI_BIT(CLI_RECURSIVE) | CLI_BIT(CLI_LINES))
#define WORDS 16

static struct cli_given given;
static char *words[WORDS];
static int left;

/* Parse up to WORDS words; the array is writable as argv is. */
static enum mrq_status
parse(uint64_t allowed, bool stop, const char *const *argv, struct mrq_error *err)
{
	static char store[WORDS][64];
	int n = 0;

	memset(&given, 0, sizeof(given));
	for (; argv[n]; n++) {
		(void)snprintf(store[n], sizeof(store[n]), "%s", argv[n]);
		words[n] = store[n];
	}
	return cli_options_parse(allowed, stop, words, n, &given, &left, err);
}

#define PARSE(...)                                                                     \
	parse(ALLOWED, false, (const char *const[]){ __VA_ARGS__, NULL }, &err)

static void
every_row_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < CLI_OPTIONS; i++) {
		assert_non_null(cli_options[i].name);
		assert_non_null(cli_options[i].help);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(cli_options[i].name,
						cli_options[j].name);
	}
	assert_true(CLI_OPTIONS <= 64);
}

static void
long_options_take_values_in_both_forms(void **state)
{
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE("--state=/a", "x", "--state", "/b", "y"), &err);
	assert_string_equal(cli_value(&given, CLI_STATE), "/b");
	assert_string_equal(cli_each(&given, CLI_STATE, 0), "/a");
	assert_string_equal(cli_each(&given, CLI_STATE, 1), "/b");
	assert_null(cli_each(&given, CLI_STATE, 2));
	assert_int_equal(left, 2);
	assert_string_equal(words[0], "x");
	assert_string_equal(words[1], "y");
}

static void
an_empty_value_is_a_value(void **state)
{
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE("--state="), &err);
	assert_string_equal(cli_value(&given, CLI_STATE), "");
}

static void
letters_stand_together(void **state)
{
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE("-rvn5", "-u", "ann@example.com=viewer", "-v"), &err);
	assert_true(cli_has(&given, CLI_RECURSIVE));
	assert_string_equal(cli_value(&given, CLI_LINES), "5");
	assert_string_equal(cli_value(&given, CLI_USER), "ann@example.com=viewer");
	assert_int_equal(given.n, 5);
}

static void
two_dashes_end_options(void **state)
{
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE("-r", "--", "--state", "-v"), &err);
	assert_int_equal(left, 2);
	assert_string_equal(words[0], "--state");
	assert_string_equal(words[1], "-v");
	assert_false(cli_has(&given, CLI_STATE));
}

static void
one_dash_is_an_operand(void **state)
{
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(PARSE("-"), &err);
	assert_int_equal(left, 1);
}

static void
a_first_pass_stops_at_the_verb(void **state)
{
	const char *const argv[] = { "--json", "label", "--recursive", NULL };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(parse(CLI_GLOBAL, true, argv, &err), &err);
	assert_int_equal(left, 2);
	assert_string_equal(words[0], "label");
	assert_string_equal(words[1], "--recursive");
}

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *word, *says;
	} cases[] = {
		{ "--nonsense", "unknown option '--nonsense'" },
		{ "--stat=/x", "unknown option '--stat=/x'" },
		{ "--json=yes", "option '--json' takes no value" },
		{ "--state", "option '--state' needs a value" },
		{ "-rz", "unknown option '-z'" },
		{ "-rn", "option '-n' needs a value" },
		{ "--drain", "unknown option '--drain'" }, /* of another verb */
		{ "---", "unknown option '---'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mrq_error err = { 0 };
		check_status(PARSE(cases[i].word), MRQ_E_INVAL, &err);
		assert_string_equal(err.msg, cases[i].says);
	}
}

static void
more_options_than_the_limit_are_refused(void **state)
{
	static char *argv[CLI_GIVEN_MAX + 1];
	static char word[] = "-v";
	struct mrq_error err = { 0 };

	(void)state;
	memset(&given, 0, sizeof(given));
	for (size_t i = 0; i < CLI_GIVEN_MAX + 1; i++)
		argv[i] = word;
	check_status(cli_options_parse(ALLOWED, false, argv, CLI_GIVEN_MAX + 1, &given,
				       &left, &err),
		     MRQ_E_LIMIT, &err);
}

static void
numbers_are_whole_and_bounded(void **state)
{
	static const char *const bad[] = { "",   "x",   "1x",
					   " 1", "-1",  "+1",
					   "11", "0x2", "99999999999999999999" };
	struct mrq_error err = { 0 };
	uint32_t n = 7;

	(void)state;
	check_ok(PARSE("x"), &err);
	check_ok(cli_number(&given, CLI_LINES, 1, 10, &n, &err), &err);
	assert_int_equal(n, 7);
	check_ok(PARSE("--lines=10"), &err);
	check_ok(cli_number(&given, CLI_LINES, 1, 10, &n, &err), &err);
	assert_int_equal(n, 10);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		check_ok(PARSE("--lines", bad[i]), &err);
		check_status(cli_number(&given, CLI_LINES, 1, 10, &n, &err),
			     MRQ_E_INVAL, &err);
		assert_int_equal(n, 10);
	}
}

static void
times_are_those_of_base(void **state)
{
	struct mrq_error err = { 0 };
	int64_t when = 5;

	(void)state;
	check_ok(PARSE("x"), &err);
	check_ok(cli_time(&given, CLI_EXPIRES, NOW, &when, &err), &err);
	assert_int_equal(when, 5);
	check_ok(PARSE("--expires=+2d"), &err);
	check_ok(cli_time(&given, CLI_EXPIRES, NOW, &when, &err), &err);
	assert_int_equal(when, NOW + 2 * 86400);
	check_ok(PARSE("--expires=never"), &err);
	check_ok(cli_time(&given, CLI_EXPIRES, NOW, &when, &err), &err);
	assert_int_equal(when, MRQ_NEVER);
	check_ok(PARSE("--expires=tomorrow"), &err);
	check_status(cli_time(&given, CLI_EXPIRES, NOW, &when, &err), MRQ_E_INVAL,
		     &err);
	assert_non_null(strstr(err.msg, "--expires: 'tomorrow'"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_whole),
		cmocka_unit_test(long_options_take_values_in_both_forms),
		cmocka_unit_test(an_empty_value_is_a_value),
		cmocka_unit_test(letters_stand_together),
		cmocka_unit_test(two_dashes_end_options),
		cmocka_unit_test(one_dash_is_an_operand),
		cmocka_unit_test(a_first_pass_stops_at_the_verb),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(more_options_than_the_limit_are_refused),
		cmocka_unit_test(numbers_are_whole_and_bounded),
		cmocka_unit_test(times_are_those_of_base),
	};

	return CHECK_MAIN(tests);
}
