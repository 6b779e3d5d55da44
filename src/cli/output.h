/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CLI_OUTPUT_H
#define MRQ_CLI_OUTPUT_H

/*
 * What a person or a program reads on standard output: text with hostile bytes made harmless,
 * tables, comma separated values, JSON lines.
 */
#include "base/json-doc.h"

#include <stdio.h>

/**
 * Write text so that it cannot steer a terminal: control characters (C0, DEL, C1), bidirectional
 * controls and bytes that are no UTF-8 become \xHH, per byte; a backslash becomes two.
 */
void cli_put_text(FILE *out, const char *text);
/** As cli_put_text, between apostrophes. */
void cli_put_quoted(FILE *out, const char *text);
/** One field of RFC 4180, quoted when it must be; a formula's first character gets an apostrophe. */
void cli_put_csv(FILE *out, const char *text);

/** A table: columns as wide as their widest cell, the last one unpadded. */
#define CLI_COLUMNS_MAX 8
struct cli_table {
	size_t columns, rows;
	char **cells; /* rows * columns, owned */
	const char *const *heads;
};
void cli_table_clear(struct cli_table *table);
MRQ_DEFINE_CLEANUP_VALUE(cli_table_clear, struct cli_table)
/** cells: as many as table->columns; NULL is shown as "-". */
MRQ_MUST_CHECK enum mrq_status
cli_table_add(struct cli_table *table, const char *const *cells, struct mrq_error *err);
/** Print heads and rows; nothing when there is no row. */
void cli_table_print(const struct cli_table *table, FILE *out);

/** Finish a document and print it as a line. */
MRQ_MUST_CHECK enum mrq_status cli_put_json(FILE *out, struct mrq_json_out *json,
					    struct mrq_error *err);
/** Print each element of a JSON array, or the one other value, as a line. */
MRQ_MUST_CHECK enum mrq_status cli_put_json_lines(FILE *out, const char *json,
						  struct mrq_error *err);
/**
 * Print any JSON for people: an object as
 * "name: value" lines, nested ones indented; objects of an array apart by an empty line.
 */
MRQ_MUST_CHECK enum mrq_status cli_put_json_text(FILE *out, const char *json,
						 struct mrq_error *err);

/** Columns that a text takes on a terminal, once written by cli_put_text. */
size_t cli_text_width(const char *text);

#endif
