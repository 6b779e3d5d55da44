/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory runs out at the first, second, ... allocation, once: each time a failure with a
 * sentence, no result, never a licence that differs, and (under a sanitizer) no leak.  jansson
 * may take it for bad JSON.  The linker sends our allocations and jansson those of its own
 * through the functions here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "policy/licence.h"

#define STEPS_MAX 1000

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);

static long left = -1; /* allocations until one fails; -1: none does */
static bool failed;

static bool
fails(void)
{
	if (left < 0)
		return false;
	if (left-- > 0)
		return false;
	failed = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

char *
__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

/* Names longer than what jansson holds for a string at first. */
#define LONG_NAME                                                                      \
	"a.name.that.is.longer.than.sixty-four.bytes.so.that.buffers.must.grow.twice"
static const char json[] =
	"{\"v\":1,\"cid\":\"6f0e1a2b-4c5d-4e6f-8a9b-0c1d2e3f4a5b\","
	"\"own\":\"" LONG_NAME "@example.com\",\"iss\":\"ann@example.com\","
	"\"org\":\"example.com\",\"iat\":1767268800,\"off\":7,"
	"\"grants\":[{\"who\":\"user:cid@example.com\",\"rights\":[\"VIEW\",\"SIGN\","
	"\"X\"]},{\"who\":\"org\",\"rights\":[\"VIEW\",\"Y\"]}],\"kid\":\"k\","
	"\"key\":\""
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	"a"
	".b.c.d.e\",\"crt\":\"a.b.c\"}";

static void
assert_failed(enum mrq_status status, const struct mrq_error *err)
{
	assert_true(status == MRQ_E_NOMEM || status == MRQ_E_FORMAT);
	assert_int_equal(err->status, status);
	assert_true(strlen(err->msg) > 10);
}

static void
assert_unchanged(const struct mrq_licence *licence)
{
	char *text = NULL;
	size_t len = 0;

	assert_int_equal(mrq_licence_encode(licence, &text, &len, NULL), MRQ_OK);
	assert_string_equal(text, json);
	free(text);
}

static void
decode_fails_cleanly_at_every_step(void **state)
{
	(void)state;
	for (long step = 0; step < STEPS_MAX; step++) {
		struct mrq_licence *licence = NULL;
		struct mrq_error err = { 0 };
		failed = false;
		left = step;
		enum mrq_status s =
			mrq_licence_decode(json, sizeof(json) - 1, &licence, &err);
		left = -1;
		if (s == MRQ_OK)
			assert_unchanged(licence);
		else
			assert_failed(s, &err);
		assert_int_equal(s == MRQ_OK, licence != NULL);
		mrq_licence_free(licence);
		if (!failed) {
			assert_int_equal(s, MRQ_OK);
			assert_true(step > 10);
			return;
		}
	}
	fail_msg("no end after %d allocations", STEPS_MAX);
}

static void
encode_fails_cleanly_at_every_step(void **state)
{
	struct mrq_licence *licence = NULL;

	(void)state;
	assert_int_equal(mrq_licence_decode(json, sizeof(json) - 1, &licence, NULL),
			 MRQ_OK);
	for (long step = 0; step < STEPS_MAX; step++) {
		char *text = NULL;
		size_t len = 0;
		struct mrq_error err = { 0 };
		failed = false;
		left = step;
		enum mrq_status s = mrq_licence_encode(licence, &text, &len, &err);
		left = -1;
		if (s == MRQ_OK)
			assert_string_equal(text, json);
		else
			assert_int_equal(s, MRQ_E_NOMEM);
		assert_int_equal(s == MRQ_OK, text != NULL);
		free(text);
		if (!failed) {
			assert_int_equal(s, MRQ_OK);
			mrq_licence_free(licence);
			assert_true(step > 10);
			return;
		}
	}
	fail_msg("no end after %d allocations", STEPS_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode_fails_cleanly_at_every_step),
		cmocka_unit_test(encode_fails_cleanly_at_every_step),
	};

	json_set_alloc_funcs(__wrap_malloc, free);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
