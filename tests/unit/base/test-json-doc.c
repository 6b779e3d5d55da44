/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/json-doc.h"

#include "check.h"

/* Parse, write again: the canonical form of what was read. */
static void
check_again(const char *text, const char *want)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	char *again MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };

	check_ok(mrq_json_doc_parse(text, strlen(text), &doc, &err), &err);
	mrq_json_out_node(&out, NULL, mrq_json_doc_root(doc));
	check_ok(mrq_json_out_finish(&out, &again, &err), &err);
	assert_string_equal(again, want);
}

static void
what_is_read_is_written(void **state)
{
	(void)state;
	check_again("null", "null");
	check_again(" [ 1 , -0.5e+3 , true , false , [] , {} ] ",
		    "[1,-0.5e+3,true,false,[],{}]");
	check_again("{\"a\":{\"b\":[{}]}}", "{\"a\":{\"b\":[{}]}}");
	check_again("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"");
	check_again("\"\\u00e9\\ud83d\\ude00\\u007f\"",
		    "\"\xc3\xa9\xf0\x9f\x98\x80\\u007f\"");
	check_again("\"\xc3\xa9\"", "\"\xc3\xa9\"");
}

static void
what_is_not_json_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"nul",
		"nulls",
		"1 2",
		"01",
		"-",
		"1.",
		".5",
		"1e",
		"+1",
		"[1,]",
		"[,1]",
		"[1 2]",
		"[1",
		"]",
		"{\"a\"}",
		"{\"a\":}",
		"{\"a\":1,}",
		"{a:1}",
		"{\"a\":1",
		"{\"a\" 1}",
		"\"",
		"\"\\\"",
		"\"\\x\"",
		"\"\\u12\"",
		"\"\\u00zz\"",
		"\"\\ud800\"",
		"\"\\udc00\"",
		"\"\\ud800\\u0041\"",
		"\"\\u0000\"",
		"\"\n\"",
		"\"\xff\"",
		"\"\xc0\xaf\"",
		"\"\xed\xa0\x80\"",
		"'a'",
		"{\"a\":1,\"a\":2}",
		"{\"a\":1,\"\\u0061\":2}",
		"NaN",
		"[1]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mrq_json_doc *doc = NULL;
		struct mrq_error err = { 0 };
		check_status(mrq_json_doc_parse(bad[i], strlen(bad[i]), &doc, &err),
			     MRQ_E_FORMAT, &err);
		assert_null(doc);
	}
}

static void
limits_are_named(void **state)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	char deep[2 * MRQ_JSON_DEPTH_MAX + 3] = "";
	struct mrq_error err = { 0 };

	(void)state;
	memset(deep, '[', MRQ_JSON_DEPTH_MAX);
	memset(deep + MRQ_JSON_DEPTH_MAX, ']', MRQ_JSON_DEPTH_MAX);
	check_ok(mrq_json_doc_parse(deep, strlen(deep), &doc, &err), &err);
	mrq_json_doc_free(MRQ_STEAL(doc));
	memset(deep, '[', MRQ_JSON_DEPTH_MAX + 1);
	check_status(mrq_json_doc_parse(deep, strlen(deep), &doc, &err), MRQ_E_LIMIT,
		     &err);
	check_status(
		mrq_json_doc_parse(deep, (size_t)MRQ_JSON_TEXT_MAX + 1, &doc, &err),
		MRQ_E_LIMIT, &err);
}

static void
too_many_members_are_refused(void **state)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	char *text MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };

	(void)state;
	mrq_json_out_begin(&out, NULL, '{');
	for (int i = 0; i <= MRQ_JSON_MEMBERS_MAX; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "m%d", i);
		mrq_json_out_integer(&out, name, i);
	}
	mrq_json_out_end(&out, '}');
	check_ok(mrq_json_out_finish(&out, &text, &err), &err);
	check_status(mrq_json_doc_parse(text, strlen(text), &doc, &err), MRQ_E_LIMIT,
		     &err);
}

