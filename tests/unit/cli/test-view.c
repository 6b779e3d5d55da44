/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view/view-text.h"

#include <locale.h>

#include "base/cleanup.h"
#include "check.h"

static void
hostile_characters_are_escaped(void **state)
{
	static const struct {
		const char *text, *shown;
	} cases[] = {
		{ "\033", "^[" },
		{ "\007", "^G" },
		{ "\r", "^M" },
		{ "\x7f", "^?" },
		{ "\xc2\x9b", "<U+009B>" },
		{ "\xe2\x80\xae", "<U+202E>" },
		{ "\xe2\x80\x8b", "<U+200B>" },
		{ "\xef\xbb\xbf", "<U+FEFF>" },
		{ "\xf3\xa0\x81\x81", "<U+E0041>" },
		{ "\xff", "<FF>" },
		{ "\xe2\x82", "<E2>" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct view_cell c =
			view_cell_at(cases[i].text, strlen(cases[i].text), 0, 0);
		assert_true(c.escaped);
		assert_string_equal(c.shown, cases[i].shown);
		assert_int_equal(c.width, strlen(c.shown));
	}
	struct view_cell nul = view_cell_at("", 1, 0, 0);
	assert_true(nul.escaped);
	assert_string_equal(nul.shown, "^@");
}

static void
letters_are_shown_as_they_are(void **state)
{
	(void)state;
	struct view_cell a = view_cell_at("a", 1, 0, 0);
	assert_false(a.escaped);
	assert_int_equal(a.width, 1);
	struct view_cell wide = view_cell_at("\xe6\xbc\xa2", 3, 0, 0);
	assert_false(wide.escaped);
	assert_int_equal(wide.bytes, 3);
	assert_int_equal(wide.width, 2);
	struct view_cell tab = view_cell_at("\t", 1, 0, 3);
	assert_int_equal(tab.width, 5);
	assert_string_equal(tab.shown, "     ");
}

static void
rows_break_at_newline_and_width(void **state)
{
	(void)state;
	assert_int_equal(view_row_end("abc\ndef", 7, 0, 80), 4);
	assert_int_equal(view_row_end("abcdefghij", 10, 0, 8), 8);
	assert_int_equal(view_row_end("abcdefg\033x", 9, 0, 8),
			 7); /* "^[" is not torn */
	assert_int_equal(view_row_end("\n", 1, 0, 8), 1);
	assert_int_equal(view_row_end("", 0, 0, 8), 0);
}

/* Whatever the bytes and the width: rows cover the text without gap, none is empty, none wider. */
static void
rows_cover_any_text(void **state)
{
	uint64_t seed = 7;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int run = 0; run < 300; run++) {
		char text[512];
		size_t len = 1 + check_next(&seed) % sizeof(text);
		for (size_t i = 0; i < len; i++)
			text[i] = (char)(check_next(&seed) % 3
						 ? 32 + check_next(&seed) % 95
						 : check_next(&seed) % 256);
		struct view_rows rows = { .text = text, .len = len };
		view_rows_reset(&rows, (unsigned)(check_next(&seed) % 100));
		assert_true(view_rows_reach(&rows, SIZE_MAX - 1));
		assert_true(rows.complete);
		for (size_t r = 0; r < rows.n; r++) {
			size_t end = r + 1 < rows.n ? rows.starts[r + 1] : len;
			assert_true(end > rows.starts[r]);
			unsigned width = 0;
			for (size_t at = rows.starts[r]; at < end;) {
				struct view_cell c = view_cell_at(text, len, at, width);
				width += c.width;
				at += c.bytes;
				assert_true(at <= end);
			}
			assert_true(width <= rows.width || end - rows.starts[r] <= 4);
		}
		view_rows_clear(&rows);
	}
}

static void
an_empty_text_has_no_rows(void **state)
{
	struct view_rows rows = { .text = "", .len = 0 };
	size_t row = 0;

	(void)state;
	view_rows_reset(&rows, 80);
	assert_true(view_rows_reach(&rows, 10));
	assert_int_equal(rows.n, 0);
	assert_false(view_rows_find(&rows, "a", 0, &row));
	view_rows_clear(&rows);
}

static void
search_finds_the_row(void **state)
{
	static const char text[] = "one\ntwo\nthree\ntwo\n";
	struct view_rows rows = { .text = text, .len = sizeof(text) - 1 };
	size_t row = 99;

	(void)state;
	view_rows_reset(&rows, 80);
	assert_true(view_rows_find(&rows, "two", 0, &row));
	assert_int_equal(row, 1);
	assert_true(view_rows_find(&rows, "two", 2, &row));
	assert_int_equal(row, 3);
	assert_false(view_rows_find(&rows, "two", 4, &row));
	assert_false(view_rows_find(&rows, "", 0, &row));
	view_rows_clear(&rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_characters_are_escaped),
		cmocka_unit_test(letters_are_shown_as_they_are),
		cmocka_unit_test(rows_break_at_newline_and_width),
		cmocka_unit_test(rows_cover_any_text),
		cmocka_unit_test(an_empty_text_has_no_rows),
		cmocka_unit_test(search_finds_the_row),
	};

	(void)setlocale(LC_CTYPE, "C.UTF-8");
	return CHECK_MAIN(tests);
}
