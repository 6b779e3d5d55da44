/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

#include "check.h"

/* What a mount is told: marquefs(8), "EXTENDED ATTRIBUTES". */
static void
check_encoded(const struct cli_change *change, const char *want)
{
	char *value MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };

	check_ok(cli_change_encode(change, &value, &err), &err);
	assert_string_equal(value, want);
}

static void
labels_carry_their_flags_before_the_justification(void **state)
{
	struct cli_change c = { .kind = CLI_CHANGE_LABEL, .label = "General" };

	(void)state;
	check_encoded(&c, "General");
	c.options.justification = "a; b = c";
	check_encoded(&c, "General;justification=a; b = c");
	c.options.what_if = c.options.new_key = true;
	check_encoded(&c, "General;what-if;new-key;justification=a; b = c");
}

static void
removals_name_nothing(void **state)
{
	struct cli_change c = { .kind = CLI_CHANGE_UNLABEL };

	(void)state;
	check_encoded(&c, "");
	c.options.justification = "why";
	check_encoded(&c, ";justification=why");
	c.kind = CLI_CHANGE_UNPROTECT;
	check_encoded(&c, "none;justification=why");
	c = (struct cli_change){ .kind = CLI_CHANGE_REWRAP };
	check_encoded(&c, "1");
}

static void
permissions_are_json(void **state)
{
	const struct mrq_permission items[] = { { "ann@example.com", MRQ_RIGHT_VIEW },
						{ "org",
						  MRQ_RIGHT_VIEW | MRQ_RIGHT_EDIT } };
	struct mrq_permissions p = { .items = items, .n = 2 };
	struct cli_change c = { .kind = CLI_CHANGE_PROTECT, .permissions = &p };

	(void)state;
	check_encoded(&c,
		      "{\"grants\":[{\"who\":\"ann@example.com\",\"rights\":\"VIEW\"},"
		      "{\"who\":\"org\",\"rights\":\"VIEW,EDIT\"}]}");
	p.n = 0;
	p.expires = 1772359200;
	p.owner = "bob@example.com";
	c.options = (struct mrq_change_options){ .justification = "\"so\"",
						 .what_if = true,
						 .new_key = true };
	check_encoded(&c,
		      "{\"grants\":[],\"expires\":\"2026-03-01T10:00:00Z\","
		      "\"owner\":\"bob@example.com\",\"justification\":\"\\\"so\\\"\","
		      "\"what_if\":true,\"new_key\":true}");
}

static void
the_question_leaves_out_a_path_that_json_cannot_hold(void **state)
{
	char *request MRQ_CLEANUP(free) = NULL, *without MRQ_CLEANUP(free) = NULL;
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(cli_why_request("/mnt/a\"b", &request, &err), &err);
	assert_string_equal(request, "{\"verb\":\"why\",\"path\":\"/mnt/a\\\"b\"}");
	check_ok(cli_why_request("/mnt/\xff", &without, &err), &err);
	assert_string_equal(without, "{\"verb\":\"why\"}");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_carry_their_flags_before_the_justification),
		cmocka_unit_test(removals_name_nothing),
		cmocka_unit_test(permissions_are_json),
		cmocka_unit_test(the_question_leaves_out_a_path_that_json_cannot_hold),
	};

	return CHECK_MAIN(tests);
}