static void
members_are_found_by_name_and_kind(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"n\":12,\"o\":{\"s\":\"y\"}}";
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	struct mrq_error err = { 0 };
	int64_t n = 0;

	(void)state;
	check_ok(mrq_json_doc_parse(text, strlen(text), &doc, &err), &err);
	const struct mrq_json_node *root = mrq_json_doc_root(doc);
	assert_string_equal(mrq_json_node_text(root, "s"), "x");
	assert_null(mrq_json_node_text(root, "n"));
	assert_null(mrq_json_node_text(root, "z"));
	assert_string_equal(mrq_json_node_text(mrq_json_node_member(root, "o"), "s"),
			    "y");
	assert_null(mrq_json_node_member(mrq_json_node_member(root, "n"), "s"));
	assert_null(mrq_json_node_member(NULL, "s"));
	assert_true(mrq_json_node_integer(mrq_json_node_member(root, "n"), &n));
	assert_int_equal(n, 12);
	assert_false(mrq_json_node_integer(mrq_json_node_member(root, "s"), &n));
	assert_false(mrq_json_node_integer(NULL, &n));
}

static void
integers_are_exact(void **state)
{
	static const struct {
		const char *text;
		bool good;
		int64_t value;
	} cases[] = {
		{ "0", true, 0 },
		{ "-1", true, -1 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "1.0", false, 0 },
		{ "1e2", false, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
		struct mrq_error err = { 0 };
		int64_t n = 0;
		check_ok(mrq_json_doc_parse(cases[i].text, strlen(cases[i].text), &doc,
					    &err),
			 &err);
		assert_int_equal(mrq_json_node_integer(mrq_json_doc_root(doc), &n),
				 cases[i].good);
		assert_int_equal(n, cases[i].value);
	}
}

static void
paths_of_any_bytes_are_kept(void **state)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	char *text MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };

	(void)state;
	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "a", "plain\n");
	mrq_json_out_path(&out, "b", "x\xff");
	mrq_json_out_text(&out, "c", NULL);
	mrq_json_out_bool(&out, "d", true);
	mrq_json_out_raw(&out, "e", "[1]");
	mrq_json_out_end(&out, '}');
	check_ok(mrq_json_out_finish(&out, &text, &err), &err);
	assert_string_equal(
		text, "{\"a\":\"plain\\n\",\"b\":\"x\xef\xbf\xbd\",\"b_hex\":\"78ff\","
		      "\"c\":null,\"d\":true,\"e\":[1]}");
}

static void
a_document_beyond_the_limit_fails_at_the_end(void **state)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	static char big[65536];
	struct mrq_error err = { 0 };
	char *text = NULL;

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	mrq_json_out_begin(&out, NULL, '[');
	for (size_t i = 0; i <= MRQ_JSON_TEXT_MAX / sizeof(big); i++)
		mrq_json_out_text(&out, NULL, big);
	mrq_json_out_end(&out, ']');
	check_status(mrq_json_out_finish(&out, &text, &err), MRQ_E_LIMIT, &err);
	assert_null(text);
}

/* Whatever the bytes: a status, and what is accepted reads the same again. */
static void
any_bytes_get_a_status(void **state)
{
	static const char alphabet[] = "{}[]\",:\\u0a1e-. \n\xc3\xa9\xff"
				       "truefalsn";
	uint64_t seed = 99;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	for (int run = 0; run < 20000; run++) {
		struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
		char text[24];
		size_t len = check_next(&seed) % sizeof(text);
		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[check_next(&seed) % (sizeof(alphabet) - 1)];
		if (mrq_json_doc_parse(text, len, &doc, NULL) != MRQ_OK)
			continue;
		struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
		struct mrq_error err = { 0 };
		char *again MRQ_CLEANUP(free) = NULL;
		mrq_json_out_node(&out, NULL, mrq_json_doc_root(doc));
		check_ok(mrq_json_out_finish(&out, &again, &err), &err);
		check_again(again, again);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written),
		cmocka_unit_test(what_is_not_json_is_refused),
		cmocka_unit_test(limits_are_named),
		cmocka_unit_test(too_many_members_are_refused),
		cmocka_unit_test(members_are_found_by_name_and_kind),
		cmocka_unit_test(integers_are_exact),
		cmocka_unit_test(paths_of_any_bytes_are_kept),
		cmocka_unit_test(a_document_beyond_the_limit_fails_at_the_end),
		cmocka_unit_test(any_bytes_get_a_status),
	};

	return CHECK_MAIN(tests);
}
