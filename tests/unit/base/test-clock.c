/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/clock.h"

#include "check.h"

#define NOW INT64_C(1772359200) /* 2026-03-01T10:00:00Z */

static void
format_is_rfc3339_in_utc(void **state)
{
	char text[MRQ_TIME_TEXT];

	(void)state;
	mrq_time_format(NOW, text);
	assert_string_equal(text, "2026-03-01T10:00:00Z");
	mrq_time_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	mrq_time_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59Z");
	mrq_time_format(MRQ_NEVER, text);
	assert_string_equal(text, "never");
	mrq_time_format(INT64_MIN, text);
	assert_string_equal(text, "@-9223372036854775808");
	mrq_time_format(INT64_C(-62135596800), text);
	assert_string_equal(text, "0001-01-01T00:00:00Z");
}

struct good {
	const char *text;
	int64_t when;
};

static void
parse_takes(void **state)
{
	static const struct good cases[] = {
		{ "2026-03-01T10:00:00Z", NOW },
		{ "2026-03-01t10:00:00z", NOW },
		{ "2026-03-01 10:00:00Z", NOW },
		{ "2026-03-01T10:00:00.999Z", NOW },
		{ "2026-03-01T12:30:00+02:30", NOW },
		{ "2026-02-28T23:00:00-11:00", NOW },
		{ "2026-03-01", NOW - 36000 },
		{ "2024-02-29", 1709164800 },
		{ "2000-02-29", 951782400 },
		{ "2016-12-31T23:59:60Z", 1483228800 },
		{ "0001-01-01", INT64_C(-62135596800) },
		{ "+0s", NOW },
		{ "+90s", NOW + 90 },
		{ "+2m", NOW + 120 },
		{ "+3h", NOW + 10800 },
		{ "+7d", NOW + 604800 },
		{ "+2w", NOW + 1209600 },
		{ "@-5", -5 },
		{ "never", MRQ_NEVER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int64_t when = 0;
		if (!mrq_time_parse(cases[i].text, NOW, &when) || when != cases[i].when)
			fail_msg("'%s' gives %lld", cases[i].text, (long long)when);
	}
}

static void
parse_refuses_and_leaves_ret(void **state)
{
	static const char *const bad[] = {
		"",
		"x",
		"2026",
		"2026-3-1",
		"2026-13-01",
		"2026-00-01",
		"2026-02-29",
		"1900-02-29",
		"2026-04-31",
		"0000-01-01",
		"2026-03-01T10:00:00",
		"2026-03-01T24:00:00Z",
		"2026-03-01T10:60:00Z",
		"2026-03-01T10:00:61Z",
		"2026-03-01T10:00Z",
		"2026-03-01T10:00:00.Z",
		"2026-03-01T10:00:00+0230",
		"2026-03-01T10:00:00+24:00",
		"2026-03-01T10:00:00ZZ",
		"2026-03-01 ",
		" 2026-03-01",
		"+",
		"+5",
		"+d",
		"+-5d",
		"+5y",
		"+5dd",
		"+99999999999999999999s",
		"+9223372036854775807s",
		"+9223372036854775807w",
		"-5d",
		"@",
		"@x",
		"Never",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t when = 77;
		if (mrq_time_parse(bad[i], NOW, &when) || when != 77)
			fail_msg("'%s' was taken", bad[i]);
	}
}

static void
parse_of_format_is_identity(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		char text[MRQ_TIME_TEXT];
		int64_t when = (int64_t)check_next(&seed) >> (i % 64), back;
		if (when == INT64_MIN)
			continue;
		mrq_time_format(when, text);
		assert_true(mrq_time_parse(text, 0, &back));
		assert_true(back == when);
	}
}

static void
clocks_run(void **state)
{
	(void)state;
	assert_true(mrq_clock_now() > 0);
	int64_t a = mrq_clock_monotonic_ns();
	assert_true(mrq_clock_monotonic_ns() >= a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_is_rfc3339_in_utc),
		cmocka_unit_test(parse_takes),
		cmocka_unit_test(parse_refuses_and_leaves_ret),
		cmocka_unit_test(parse_of_format_is_identity),
		cmocka_unit_test(clocks_run),
	};

	return CHECK_MAIN(tests);
}
