/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "output.h"

#include <string.h>

/* Characters that reorder or hide what stands beside them. */
static bool
deceives(uint32_t c)
{
	return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2060 && c <= 0x206f) || c == 0x061c || c == 0xfeff;
}

/* Bytes of the next character, and whether it may be shown as it is. */
static size_t
next_character(const char *text, size_t left, bool *ret_plain)
{
	uint32_t c = 0;
	size_t n = mrq_json_utf8_decode(text, left, &c);

	*ret_plain = n > 0 && c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && !deceives(c);
	return n ? n : 1;
}

void
cli_put_text(FILE *out, const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		bool plain = false;
		size_t n = next_character(text, left, &plain);
		if (plain && *text == '\\')
			(void)fputs("\\\\", out);
		else if (plain)
			(void)fwrite(text, 1, n, out);
		for (size_t i = 0; !plain && i < n; i++)
			(void)fprintf(out, "\\x%02x", (unsigned char)text[i]);
		text += n;
		left -= n;
	}
}

void
cli_put_quoted(FILE *out, const char *text)
{
	(void)fputc('\'', out);
	cli_put_text(out, text);
	(void)fputc('\'', out);
}

size_t
cli_text_width(const char *text)
{
	size_t left = strlen(text), width = 0;

	while (left > 0) {
		bool plain = false;
		size_t n = next_character(text, left, &plain);
		width += plain ? (*text == '\\' ? 2 : 1) : 4 * n;
		text += n;
		left -= n;
	}
	return width;
}

void
cli_put_csv(FILE *out, const char *text)
{
	bool formula = *text && strchr("=+-@\t\r", *text);

	if (!formula && !strpbrk(text, "\",\r\n")) {
		(void)fputs(text, out);
		return;
	}
	(void)fputs(formula ? "\"'" : "\"", out);
	for (; *text; text++) {
		if (*text == '"')
			(void)fputc('"', out);
		(void)fputc(*text, out);
	}
	(void)fputc('"', out);
}

/* ---- tables ---- */

