/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <marque/rights.h>

#define UNTOUCHED 0xdeadbeefu

static void
assert_parses(const char *text, mrq_rights expected)
{
	mrq_rights rights = UNTOUCHED;

	assert_int_equal(mrq_rights_parse(text, &rights, NULL), MRQ_OK);
	assert_int_equal(rights, expected);
}

static void
assert_refused(const char *text, const char *named)
{
	struct mrq_error err = { 0 };
	mrq_rights rights = UNTOUCHED;

	assert_int_equal(mrq_rights_parse(text, &rights, &err), MRQ_E_INVAL);
	assert_int_equal(err.status, MRQ_E_INVAL);
	assert_non_null(strstr(err.msg, named));
	assert_int_equal(rights, UNTOUCHED);
}

static void
parse_takes_names_of_any_case(void **state)
{
	(void)state;
	assert_parses("VIEW", MRQ_RIGHT_VIEW);
	assert_parses("view,Edit,AuditedExtract",
		      MRQ_RIGHT_VIEW | MRQ_RIGHT_EDIT | MRQ_RIGHT_AUDITEDEXTRACT);
	assert_parses("OWNER,OWNER", MRQ_RIGHT_OWNER);
	assert_parses("none", 0);
}

static void
parse_tells_docedit_from_edit(void **state)
{
	(void)state;
	assert_parses("DOCEDIT", MRQ_RIGHT_DOCEDIT);
	assert_parses("EDIT", MRQ_RIGHT_EDIT);
}

static void
parse_takes_one_level(void **state)
{
	(void)state;
	assert_parses("viewer", MRQ_LEVEL_VIEWER);
	assert_parses("reviewer", MRQ_LEVEL_REVIEWER);
	assert_parses("CoAuthor", MRQ_LEVEL_COAUTHOR);
	assert_parses("coowner", MRQ_LEVEL_COOWNER);
}

static void
parse_refuses_what_it_does_not_know(void **state)
{
	(void)state;
	assert_refused("", "''");
	assert_refused(",", "''");
	assert_refused("VIEW,", "''");
	assert_refused("VIEW,,EDIT", "''");
	assert_refused("VIEW, EDIT", "' EDIT'");
	assert_refused("VI", "'VI'");
	assert_refused("VIEWS", "'VIEWS'");
	assert_refused("viewer,EDIT", "'viewer'");
	assert_refused("VIEW,none", "'none'");
	assert_refused("SIGN", "'SIGN'");
}

static void
parse_bounds_its_sentence(void **state)
{
	char text[5000];
	struct mrq_error err;
	mrq_rights rights;

	(void)state;
	memset(text, 'A', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(mrq_rights_parse(text, &rights, &err), MRQ_E_INVAL);
	assert_non_null(strstr(err.msg, "use names"));
}

static void
format_lists_in_the_order_of_the_bits(void **state)
{
	char text[MRQ_RIGHTS_TEXT];

	(void)state;
	mrq_rights_format(0, text);
	assert_string_equal(text, "none");
	mrq_rights_format(MRQ_RIGHT_EDIT | MRQ_RIGHT_VIEW, text);
	assert_string_equal(text, "VIEW,EDIT");
	mrq_rights_format(MRQ_RIGHT_AUDITEDEXTRACT, text);
	assert_string_equal(text, "AUDITEDEXTRACT");
	mrq_rights_format(MRQ_RIGHTS_ALL, text);
	assert_string_equal(text, "VIEW,DOCEDIT,EDIT,EXTRACT,EXPORT,PRINT,OBJMODEL,"
				  "VIEWRIGHTSDATA,EDITRIGHTSDATA,OWNER,COMMENT,FORWARD,"
				  "REPLY,REPLYALL,AUDITEDEXTRACT");
}

static void
format_leaves_out_bits_without_a_name(void **state)
{
	char text[MRQ_RIGHTS_TEXT];

	(void)state;
	mrq_rights_format(~MRQ_RIGHTS_ALL, text);
	assert_string_equal(text, "none");
}

static void
every_set_survives_its_text_form(void **state)
{
	char text[MRQ_RIGHTS_TEXT];

	(void)state;
	for (mrq_rights rights = 0; rights <= MRQ_RIGHTS_ALL; rights++) {
		mrq_rights_format(rights, text);
		assert_parses(text, rights);
	}
}

static void
right_from_name_wants_the_whole_name(void **state)
{
	(void)state;
	assert_int_equal(mrq_right_from_name("VIEW", 4), MRQ_RIGHT_VIEW);
	assert_int_equal(mrq_right_from_name("VIEWRIGHTSDATA", 4), MRQ_RIGHT_VIEW);
	assert_int_equal(mrq_right_from_name("VIEWRIGHTSDATA", 5), 0);
	assert_int_equal(mrq_right_from_name("VIEW", 3), 0);
	assert_int_equal(mrq_right_from_name("VIEW", 0), 0);
	assert_int_equal(mrq_right_from_name("VIEW\0X", 6), 0);
}

static void
level_is_named_when_it_is_exactly_one(void **state)
{
	(void)state;
	assert_string_equal(mrq_rights_level(MRQ_LEVEL_VIEWER), "viewer");
	assert_string_equal(mrq_rights_level(MRQ_LEVEL_REVIEWER), "reviewer");
	assert_string_equal(mrq_rights_level(MRQ_LEVEL_COAUTHOR), "coauthor");
	assert_string_equal(mrq_rights_level(MRQ_LEVEL_COOWNER), "coowner");
	assert_null(mrq_rights_level(MRQ_LEVEL_VIEWER | MRQ_RIGHT_AUDITEDEXTRACT));
	assert_null(mrq_rights_level(0));
}

static void
switch_parses_its_own_names(void **state)
{
	struct mrq_error err = { 0 };

	(void)state;
	for (int i = MRQ_PROGRAMS_TRUSTED; i <= MRQ_PROGRAMS_ANY; i++) {
		enum mrq_programs_switch expected = (enum mrq_programs_switch)i;
		enum mrq_programs_switch programs;
		assert_int_equal(
			mrq_programs_switch_parse(mrq_programs_switch_name(expected),
						  &programs, NULL),
			MRQ_OK);
		assert_int_equal(programs, expected);
	}
	enum mrq_programs_switch untouched = MRQ_PROGRAMS_TRUSTED;
	assert_int_equal(mrq_programs_switch_parse("never", &untouched, &err),
			 MRQ_E_INVAL);
	assert_non_null(strstr(err.msg, "'never'"));
	assert_int_equal(untouched, MRQ_PROGRAMS_TRUSTED);
}

static void
names_of_unknown_values_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(mrq_request_name((enum mrq_request)99), "unknown");
	assert_string_equal(mrq_program_name((enum mrq_program)99), "unknown");
	assert_string_equal(mrq_programs_switch_name((enum mrq_programs_switch)99),
			    "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_takes_names_of_any_case),
		cmocka_unit_test(parse_tells_docedit_from_edit),
		cmocka_unit_test(parse_takes_one_level),
		cmocka_unit_test(parse_refuses_what_it_does_not_know),
		cmocka_unit_test(parse_bounds_its_sentence),
		cmocka_unit_test(format_lists_in_the_order_of_the_bits),
		cmocka_unit_test(format_leaves_out_bits_without_a_name),
		cmocka_unit_test(every_set_survives_its_text_form),
		cmocka_unit_test(right_from_name_wants_the_whole_name),
		cmocka_unit_test(level_is_named_when_it_is_exactly_one),
		cmocka_unit_test(switch_parses_its_own_names),
		cmocka_unit_test(names_of_unknown_values_are_unknown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
