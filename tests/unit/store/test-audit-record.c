/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

#include <jansson.h>

#include "store/audit-read.h"
#include "store/audit-record.h"

static struct mrq_audit_text text;

static json_t *
format(const struct mrq_audit_record *r)
{
	struct mrq_chain chain = { .seq = 41 };

	mrq_audit_text_format(&text, r, "host.example");
	mrq_audit_text_begin(&text, &chain);
	assert_true(text.end <= sizeof(text.at));
	assert_int_equal(text.at[text.end - 1], '\n');
	assert_null(memchr(text.at + text.start, '\n', text.end - text.start - 1));
	json_t *o =
		mrq_audit_line_parse(text.at + text.start, text.end - text.start - 1);
	if (!o)
		print_error("%.*s\n", (int)(text.end - text.start),
			    text.at + text.start);
	assert_non_null(o);
	return o;
}

static const char *
get(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static void
event_names_are_distinct(void **state)
{
	(void)state;
	for (int i = MRQ_AUDIT_START; i <= MRQ_AUDIT_CHECKPOINT; i++) {
		for (int j = MRQ_AUDIT_START; j < i; j++)
			assert_string_not_equal(
				mrq_audit_event_name((enum mrq_audit_event)i),
				mrq_audit_event_name((enum mrq_audit_event)j));
	}
	assert_string_equal(mrq_audit_event_name((enum mrq_audit_event)99), "unknown");
}

static void
a_full_record_has_every_member(void **state)
{
	struct mrq_audit_record r = sample_record("a/b.txt");
	struct mrq_guid id = { { 1, 2, 3 } };

	(void)state;
	r.login_uid = 7;
	r.acting_as = "boss@example.com";
	r.address = "192.0.2.1";
	r.program_digest = "00ff";
	r.super_user = true;
	r.file_id = r.content_id = r.label_before = r.label_after = r.template_id = id;
	r.label_name = "Confidential";
	r.format = "pfile";
	r.owner = r.issuer = "own@example.com";
	r.published = 1772359200;
	r.lost = 3;
	r.new_path = "c";
	r.reason = "because";
	r.granted = false;
	r.status = MRQ_E_EXPIRED;
	json_t *o = format(&r);
	for (size_t i = 0; mrq_audit_member_names[i]; i++) {
		if (!json_object_get(o, mrq_audit_member_names[i]))
			fail_msg("no member %s", mrq_audit_member_names[i]);
	}
	/* and no other */
	size_t n = 0;
	while (mrq_audit_member_names[n])
		n++;
	assert_int_equal(json_object_size(o), n + 2);
	assert_int_equal(json_integer_value(json_object_get(o, "seq")), 42);
	assert_string_equal(get(o, "time"), "2026-03-01T10:00:00.123456Z");
	assert_string_equal(get(o, "result"), "denied");
	assert_string_equal(get(o, "status"), "expired");
	assert_string_equal(get(o, "used"), "VIEW,EXTRACT");
	assert_string_equal(get(o, "published"), "2026-03-01T10:00:00Z");
	assert_true(json_is_true(json_object_get(o, "super_user")));
	json_decref(o);
}

static void
absent_members_are_left_out(void **state)
{
	struct mrq_audit_record r = { .event = MRQ_AUDIT_STOP,
				      .when_ns = 1,
				      .uid = (uid_t)-1,
				      .login_uid = (uid_t)-1,
				      .granted = true };

	(void)state;
	json_t *o = format(&r);
	/* seq prev time event result host */
	assert_int_equal(json_object_size(o), 6);
	json_decref(o);
}

/* Any bytes come back as they were. */
static void
check_path(const char *path)
{
	struct mrq_audit_record r = sample_record(path);
	json_t *o = format(&r);
	size_t len = 0;
	char *back = mrq_audit_line_bytes(o, "path", &len);

	assert_non_null(back);
	assert_int_equal(len, strlen(path));
	assert_memory_equal(back, path, len);
	assert_int_equal(json_object_get(o, "path_enc") != NULL,
			 !mrq_utf8_valid(path, strlen(path)));
	assert_null(json_object_get(o, "cut"));
	free(back);
	json_decref(o);
}

static void
paths_of_any_bytes_come_back(void **state)
{
	uint64_t seed = 1;
	char path[201];

	(void)state;
	check_path("plain");
	check_path("quote\" back\\slash \n\t\r\x01\x1f\x7f");
	check_path("gr\xc3\xbc\xc3\x9f \xe6\x97\xa5 \xf0\x9f\x98\x80");
	check_path("\xc2\x85 C1, \xe2\x80\xae turns, \xe2\x80\xa8 line");
	check_path("\xff\xfe");
	check_path("half \xc3");
	check_path("surrogate \xed\xa0\x80");
	check_path("overlong \xc0\xaf");
	check_path("beyond \xf4\x90\x80\x80");
	for (int i = 0; i < 2000; i++) {
		size_t n = check_next(&seed) % 200;
		for (size_t j = 0; j < n; j++)
			path[j] = (char)(1 + check_next(&seed) % 255);
		path[n] = '\0';
		check_path(path);
	}
}

static void
no_byte_of_a_line_steers_a_terminal(void **state)
{
	char path[256];

	(void)state;
	for (int i = 0; i < 255; i++)
		path[i] = (char)(i + 1);
	path[255] = '\0';
	struct mrq_audit_record r = sample_record(path);
	json_decref(format(&r));
	for (size_t i = text.start; i < text.end - 1; i++) {
		unsigned char c = (unsigned char)text.at[i];
		assert_true(c >= 0x20 && c < 0x7f);
	}
}

static void
what_does_not_fit_is_cut_and_said_so(void **state)
{
	static char huge[40000];
	struct mrq_audit_record r = sample_record(huge);

	(void)state;
	for (int fill = 1; fill < 256; fill += 3) {
		memset(huge, fill, sizeof(huge) - 1);
		r.new_path = r.program = r.reason = r.mount = r.owner = r.principal =
			huge;
		r.correlation = r.ground = r.label_name = huge;
		json_t *o = format(&r);
		assert_true(json_is_true(json_object_get(o, "cut")));
		assert_true(json_string_length(json_object_get(o, "path")) > 1000);
		assert_string_equal(get(o, "event"), "open");
		json_decref(o);
	}
}

static void
a_cut_keeps_whole_characters(void **state)
{
	static char path[MRQ_AUDIT_PATH_MAX + 16];

	(void)state;
	for (size_t shift = 0; shift < 4; shift++) {
		memset(path, 'x', shift);
		for (size_t i = shift; i + 4 < sizeof(path); i += 4)
			memcpy(path + i, "\xf0\x9f\x98\x80", 5);
		struct mrq_audit_record r = sample_record(path);
		json_t *o = format(&r);
		assert_null(json_object_get(o, "path_enc"));
		assert_true(json_is_true(json_object_get(o, "cut")));
		json_decref(o);
	}
}

static void
every_length_around_the_limit_is_valid(void **state)
{
	static char path[MRQ_AUDIT_PATH_MAX + 1], other[MRQ_AUDIT_PATH_MAX + 1];

	(void)state;
	/* \u00XX: six bytes each, so that both together pass the limit by every remainder. */
	memset(path, 1, sizeof(path) - 1);
	for (size_t n = 1000; n < 1400; n++) {
		memset(other, '\x02', n);
		other[n] = '\0';
		struct mrq_audit_record r = sample_record(path);
		r.new_path = other;
		r.mount = "\xff\xff";
		json_decref(format(&r));
	}
}

/* As a tagged item: ".It Va NAME" or ".It Cm NAME", perhaps with others. */
static bool
man_has_item(const char *page, const char *macro, const char *name)
{
	char start[32];
	size_t len = strlen(name);

	(void)snprintf(start, sizeof(start), "\n.It %s ", macro);
	for (const char *at = page; (at = strstr(at, start));) {
		const char *end = strchr(++at, '\n');
		for (const char *c = at; (c = strstr(c, name)) && c < end; c++) {
			if (c[-1] == ' ' && (c[len] == ' ' || c[len] == '\n'))
				return true;
		}
	}
	return false;
}

static void
the_man_page_names_all_members_and_events(void **state)
{
	size_t len;
	char *page = slurp(AUDIT_MAN, &len);

	(void)state;
	for (size_t i = 0; mrq_audit_member_names[i]; i++) {
		if (!man_has_item(page, "Va", mrq_audit_member_names[i]))
			fail_msg("member %s is missing", mrq_audit_member_names[i]);
	}
	for (int e = MRQ_AUDIT_START; e <= MRQ_AUDIT_CHECKPOINT; e++) {
		const char *name = mrq_audit_event_name((enum mrq_audit_event)e);
		if (!man_has_item(page, "Cm", name))
			fail_msg("event %s is missing", name);
	}
	free(page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(event_names_are_distinct),
		cmocka_unit_test(a_full_record_has_every_member),
		cmocka_unit_test(absent_members_are_left_out),
		cmocka_unit_test(paths_of_any_bytes_come_back),
		cmocka_unit_test(no_byte_of_a_line_steers_a_terminal),
		cmocka_unit_test(what_does_not_fit_is_cut_and_said_so),
		cmocka_unit_test(a_cut_keeps_whole_characters),
		cmocka_unit_test(every_length_around_the_limit_is_valid),
		cmocka_unit_test(the_man_page_names_all_members_and_events),
	};
	return CHECK_MAIN(tests);
}
