/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "json-doc.h"

#include <inttypes.h>
#include <string.h>

struct mrq_json_doc {
	char *text; /* a copy; strings are decoded in place */
	struct mrq_json_node *nodes;
	size_t n, max;
};

struct parse {
	struct mrq_json_doc *json;
	char *at, *end;
	unsigned depth;
	struct mrq_error *err;
};

size_t
mrq_json_utf8_decode(const char *text, size_t len, uint32_t *ret)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const unsigned char *b = (const unsigned char *)text;
	size_t n = 0;

	if (len == 0)
		return 0;
	if (b[0] < 0x80) {
		*ret = b[0];
		return 1;
	}
	if (b[0] >= 0xc2 && b[0] <= 0xf4)
		n = b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
	if (n == 0 || n > len)
		return 0;
	uint32_t v = b[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (b[i] & 0x3f);
	}
	if (v < least[n] || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*ret = v;
	return n;
}

static size_t
utf8_encode(uint32_t v, char ret[static 4])
{
	if (v < 0x80) {
		ret[0] = (char)v;
		return 1;
	}
	size_t n = v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--) {
		ret[i] = (char)(0x80 | (v & 0x3f));
		v >>= 6;
	}
	ret[0] = (char)(0xf00 >> n | v);
	return n;
}

/* ---- reading ---- */

static enum mrq_status
bad(const struct parse *p, const char *what)
{
	return mrq_fail(p->err, MRQ_E_FORMAT, "not JSON at byte %zu: %s",
			(size_t)(p->at - p->json->text), what);
}

static void
skip_space(struct parse *p)
{
	while (p->at < p->end && memchr(" \t\r\n", *p->at, 4))
		p->at++;
}

static bool
take(struct parse *p, char c)
{
	skip_space(p);
	if (p->at == p->end || *p->at != c)
		return false;
	p->at++;
	return true;
}

/* Four hex digits after "\u". */
static bool
take_unit(struct parse *p, uint32_t *ret)
{
	uint32_t v = 0;

	if (p->end - p->at < 4)
		return false;
	for (int i = 0; i < 4; i++, p->at++) {
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *d = *p->at ? strchr(digits, *p->at) : NULL;
		if (!d)
			return false;
		v = v << 4 | ((uint32_t)(d - digits) & 15);
	}
	*ret = v;
	return true;
}

/* After "\u": one unit, or a pair of surrogates. */
static enum mrq_status
take_escaped_character(struct parse *p, char **out)
{
	uint32_t v = 0, low = 0;

	if (!take_unit(p, &v))
		return bad(p, "\\u needs four hex digits");
	if (v >= 0xd800 && v <= 0xdbff) {
		if (p->end - p->at < 2 || p->at[0] != '\\' || p->at[1] != 'u')
			return bad(p, "half a surrogate pair");
		p->at += 2;
		if (!take_unit(p, &low) || low < 0xdc00 || low > 0xdfff)
			return bad(p, "half a surrogate pair");
		v = 0x10000 + ((v - 0xd800) << 10) + (low - 0xdc00);
	}
	if (v == 0 || (v >= 0xd800 && v <= 0xdfff))
		return bad(p, "a character that no string may hold");
	/* At most 4 bytes for at least 6: never past what was read. */
	*out += utf8_encode(v, *out);
	return MRQ_OK;
}

static enum mrq_status
take_escape(struct parse *p, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (p->at == p->end)
		return bad(p, "the string does not end");
	char c = *p->at++;
	if (c == 'u')
		return take_escaped_character(p, out);
	const char *which = c ? strchr(from, c) : NULL;
	if (!which)
		return bad(p, "unknown escape");
	*(*out)++ = to[which - from];
	return MRQ_OK;
}

/* Behind the opening quote; decodes in place, as a decoded string is never longer. */
static enum mrq_status
take_string(struct parse *p, const char **ret, size_t *ret_len)
{
	char *start = p->at, *out = p->at;

	while (p->at < p->end && *p->at != '"') {
		uint32_t v = 0;
		if (*p->at == '\\') {
			p->at++;
			MRQ_TRY(take_escape(p, &out));
			continue;
		}
		size_t n = mrq_json_utf8_decode(p->at, (size_t)(p->end - p->at), &v);
		if (n == 0 || v < 0x20)
			return bad(p, n ? "a control character" : "no UTF-8");
		memmove(out, p->at, n);
		out += n;
		p->at += n;
	}
	if (p->at == p->end)
		return bad(p, "the string does not end");
	p->at++;
	*out = '\0';
	*ret = start;
	*ret_len = (size_t)(out - start);
	return MRQ_OK;
}

