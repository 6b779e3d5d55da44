/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_VIEW_TEXT_H
#define MRQ_CLI_VIEW_TEXT_H

/*
 * Layout of a hostile text for a terminal: rows of at most `width` cells.  Pure.  What could
 * steer the terminal, or deceive who reads, is shown as an escape: control characters as ^X, C1
 * controls and characters that reorder or hide as <U+202E>, bytes that are no UTF-8 as <FF>.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VIEW_TAB 8
#define VIEW_WIDTH_MIN                                                                 \
	8 /* cells; the longest escape, "<U+E0001>", is cut by no smaller one */

/** What is shown of one character. */
struct view_cell {
	size_t bytes;   /* of the text; at least 1 */
	unsigned width; /* cells: 0 for a mark that joins the one before */
	bool escaped;   /* show `shown` in reverse, not the bytes */
	bool newline;
	char shown[16]; /* when escaped, or for a tab: spaces */
};

/** The character at text[at..len), standing in `column`. */
struct view_cell view_cell_at(const char *text, size_t len, size_t at, unsigned column);

/** First byte behind the row that starts at `at`; the newline belongs to its row. */
size_t view_row_end(const char *text, size_t len, size_t at, unsigned width);

/** Starts of rows, found as far as needed. */
struct view_rows {
	const char *text;
	size_t len;
	unsigned width;
	size_t *starts; /* owned */
	size_t n, cap;
	bool complete;
};
/** Forget the layout, for another width; starts stays allocated. */
void view_rows_reset(struct view_rows *rows, unsigned width);
/** Lay out until row `n` exists or the text ends.  False without memory. */
bool view_rows_reach(struct view_rows *rows, size_t n);
void view_rows_clear(struct view_rows *rows);

/** First row at or after `row` whose text holds `what`; false when none does. */
bool view_rows_find(struct view_rows *rows, const char *what, size_t row, size_t *ret);

#endif
