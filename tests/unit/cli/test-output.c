/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include "check.h"

static char *shown; /* what the last case wrote */
static size_t shown_len;

static FILE *
begin(void)
{
	free(shown);
	shown = NULL;
	FILE *out = open_memstream(&shown, &shown_len);
	assert_non_null(out);
	return out;
}

static void
check_shown(FILE *out, const char *want)
{
	assert_int_equal(fclose(out), 0);
	assert_string_equal(shown, want);
}

static void
text_cannot_steer_a_terminal(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "q3 report.docx", "q3 report.docx" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
		{ "a\nb", "a\\x0ab" },
		{ "\033[31m", "\\x1b[31m" },
		{ "a\\x1b", "a\\\\x1b" },
		{ "\x7f", "\\x7f" },
		{ "\xc2\x9b", "\\xc2\\x9b" }, /* CSI as C1 */
		{ "\xe2\x80\xae"
		  "cod.exe",
		  "\\xe2\\x80\\xae"
		  "cod.exe" }, /* U+202E */
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\xaf", "\\xc0\\xaf" },          /* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* surrogate */
		{ "cut \xe2\x82", "cut \\xe2\\x82" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *out = begin();
		cli_put_text(out, cases[i].text);
		check_shown(out, cases[i].want);
	}
}

/* Whatever the bytes, none below a space comes out, and the width is what was written. */
static void
no_byte_escapes(void **state)
{
	uint64_t seed = 42;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int run = 0; run < 2000; run++) {
		char text[33] = "";
		size_t len = check_next(&seed) % 32;
		for (size_t i = 0; i < len; i++)
			text[i] = (char)(1 + check_next(&seed) % 255);
		FILE *out = begin();
		cli_put_text(out, text);
		assert_int_equal(fclose(out), 0);
		for (size_t i = 0; i < shown_len; i++)
			assert_true((unsigned char)shown[i] >= 0x20 &&
				    shown[i] != 0x7f);
		size_t characters = 0;
		for (size_t i = 0; i < shown_len; i++)
			characters += ((unsigned char)shown[i] & 0xc0) != 0x80;
		assert_int_equal(cli_text_width(text), characters);
	}
}

static void
csv_is_rfc_4180_without_formulas(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "a,b", "\"a,b\"" },
		{ "say \"no\"", "\"say \"\"no\"\"\"" },
		{ "two\nlines", "\"two\nlines\"" },
		{ "=1+1", "\"'=1+1\"" },
		{ "@SUM(A1)", "\"'@SUM(A1)\"" },
		{ "-2", "\"'-2\"" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		FILE *out = begin();
		cli_put_csv(out, cases[i].text);
		check_shown(out, cases[i].want);
	}
}

static void
tables_are_as_wide_as_their_cells(void **state)
{
	static const char *const heads[] = { "NAME", "N" };
	static const char *const first[] = { "gr\xc3\xbcn", "1" };
	static const char *const second[] = { "\x1b", NULL };
	struct cli_table table MRQ_CLEANUP(cli_table_clear) = { .columns = 2,
								.heads = heads };
	struct mrq_error err = { 0 };

	(void)state;
	FILE *out = begin();
	cli_table_print(&table, out);
	check_shown(out, "");
	check_ok(cli_table_add(&table, first, &err), &err);
	check_ok(cli_table_add(&table, second, &err), &err);
	out = begin();
	cli_table_print(&table, out);
	check_shown(out, "NAME  N\ngr\xc3\xbcn  1\n\\x1b  -\n");
}

static void
json_arrays_become_lines(void **state)
{
	struct mrq_error err = { 0 };

	(void)state;
	FILE *out = begin();
	check_ok(cli_put_json_lines(out, "[{\"a\":1}, {\"b\":[true,null]}]", &err),
		 &err);
	check_shown(out, "{\"a\":1}\n{\"b\":[true,null]}\n");
	out = begin();
	check_ok(cli_put_json_lines(out, " {\"a\" : \"\\u00e9\\n\"} ", &err), &err);
	check_shown(out, "{\"a\":\"\xc3\xa9\\n\"}\n");
	out = begin();
	check_status(cli_put_json_lines(out, "{", &err), MRQ_E_FORMAT, &err);
	check_shown(out, "");
}

static void
json_for_people_is_indented(void **state)
{
	static const char json[] =
		"{\"org\":\"example.com\",\"on\":true,\"none\":null,\"n\":-2,"
		"\"who\":[\"a\",\"b\"],\"empty\":[],\"deep\":{\"x\":\"\\u001b\"}}";
	struct mrq_error err = { 0 };

	(void)state;
	FILE *out = begin();
	check_ok(cli_put_json_text(out, json, &err), &err);
	check_shown(out,
		    "org: example.com\non: yes\nnone: -\nn: -2\nwho: a, b\nempty: -\n"
		    "deep:\n  x: \\x1b\n");
	out = begin();
	check_ok(cli_put_json_text(out, "[{\"a\":1},{\"a\":2}]", &err), &err);
	check_shown(out, "a: 1\n\na: 2\n");
	out = begin();
	check_ok(cli_put_json_text(out, "\"one\"", &err), &err);
	check_shown(out, "one\n");
}

static int
release(void **state)
{
	(void)state;
	free(shown);
	shown = NULL;
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(text_cannot_steer_a_terminal, release),
		cmocka_unit_test_teardown(no_byte_escapes, release),
		cmocka_unit_test_teardown(csv_is_rfc_4180_without_formulas, release),
		cmocka_unit_test_teardown(tables_are_as_wide_as_their_cells, release),
		cmocka_unit_test_teardown(json_arrays_become_lines, release),
		cmocka_unit_test_teardown(json_for_people_is_indented, release),
	};

	return CHECK_MAIN(tests);
}