static size_t
digits(const char *at, const char *end)
{
	const char *start = at;

	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return (size_t)(at - start);
}

static enum mrq_status
take_number(struct parse *p, struct mrq_json_node *node)
{
	const char *at = p->at;

	if (at < p->end && *at == '-')
		at++;
	size_t whole = digits(at, p->end);
	if (whole == 0 || (whole > 1 && *at == '0'))
		return bad(p, "no value");
	at += whole;
	if (at < p->end && *at == '.') {
		size_t n = digits(at + 1, p->end);
		if (n == 0)
			return bad(p, "a number without digits after the point");
		at += 1 + n;
	}
	if (at < p->end && (*at == 'e' || *at == 'E')) {
		at++;
		if (at < p->end && (*at == '+' || *at == '-'))
			at++;
		size_t n = digits(at, p->end);
		if (n == 0)
			return bad(p, "a number without exponent");
		at += n;
	}
	node->kind = MRQ_JSON_NUMBER;
	node->text = p->at;
	node->len = (size_t)(at - p->at);
	p->at += node->len;
	return MRQ_OK;
}

static bool
take_word(struct parse *p, const char *word, enum mrq_json_kind kind,
	  struct mrq_json_node *node)
{
	size_t len = strlen(word);

	if ((size_t)(p->end - p->at) < len || memcmp(p->at, word, len) != 0)
		return false;
	node->kind = kind;
	node->text = p->at;
	node->len = len;
	p->at += len;
	return true;
}

static enum mrq_status take_value(struct parse *p, const char *name,
				  struct mrq_json_node **ret);

static enum mrq_status
take_name(struct parse *p, const struct mrq_json_node *object, const char **ret)
{
	size_t len = 0, n = 0;

	if (!take(p, '"'))
		return bad(p, "a member needs a name");
	MRQ_TRY(take_string(p, ret, &len));
	for (const struct mrq_json_node *m = object->child; m; m = m->next, n++) {
		if (strcmp(m->name, *ret) == 0)
			return bad(p, "a member twice");
	}
	if (n >= MRQ_JSON_MEMBERS_MAX)
		return mrq_fail(p->err, MRQ_E_LIMIT,
				"more than %d members in an object",
				MRQ_JSON_MEMBERS_MAX);
	if (!take(p, ':'))
		return bad(p, "a ':' is missing");
	return MRQ_OK;
}

static enum mrq_status
take_items(struct parse *p, struct mrq_json_node *node, char close)
{
	const struct mrq_json_node **link = &node->child;

	if (take(p, close))
		return MRQ_OK;
	do {
		const char *name = NULL;
		struct mrq_json_node *item = NULL;
		if (close == '}')
			MRQ_TRY(take_name(p, node, &name));
		MRQ_TRY(take_value(p, name, &item));
		*link = item;
		link = &item->next;
	} while (take(p, ','));
	return take(p, close) ? MRQ_OK
			      : bad(p, "a ',' or a closing bracket is missing");
}

static enum mrq_status
take_container(struct parse *p, struct mrq_json_node *node)
{
	char *start = p->at;
	char open = *p->at++;

	if (++p->depth > MRQ_JSON_DEPTH_MAX)
		return mrq_fail(p->err, MRQ_E_LIMIT, "JSON nested more than %d deep",
				MRQ_JSON_DEPTH_MAX);
	node->kind = open == '{' ? MRQ_JSON_OBJECT : MRQ_JSON_ARRAY;
	MRQ_TRY(take_items(p, node, open == '{' ? '}' : ']'));
	p->depth--;
	node->text = start;
	node->len = (size_t)(p->at - start);
	return MRQ_OK;
}

