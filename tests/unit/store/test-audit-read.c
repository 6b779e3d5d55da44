/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store-test.h"

#include "base/log.h"

struct hits {
	unsigned n, stop_after;
	uint64_t last_number;
	char last[256];
	char last_file[128];
};

static bool
count_hit(const struct mrq_audit_line *line, void *arg)
{
	struct hits *h = arg;

	h->n++;
	h->last_number = line->number;
	(void)snprintf(h->last, sizeof(h->last), "%.*s", (int)line->len, line->json);
	(void)snprintf(h->last_file, sizeof(h->last_file), "%s", line->file);
	return h->n != h->stop_after;
}

static unsigned
search(const struct place *p, struct mrq_audit_filter filter)
{
	struct hits h = { 0 };
	struct mrq_error err = { 0 };

	check_ok(mrq_audit_search(p->log, &filter, count_hit, &h, &err), &err);
	return h.n;
}

static void
append(struct mrq_audit_log *log, struct mrq_audit_record r)
{
	struct mrq_error err = { 0 };

	check_ok(mrq_audit_append(log, &r, MRQ_AUDIT_KERNEL, &err), &err);
}

static void
fill_log(const struct place *p)
{
	struct mrq_audit_log *log = log_open(p, 0);
	struct mrq_audit_record r = sample_record("a/b/c.txt");

	append(log, r);
	r.path = "a/bc.txt";
	r.when_ns += INT64_C(10000000000);
	r.granted = false;
	r.status = MRQ_E_DENIED;
	append(log, r);
	r.event = MRQ_AUDIT_RENAME;
	r.granted = true;
	r.path = "x";
	r.new_path = "a/b/y";
	r.principal = "bob@example.com";
	r.super_user = true;
	r.file_id = (struct mrq_guid){ { 0xab } };
	r.content_id = (struct mrq_guid){ { 0xcd } };
	append(log, r);
	r.path = "bytes \xff/f";
	r.new_path = NULL;
	append(log, r);
	mrq_audit_log_close(log);
}

static void
each_member_of_a_filter_selects(void **state)
{
	struct place *p = *state;
	const int64_t t = 1772359200;

	fill_log(p);
	assert_int_equal(search(p, (struct mrq_audit_filter){ 0 }), 6);
	assert_int_equal(
		search(p, (struct mrq_audit_filter){ .principal = "ann@example.com" }),
		2);
	assert_int_equal(
		search(p, (struct mrq_audit_filter){ .principal = "ANN@Example.com" }),
		2);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .principal = "ann" }), 0);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .event = "rename" }), 2);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .event = "checkpoint" }),
			 2);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .result = 1 }), 3);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .result = 2 }), 1);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .super_user = true }), 2);
	assert_int_equal(
		search(p,
		       (struct mrq_audit_filter){
			       .file_id = "AB000000-0000-0000-0000-000000000000" }),
		2);
	assert_int_equal(
		search(p,
		       (struct mrq_audit_filter){
			       .content_id = "cd000000-0000-0000-0000-000000000000" }),
		2);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .from = t, .to = t + 5 }),
			 1);
	assert_int_equal(
		search(p, (struct mrq_audit_filter){ .from = t, .to = t + 10 }), 4);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .to = t - 1 }), 0);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .from = t + 11 }), 2);
}

static void
a_path_matches_itself_and_what_is_below(void **state)
{
	struct place *p = *state;

	fill_log(p);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .path = "a/b/c.txt" }),
			 1);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .path = "a/b" }), 2);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .path = "a/b/" }), 2);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .path = "a" }), 3);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .path = "a/b/c" }), 0);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .path = "bytes \xff" }),
			 1);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .path = "bytes \xff/f" }),
			 1);
}

static void
a_visitor_can_stop(void **state)
{
	struct place *p = *state;
	struct hits h = { .stop_after = 2 };
	struct mrq_error err = { 0 };

	fill_log(p);
	check_ok(mrq_audit_search(p->log, NULL, count_hit, &h, &err), &err);
	assert_int_equal(h.n, 2);
	assert_int_equal(h.last_number, 2);
	assert_string_equal(h.last_file, p->log);
	assert_int_equal(h.last[0], '{');
}

static char logged[1024];

static void
keep_log(enum mrq_log_level level, const char *msg, void *arg)
{
	(void)level;
	(void)arg;
	(void)snprintf(logged, sizeof(logged), "%s", msg);
}

static void
rotated_files_are_read_compressed_ones_named(void **state)
{
	struct place *p = *state;
	char name[128];

	fill_log(p);
	assert_int_equal(rename(p->log, p->log1), 0);
	fill_log(p);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .event = "rename" }), 4);
	(void)snprintf(name, sizeof(name), "%s.2.gz", p->log);
	spit(name, "x", 1);
	mrq_log_set_sink(keep_log, MRQ_LOG_NOTICE, NULL);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .event = "rename" }), 4);
	assert_non_null(strstr(logged, name));
	mrq_log_set_sink(NULL, MRQ_LOG_ERROR, NULL);
	/* Between a rotation and the next record. */
	assert_int_equal(unlink(p->log), 0);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .event = "rename" }), 2);
}

static void
lines_that_are_no_records_are_passed_over(void **state)
{
	struct place *p = *state;
	static char big[300000];

	fill_log(p);
	FILE *f = fopen(p->log, "a");
	memset(big, 'x', sizeof(big) - 1);
	(void)fprintf(f, "not JSON\n[1]\n%s\n{\"event\":\"rename\",\"event\":\"x\"}\n",
		      big);
	(void)fprintf(f, "{\"event\":\"rename\"}\n{\"event\":\"rena");
	(void)fclose(f);
	logged[0] = '\0';
	mrq_log_set_sink(keep_log, MRQ_LOG_NOTICE, NULL);
	assert_int_equal(search(p, (struct mrq_audit_filter){ .event = "rename" }), 3);
	mrq_log_set_sink(NULL, MRQ_LOG_ERROR, NULL);
	assert_non_null(strstr(logged, "5 lines that are no records, the first is 7"));
}

static void
no_log_is_not_found(void **state)
{
	struct place *p = *state;
	struct hits h = { 0 };
	struct mrq_error err = { 0 };

	check_status(mrq_audit_search(p->log, NULL, count_hit, &h, &err),
		     MRQ_E_NOT_FOUND, &err);
	check_status(mrq_audit_search(p->dir, NULL, count_hit, &h, &err), MRQ_E_INVAL,
		     &err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(each_member_of_a_filter_selects),
		PLACE_TEST(a_path_matches_itself_and_what_is_below),
		PLACE_TEST(a_visitor_can_stop),
		PLACE_TEST(rotated_files_are_read_compressed_ones_named),
		PLACE_TEST(lines_that_are_no_records_are_passed_over),
		PLACE_TEST(no_log_is_not_found),
	};
	return CHECK_MAIN(tests);
}
