/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_FORMAT_VECTORS_H
#define MRQ_TEST_FORMAT_VECTORS_H

/*
 * Containers that gen-format.py made: tests/vectors/format, named by $MRQ_VECTORS.  What the
 * members of the manifest mean stands there.
 */
#include "../check.h"

#include "base/file.h"
#include "base/json-doc.h"
#include "crypto/hash.h"
#include "crypto/secret.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#define VECTORS_MAX     1024
#define VECTOR_FILE_MAX (1u << 20)  /* bytes of one file of the vectors */
#define VECTOR_HASH_MAX (16u << 20) /* bytes of plaintext that are hashed whole */

struct vector {
	const struct mrq_json_node *json;
	const char *name, *expect;
	uint64_t length; /* bytes of the container */
	struct mrq_content_key key;
};

/** A number of the manifest that must be there. */
static inline uint64_t
vector_number(const struct vector *v, const char *name)
{
	const struct mrq_json_node *node = mrq_json_node_member(v->json, name);
	int64_t value = -1;

	if (!node || !mrq_json_node_integer(node, &value) || value < 0)
		fail_msg("%s: no number '%s'", v->name, name);
	return (uint64_t)value;
}

static inline bool
vector_true(const struct vector *v, const char *name)
{
	const struct mrq_json_node *node = mrq_json_node_member(v->json, name);

	return node && node->kind == MRQ_JSON_TRUE;
}

static inline size_t
vector_unhex(const char *hex, uint8_t *ret, size_t max)
{
	size_t n = strlen(hex) / 2;

	assert_true(n <= max);
	for (size_t i = 0; i < n; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		ret[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return n;
}

static inline void
vector_file_load(const char *name, uint8_t **ret, size_t *ret_len, size_t max)
{
	const char *root = getenv("MRQ_VECTORS");
	char path[4096];
	struct mrq_error err;

	(void)snprintf(path, sizeof(path), "%s/format/%s", root ? root : ".", name);
	check_ok(mrq_file_load(AT_FDCWD, path, max, ret, ret_len, &err), &err);
}

/** All vectors of the manifest; the result lives as long as the program. */
static inline size_t
vectors_load(struct vector *ret)
{
	static struct mrq_json_doc *doc;
	struct mrq_error err;
	uint8_t *text = NULL;
	size_t len, n = 0;

	vector_file_load("manifest.json", &text, &len, MRQ_JSON_TEXT_MAX);
	check_ok(mrq_json_doc_parse((const char *)text, len, &doc, &err), &err);
	free(text);
	const struct mrq_json_node *list =
		mrq_json_node_member(mrq_json_doc_root(doc), "vectors");
	assert_non_null(list);
	for (const struct mrq_json_node *at = list->child; at; at = at->next) {
		struct vector *v = &ret[n++];

		assert_true(n <= VECTORS_MAX);
		v->json = at;
		v->name = mrq_json_node_text(at, "name");
		v->expect = mrq_json_node_text(at, "expect");
		v->length = vector_number(v, "length");
		const char *key = mrq_json_node_text(at, "content_key");
		assert_int_equal(vector_unhex(key, v->key.bytes, sizeof(v->key.bytes)),
				 sizeof(v->key.bytes));
	}
	return n;
}

static inline void
vector_put(int fd, const void *data, size_t len, uint64_t off)
{
	assert_int_equal(pwrite(fd, data, len, (off_t)off), len);
}

/** Records of a page number (u64), a length (u16) and bytes. */
static inline void
vector_pages_put(int fd, const uint8_t *at, size_t len)
{
	const uint8_t *end = at + len;

	while (at < end) {
		uint64_t page = 0;
		size_t n = at[8] | (size_t)at[9] << 8;

		for (int i = 7; i >= 0; i--)
			page = page << 8 | at[i];
		assert_true(n <= 4096 && n <= (size_t)(end - at) - 10);
		vector_put(fd, at + 10, n, page * 4096);
		at += 10 + n;
	}
}

static inline void
vector_change(int fd, const struct mrq_json_node *change)
{
	const struct mrq_json_node *what = change->child->next;
	int64_t off, zeros = 0;
	uint8_t buf[4096] = { 0 };
	size_t n;

	assert_true(mrq_json_node_integer(change->child, &off));
	if (what->kind == MRQ_JSON_STRING) {
		n = vector_unhex(what->text, buf, sizeof(buf));
	} else {
		assert_true(mrq_json_node_integer(what, &zeros));
		n = (size_t)zeros;
	}
	assert_true(n <= sizeof(buf));
	vector_put(fd, buf, n, (uint64_t)off);
}

/** The container of a vector, in a file of its own in memory. */
static inline int
vector_open(const struct vector *v)
{
	int fd = memfd_create(v->name, MFD_CLOEXEC);
	const struct mrq_json_node *changes = mrq_json_node_member(v->json, "changes");
	uint8_t *data = NULL;
	size_t len;

	assert_true(fd >= 0);
	vector_file_load(mrq_json_node_text(v->json, "file"), &data, &len,
			 VECTOR_FILE_MAX);
	if (strcmp(mrq_json_node_text(v->json, "form"), "pages") == 0)
		vector_pages_put(fd, data, len);
	else
		vector_put(fd, data, len, 0);
	free(data);
	for (const struct mrq_json_node *at = changes ? changes->child : NULL; at;
	     at = at->next)
		vector_change(fd, at);
	assert_int_equal(ftruncate(fd, (off_t)v->length), 0);
	return fd;
}

static inline void
vector_hex(const uint8_t *data, size_t len, char *ret)
{
	for (size_t i = 0; i < len; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", data[i]);
}

/** SHA-256 as 64 digits. */
static inline void
vector_sha256(const void *data, size_t len, char ret[static 65])
{
	uint8_t digest[MRQ_SHA256_BYTES];

	mrq_sha256(data, len, digest);
	vector_hex(digest, sizeof(digest), ret);
}

#endif