static enum mrq_status
take_value(struct parse *p, const char *name, struct mrq_json_node **ret)
{
	struct mrq_json_doc *json = p->json;

	skip_space(p);
	if (p->at == p->end || json->n == json->max)
		return bad(p, "a value is missing");
	struct mrq_json_node *node = &json->nodes[json->n++];
	node->name = name;
	*ret = node;
	if (*p->at == '{' || *p->at == '[')
		return take_container(p, node);
	if (*p->at == '"') {
		p->at++;
		node->kind = MRQ_JSON_STRING;
		return take_string(p, &node->text, &node->len);
	}
	if (take_word(p, "null", MRQ_JSON_NULL, node) ||
	    take_word(p, "false", MRQ_JSON_FALSE, node) ||
	    take_word(p, "true", MRQ_JSON_TRUE, node))
		return MRQ_OK;
	return take_number(p, node);
}

/* Every value is the root, the first of a container, or follows a comma. */
static size_t
count_values(const char *text, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += text[i] == ',' || text[i] == '[' || text[i] == '{';
	return n;
}

enum mrq_status
mrq_json_doc_parse(const char *text, size_t len, struct mrq_json_doc **ret,
		   struct mrq_error *err)
{
	if (len > MRQ_JSON_TEXT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %u bytes of JSON",
				MRQ_JSON_TEXT_MAX);
	struct mrq_json_doc *json MRQ_CLEANUP(mrq_json_doc_free) =
		calloc(1, sizeof(*json));
	if (!json)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for JSON");
	json->max = count_values(text, len);
	json->nodes = calloc(json->max, sizeof(*json->nodes));
	json->text = malloc(len + 1);
	if (!json->nodes || !json->text)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for JSON");
	memcpy(json->text, text, len);
	json->text[len] = '\0';

	struct parse p = { json, json->text, json->text + len, 0, err };
	struct mrq_json_node *root = NULL;
	MRQ_TRY(take_value(&p, NULL, &root));
	skip_space(&p);
	if (p.at != p.end)
		return bad(&p, "something follows the value");
	*ret = MRQ_STEAL(json);
	return MRQ_OK;
}

void
mrq_json_doc_free(struct mrq_json_doc *json)
{
	if (!json)
		return;
	free(json->nodes);
	free(json->text);
	free(json);
}

const struct mrq_json_node *
mrq_json_doc_root(const struct mrq_json_doc *json)
{
	return json->nodes;
}

const struct mrq_json_node *
mrq_json_node_member(const struct mrq_json_node *node, const char *name)
{
	if (!node || node->kind != MRQ_JSON_OBJECT)
		return NULL;
	for (const struct mrq_json_node *m = node->child; m; m = m->next) {
		if (strcmp(m->name, name) == 0)
			return m;
	}
	return NULL;
}

const char *
mrq_json_node_text(const struct mrq_json_node *node, const char *name)
{
	const struct mrq_json_node *m = mrq_json_node_member(node, name);

	return m && m->kind == MRQ_JSON_STRING ? m->text : NULL;
}

bool
mrq_json_node_integer(const struct mrq_json_node *node, int64_t *ret)
{
	if (!node || node->kind != MRQ_JSON_NUMBER)
		return false;
	bool minus = node->text[0] == '-';
	int64_t v = 0;
	for (size_t i = minus; i < node->len; i++) {
		int digit = node->text[i] - '0';
		if (digit < 0 || digit > 9 || __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, minus ? -digit : digit, &v))
			return false;
	}
	*ret = v;
	return true;
}

/* ---- writing ---- */

void
mrq_json_out_clear(struct mrq_json_out *out)
{
	free(out->text);
	*out = (struct mrq_json_out){ 0 };
}

static void
put(struct mrq_json_out *out, const char *data, size_t len)
{
	if (out->failed)
		return;
	if (len > MRQ_JSON_TEXT_MAX - out->len) {
		out->failed = true;
		return;
	}
	if (out->len + len + 1 > out->cap) {
		size_t cap = 2 * (out->len + len) + 256;
		char *grown = realloc(out->text, cap);
		if (!grown) {
			out->failed = true;
			return;
		}
		out->text = grown;
		out->cap = cap;
	}
	memcpy(out->text + out->len, data, len);
	out->len += len;
}

