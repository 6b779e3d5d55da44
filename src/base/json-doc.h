/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_JSON_DOC_H
#define MRQ_BASE_JSON_DOC_H

/*
 * JSON (RFC 8259) for programs that only pass it on or show it: a strict reader into an
 * immutable tree, and a bounded writer.  Strict means: UTF-8 only, no member twice, no
 * U+0000 inside a string, nothing after the value.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "error.h"

#define MRQ_JSON_TEXT_MAX    (8u << 20) /* bytes of one document, read or written */
#define MRQ_JSON_DEPTH_MAX   32         /* containers inside one another */
#define MRQ_JSON_MEMBERS_MAX 1024       /* members of one object */

enum mrq_json_kind {
	MRQ_JSON_NULL,
	MRQ_JSON_FALSE,
	MRQ_JSON_TRUE,
	MRQ_JSON_NUMBER,
	MRQ_JSON_STRING,
	MRQ_JSON_ARRAY,
	MRQ_JSON_OBJECT,
};

/** A value; lives as long as its document. */
struct mrq_json_node {
	enum mrq_json_kind kind;
	const char *name; /* of a member; NULL elsewhere */
	const char
		*text; /* STRING: decoded, NUL-terminated; else as written, len bytes */
	size_t len;
	const struct mrq_json_node *child, *next; /* NULL: none */
};

struct mrq_json_doc;

/** Parse len bytes of text.  MRQ_E_FORMAT tells the byte; MRQ_E_LIMIT; MRQ_E_NOMEM. */
MRQ_MUST_CHECK enum mrq_status mrq_json_doc_parse(const char *text, size_t len,
						  struct mrq_json_doc **ret,
						  struct mrq_error *err);
/** Accepts NULL. */
void mrq_json_doc_free(struct mrq_json_doc *json);
MRQ_DEFINE_CLEANUP(mrq_json_doc_free, struct mrq_json_doc *)

const struct mrq_json_node *mrq_json_doc_root(const struct mrq_json_doc *json);
/** Member of an object; NULL when absent, or when node is NULL or no object. */
const struct mrq_json_node *mrq_json_node_member(const struct mrq_json_node *node,
						 const char *name);
/** Text of a string member, NULL when absent or no string. */
const char *mrq_json_node_text(const struct mrq_json_node *node, const char *name);
/** An integer within int64_t, written without fraction or exponent. */
bool mrq_json_node_integer(const struct mrq_json_node *node, int64_t *ret);

/**
 * A document being written.  Zero it to begin, release it with mrq_json_out_clear.  Failure is
 * sticky and comes out of mrq_json_out_finish.  `name` is NULL for array elements and the root.
 */
struct mrq_json_out {
	char *text;
	size_t len, cap;
	bool failed, comma;
};

void mrq_json_out_clear(struct mrq_json_out *out);
MRQ_DEFINE_CLEANUP_VALUE(mrq_json_out_clear, struct mrq_json_out)

void mrq_json_out_begin(struct mrq_json_out *out, const char *name, char bracket);
void mrq_json_out_end(struct mrq_json_out *out, char bracket);
/** NULL is written as null; bytes that are no UTF-8 become U+FFFD. */
void mrq_json_out_text(struct mrq_json_out *out, const char *name, const char *value);
/**
 * A path: any bytes.  As mrq_json_out_text; when that lost something, a member NAME_hex with
 * all bytes follows.
 */
void mrq_json_out_path(struct mrq_json_out *out, const char *name, const char *value);
void mrq_json_out_integer(struct mrq_json_out *out, const char *name, int64_t value);
void mrq_json_out_bool(struct mrq_json_out *out, const char *name, bool value);
/** json: one valid value, written as it is. */
void mrq_json_out_raw(struct mrq_json_out *out, const char *name, const char *json);
/** A value of a document that was read. */
void mrq_json_out_node(struct mrq_json_out *out, const char *name,
		       const struct mrq_json_node *node);
/** The text, NUL-terminated and malloc'ed; out is empty afterwards. */
MRQ_MUST_CHECK enum mrq_status mrq_json_out_finish(struct mrq_json_out *out, char **ret,
						   struct mrq_error *err);

/**
 * Decode one character of UTF-8 at text[0..len).  Returns its bytes (1 to 4) and *ret, or 0 when
 * they are not UTF-8 (overlong forms, surrogates and values above U+10FFFF are not).
 */
size_t mrq_json_utf8_decode(const char *text, size_t len, uint32_t *ret);

#endif