void
cli_table_clear(struct cli_table *table)
{
	for (size_t i = 0; i < table->rows * table->columns; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->rows = 0;
}

enum mrq_status
cli_table_add(struct cli_table *table, const char *const *cells, struct mrq_error *err)
{
	size_t n = table->rows * table->columns;
	char **grown = reallocarray(table->cells, n + table->columns, sizeof(*grown));

	if (!grown)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a table");
	table->cells = grown;
	memset(grown + n, 0, table->columns * sizeof(*grown));
	table->rows++;
	for (size_t i = 0; i < table->columns; i++) {
		grown[n + i] = strdup(cells[i] ? cells[i] : "-");
		if (!grown[n + i])
			return mrq_fail(err, MRQ_E_NOMEM, "no memory for a table");
	}
	return MRQ_OK;
}

static void
put_row(FILE *out, const char *const *cells, size_t columns, const size_t *widths)
{
	for (size_t i = 0; i < columns; i++) {
		cli_put_text(out, cells[i]);
		if (i + 1 < columns)
			(void)fprintf(out, "%*s",
				      (int)(widths[i] - cli_text_width(cells[i]) + 2),
				      "");
	}
	(void)fputc('\n', out);
}

void
cli_table_print(const struct cli_table *table, FILE *out)
{
	size_t widths[CLI_COLUMNS_MAX] = { 0 };

	if (table->rows == 0)
		return;
	for (size_t i = 0; i < table->columns; i++)
		widths[i] = cli_text_width(table->heads[i]);
	for (size_t i = 0; i < table->rows * table->columns; i++) {
		size_t width = cli_text_width(table->cells[i]);
		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	put_row(out, table->heads, table->columns, widths);
	for (size_t row = 0; row < table->rows; row++)
		put_row(out, (const char *const *)table->cells + row * table->columns,
			table->columns, widths);
}

/* ---- JSON ---- */

enum mrq_status
cli_put_json(FILE *out, struct mrq_json_out *json, struct mrq_error *err)
{
	char *text MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(mrq_json_out_finish(json, &text, err));
	(void)fprintf(out, "%s\n", text);
	return MRQ_OK;
}

enum mrq_status
cli_put_json_lines(FILE *out, const char *json, struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	MRQ_TRY(mrq_json_doc_parse(json, strlen(json), &doc, err));
	const struct mrq_json_node *root = mrq_json_doc_root(doc);
	if (root->kind != MRQ_JSON_ARRAY) {
		struct mrq_json_out one MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
		mrq_json_out_node(&one, NULL, root);
		return cli_put_json(out, &one, err);
	}
	for (const struct mrq_json_node *item = root->child; item; item = item->next) {
		struct mrq_json_out line MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
		mrq_json_out_node(&line, NULL, item);
		MRQ_TRY(cli_put_json(out, &line, err));
	}
	return MRQ_OK;
}

static bool
is_scalar(const struct mrq_json_node *node)
{
	return node->kind != MRQ_JSON_ARRAY && node->kind != MRQ_JSON_OBJECT;
}

static bool
is_list_of_scalars(const struct mrq_json_node *node)
{
	if (node->kind != MRQ_JSON_ARRAY)
		return false;
	for (const struct mrq_json_node *item = node->child; item; item = item->next) {
		if (!is_scalar(item))
			return false;
	}
	return true;
}

static void
put_scalar(FILE *out, const struct mrq_json_node *node)
{
	switch (node->kind) {
	case MRQ_JSON_NULL:
		(void)fputs("-", out);
		break;
	case MRQ_JSON_FALSE:
		(void)fputs("no", out);
		break;
	case MRQ_JSON_TRUE:
		(void)fputs("yes", out);
		break;
	case MRQ_JSON_STRING:
		cli_put_text(out, node->text);
		break;
	case MRQ_JSON_NUMBER:
	case MRQ_JSON_ARRAY:
	case MRQ_JSON_OBJECT:
		(void)fwrite(node->text, 1, node->len, out);
		break;
	}
}

static void
put_list(FILE *out, const struct mrq_json_node *array)
{
	if (!array->child)
		(void)fputs("-", out);
	for (const struct mrq_json_node *item = array->child; item; item = item->next) {
		put_scalar(out, item);
		if (item->next)
			(void)fputs(", ", out);
	}
}

/* Recursion is bounded by the reader's MRQ_JSON_DEPTH_MAX. */
static void
put_node(FILE *out, const struct mrq_json_node *node, int indent)
{
	for (const struct mrq_json_node *m = node->child; m; m = m->next) {
		(void)fprintf(out, "%*s", indent, "");
		if (m->name) {
			cli_put_text(out, m->name);
			(void)fputc(':', out);
		} else {
			(void)fputc('-', out);
		}
		if (is_scalar(m) || is_list_of_scalars(m)) {
			(void)fputc(' ', out);
			is_scalar(m) ? put_scalar(out, m) : put_list(out, m);
			(void)fputc('\n', out);
		} else {
			(void)fputc('\n', out);
			put_node(out, m, indent + 2);
		}
	}
}

enum mrq_status
cli_put_json_text(FILE *out, const char *json, struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	MRQ_TRY(mrq_json_doc_parse(json, strlen(json), &doc, err));
	const struct mrq_json_node *root = mrq_json_doc_root(doc);
	if (is_scalar(root)) {
		put_scalar(out, root);
		(void)fputc('\n', out);
		return MRQ_OK;
	}
	if (root->kind == MRQ_JSON_OBJECT || is_list_of_scalars(root)) {
		put_node(out, root, 0);
		return MRQ_OK;
	}
	for (const struct mrq_json_node *item = root->child; item; item = item->next) {
		put_node(out, item, 0);
		if (item->next)
			(void)fputc('\n', out);
	}
	return MRQ_OK;
}
