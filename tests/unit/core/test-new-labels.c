/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Labels of new files by marque.conf, while policy and configuration change under them. */
#include "world.h"

static void
expect_label(struct mrq_file *f, const char *want)
{
	struct mrq_error err = { 0 };
	struct mrq_caller ann = world_caller(ANN);
	char *label = NULL;
	check_ok(mrq_file_attribute(f, &ann, "label", "/a.txt", &label, &err), &err);
	assert_string_equal(label, want);
	free(label);
}

/** A directory whose label is gone must not fill with plain files. */
static void
test_a_configured_label_that_is_gone(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_caller ann = world_caller(ANN);
	struct mrq_file *f = NULL;
	world_reload(w, "[labels]\ndirectory./hr = Confidential/All Employees\n");
	f = world_make(w, ANN, "/hr/a.txt");
	expect_label(f, "Confidential/All Employees");
	mrq_file_free(f);
	f = NULL;
	world_admin(w, "label set",
		    "{\"label\":\"Confidential/All Employees\","
		    "\"name\":\"Confidential/Staff\"}");
	check_status(world_try_make(w, ANN, "/hr/b.txt", &f, &err), MRQ_E_POLICY, &err);
	assert_non_null(strstr(err.msg, "'Confidential/All Employees'"));
	assert_non_null(strstr(err.msg, "/hr/b.txt"));
	assert_null(f);
	check_status(mrq_file_create_allowed(w->session, &ann, "/hr/b.txt", &err),
		     MRQ_E_POLICY, &err);
	f = world_make(w, ANN, "/elsewhere/b.txt");
	expect_label(f, "General");
	mrq_file_free(f);
}

/** What can be applied by nobody is no label for new files either. */
static void
test_a_configured_label_with_sublabels(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = NULL;
	world_configure(w, "[labels]\ndirectory./ = Confidential\n");
	check_status(mrq_session_reload(w->session, &err), MRQ_E_CONFIG, &err);
	assert_non_null(strstr(err.msg, "'Confidential'"));
	world_reload(w, "[labels]\nuser.ann@example.org = Public\n");
	world_admin(w, "label set",
		    "{\"name\":\"Public/Web\",\"parent\":\"Public\","
		    "\"order\":1,\"protection\":\"none\"}");
	check_status(world_try_make(w, ANN, "/b.txt", &f, &err), MRQ_E_POLICY, &err);
	assert_non_null(strstr(err.msg, "'Public'"));
}

/** A lower default that a reload brings: what was harmless to read no longer is. */
static void
test_a_reload_that_lowers_the_defaults(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *read = world_make(w, ANN, "/a.txt");
	expect_label(read, "General");
	world_reload(w, "[labels]\ndirectory./pub = Public\n");
	check_ok(world_open(read, ANN, MRQ_REQUEST_READ, &err), &err);
	struct mrq_file *written = world_make(w, ANN, "/pub/b.txt");
	expect_label(written, "General");
	mrq_file_free(written);
	mrq_file_free(read);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_a_configured_label_that_is_gone),
		CASE(test_a_configured_label_with_sublabels),
		CASE(test_a_reload_that_lowers_the_defaults),
	};
	return CHECK_MAIN(tests);
}