static void
put_escape(struct mrq_json_out *out, unsigned char c)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *which = c ? strchr(from, c) : NULL;
	char text[8];

	if (which)
		(void)snprintf(text, sizeof(text), "\\%c", to[which - from]);
	else
		(void)snprintf(text, sizeof(text), "\\u%04x", c);
	put(out, text, strlen(text));
}

/* True when every byte could be told. */
static bool
put_string(struct mrq_json_out *out, const char *value)
{
	size_t left = strlen(value);
	bool whole = true;

	put(out, "\"", 1);
	while (left > 0) {
		uint32_t v = 0;
		size_t n = mrq_json_utf8_decode(value, left, &v);
		if (n == 0) {
			put(out, "\xef\xbf\xbd", 3);
			whole = false;
			n = 1;
		} else if (v < 0x20 || v == 0x7f || v == '"' || v == '\\') {
			put_escape(out, (unsigned char)v);
		} else {
			put(out, value, n);
		}
		value += n;
		left -= n;
	}
	put(out, "\"", 1);
	return whole;
}

static void
put_name(struct mrq_json_out *out, const char *name)
{
	if (out->comma)
		put(out, ",", 1);
	out->comma = true;
	if (name) {
		(void)put_string(out, name);
		put(out, ":", 1);
	}
}

void
mrq_json_out_begin(struct mrq_json_out *out, const char *name, char bracket)
{
	put_name(out, name);
	put(out, &bracket, 1);
	out->comma = false;
}

void
mrq_json_out_end(struct mrq_json_out *out, char bracket)
{
	put(out, &bracket, 1);
	out->comma = true;
}

void
mrq_json_out_text(struct mrq_json_out *out, const char *name, const char *value)
{
	put_name(out, name);
	if (value)
		(void)put_string(out, value);
	else
		put(out, "null", 4);
}

static void
put_hex(struct mrq_json_out *out, const char *name, const char *value)
{
	static const char hex[] = "0123456789abcdef";

	put(out, ",\"", 2);
	put(out, name, strlen(name));
	put(out, "_hex\":\"", 7);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;
		put(out, &hex[c >> 4], 1);
		put(out, &hex[c & 15], 1);
	}
	put(out, "\"", 1);
}

void
mrq_json_out_path(struct mrq_json_out *out, const char *name, const char *value)
{
	put_name(out, name);
	if (!put_string(out, value))
		put_hex(out, name, value);
}

void
mrq_json_out_integer(struct mrq_json_out *out, const char *name, int64_t value)
{
	char text[24];

	put_name(out, name);
	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	put(out, text, strlen(text));
}

void
mrq_json_out_bool(struct mrq_json_out *out, const char *name, bool value)
{
	put_name(out, name);
	put(out, value ? "true" : "false", value ? 4 : 5);
}

void
mrq_json_out_raw(struct mrq_json_out *out, const char *name, const char *json)
{
	put_name(out, name);
	put(out, json, strlen(json));
}

/* Recursion is bounded by the reader's MRQ_JSON_DEPTH_MAX. */
void
mrq_json_out_node(struct mrq_json_out *out, const char *name,
		  const struct mrq_json_node *node)
{
	bool object = node->kind == MRQ_JSON_OBJECT;

	if (node->kind == MRQ_JSON_STRING) {
		mrq_json_out_text(out, name, node->text);
		return;
	}
	if (!object && node->kind != MRQ_JSON_ARRAY) {
		put_name(out, name);
		put(out, node->text, node->len);
		return;
	}
	mrq_json_out_begin(out, name, object ? '{' : '[');
	for (const struct mrq_json_node *item = node->child; item; item = item->next)
		mrq_json_out_node(out, item->name, item);
	mrq_json_out_end(out, object ? '}' : ']');
}

enum mrq_status
mrq_json_out_finish(struct mrq_json_out *out, char **ret, struct mrq_error *err)
{
	put(out, "", 1);
	if (out->failed) {
		mrq_json_out_clear(out);
		return mrq_fail(err, MRQ_E_LIMIT,
				"no memory for, or more than %u bytes of, JSON",
				MRQ_JSON_TEXT_MAX);
	}
	*ret = out->text;
	*out = (struct mrq_json_out){ 0 };
	return MRQ_OK;
}
