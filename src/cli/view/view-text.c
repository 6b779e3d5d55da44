/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "view-text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/json-doc.h"

/* Characters that reorder, hide or imitate: shown by number. */
static bool
deceives(uint32_t c)
{
	return (c >= 0x80 && c <= 0x9f) || c == 0xad || c == 0x61c || c == 0x115f ||
	       c == 0x1160 || c == 0x180e || (c >= 0x200b && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
	       c == 0x3164 || (c >= 0xe000 && c <= 0xf8ff) ||
	       (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff || c == 0xffa0 ||
	       (c >= 0xfff9 && c <= 0xffff) || c >= 0xe0000;
}

static void
escape(struct view_cell *cell)
{
	cell->escaped = true;
	cell->width = (unsigned)strlen(cell->shown);
}

static struct view_cell
tab(unsigned column)
{
	struct view_cell cell = { .bytes = 1, .width = VIEW_TAB - column % VIEW_TAB };

	memset(cell.shown, ' ', cell.width);
	return cell;
}

struct view_cell
view_cell_at(const char *text, size_t len, size_t at, unsigned column)
{
	struct view_cell cell = { .bytes = 1, .width = 1 };
	uint32_t c = 0;
	size_t n = mrq_json_utf8_decode(text + at, len - at, &c);

	if (n == 0) {
		(void)snprintf(cell.shown, sizeof(cell.shown), "<%02X>",
			       (unsigned char)text[at]);
		escape(&cell);
		return cell;
	}
	cell.bytes = n;
	if (c == '\n') {
		cell.newline = true;
		cell.width = 0;
		return cell;
	}
	if (c == '\t')
		return tab(column);
	int width = c < 0x20 || c == 0x7f || deceives(c) ? -1 : wcwidth((wchar_t)c);
	if (width >= 0) {
		cell.width = (unsigned)width;
		return cell;
	}
	if (c < 0x80)
		(void)snprintf(cell.shown, sizeof(cell.shown), "^%c", (char)(c ^ 0x40));
	else
		(void)snprintf(cell.shown, sizeof(cell.shown), "<U+%04X>", c);
	escape(&cell);
	return cell;
}

/* Marks of width 0 are bounded with the row, so that no endless pile of them makes one row. */
#define ROW_BYTES_MAX 4096u

size_t
view_row_end(const char *text, size_t len, size_t at, unsigned width)
{
	size_t start = at;
	unsigned column = 0;

	while (at < len && at - start < ROW_BYTES_MAX) {
		struct view_cell cell = view_cell_at(text, len, at, column);
		if (cell.newline)
			return at + 1;
		if (column > 0 && column + cell.width > width)
			return at;
		column += cell.width;
		at += cell.bytes;
	}
	return at;
}

void
view_rows_reset(struct view_rows *rows, unsigned width)
{
	rows->width = width < VIEW_WIDTH_MIN ? VIEW_WIDTH_MIN : width;
	rows->n = 0;
	rows->complete = rows->len == 0;
}

static bool
push(struct view_rows *rows, size_t start)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? 2 * rows->cap : 1024;
		size_t *grown = reallocarray(rows->starts, cap, sizeof(*grown));
		if (!grown)
			return false;
		rows->starts = grown;
		rows->cap = cap;
	}
	rows->starts[rows->n++] = start;
	return true;
}

bool
view_rows_reach(struct view_rows *rows, size_t n)
{
	if (rows->n == 0 && !rows->complete && !push(rows, 0))
		return false;
	while (!rows->complete && rows->n <= n) {
		size_t end = view_row_end(rows->text, rows->len,
					  rows->starts[rows->n - 1], rows->width);
		if (end >= rows->len)
			rows->complete = true;
		else if (!push(rows, end))
			return false;
	}
	return true;
}

void
view_rows_clear(struct view_rows *rows)
{
	free(rows->starts);
	rows->starts = NULL;
	rows->n = rows->cap = 0;
}

bool
view_rows_find(struct view_rows *rows, const char *what, size_t row, size_t *ret)
{
	size_t len = strlen(what);

	if (len == 0 || !view_rows_reach(rows, row) || row >= rows->n)
		return false;
	const char *from = rows->text + rows->starts[row];
	const char *hit = memmem(from, rows->len - rows->starts[row], what, len);
	if (!hit)
		return false;
	size_t at = (size_t)(hit - rows->text);
	while (view_rows_reach(rows, row + 1) && row + 1 < rows->n &&
	       rows->starts[row + 1] <= at)
		row++;
	*ret = row;
	return true;
}
