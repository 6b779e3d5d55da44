/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the decision tells besides its result: the rights used, the rights missing, the
 * sentence.  The results themselves: test-decision-table.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decision.h"

#define OBJECT "'q3.docx' of ann@example.com"

static struct mrq_decision_input
ask(enum mrq_request request, mrq_rights rights)
{
	return (struct mrq_decision_input){
		.request = request,
		.program = MRQ_PROGRAM_ORDINARY,
		.programs = MRQ_PROGRAMS_AUDITED,
		.state = MRQ_STATE_VALID,
		.rights = rights,
	};
}

static mrq_rights
used(enum mrq_request request, mrq_rights rights)
{
	struct mrq_decision_input in = ask(request, rights);
	struct mrq_decision d = mrq_policy_decide(&in);

	assert_true(d.granted);
	assert_int_equal(d.missing, 0);
	return d.used;
}

static mrq_rights
missing(enum mrq_request request, mrq_rights rights)
{
	struct mrq_decision_input in = ask(request, rights);
	struct mrq_decision d = mrq_policy_decide(&in);

	assert_int_equal(d.status, MRQ_E_DENIED);
	assert_int_equal(d.used, 0);
	return d.missing;
}

static void
deny_is_the_default(void **state)
{
	struct mrq_decision d = MRQ_DENY;

	(void)state;
	assert_false(d.granted);
	assert_false(d.audit_first);
	assert_int_equal(d.ground, MRQ_GROUND_NONE);
	assert_int_equal(d.status, MRQ_E_DENIED);
}

static void
used_names_the_right_that_granted(void **state)
{
	const mrq_rights audited = MRQ_RIGHT_VIEW | MRQ_RIGHT_AUDITEDEXTRACT;

	(void)state;
	assert_int_equal(used(MRQ_REQUEST_READ, MRQ_RIGHTS_ALL), MRQ_RIGHT_EXTRACT);
	assert_int_equal(used(MRQ_REQUEST_READ, MRQ_RIGHT_OWNER | audited),
			 MRQ_RIGHT_OWNER);
	assert_int_equal(used(MRQ_REQUEST_READ, audited), audited);
	assert_int_equal(used(MRQ_REQUEST_WRITE, MRQ_RIGHTS_ALL),
			 MRQ_RIGHT_EDIT | MRQ_RIGHT_EXTRACT);
	assert_int_equal(used(MRQ_REQUEST_WRITE, audited | MRQ_RIGHT_EDIT),
			 audited | MRQ_RIGHT_EDIT);
	assert_int_equal(used(MRQ_REQUEST_WRITE, MRQ_RIGHT_OWNER), MRQ_RIGHT_OWNER);
	assert_int_equal(used(MRQ_REQUEST_REPLACE, MRQ_RIGHTS_ALL), MRQ_RIGHT_EDIT);
	assert_int_equal(used(MRQ_REQUEST_RELABEL, MRQ_RIGHTS_ALL), MRQ_RIGHT_EXPORT);
	assert_int_equal(
		used(MRQ_REQUEST_RELABEL, MRQ_RIGHT_EDITRIGHTSDATA | MRQ_RIGHT_OWNER),
		MRQ_RIGHT_EDITRIGHTSDATA);
	assert_int_equal(used(MRQ_REQUEST_LIST_RIGHTS, MRQ_RIGHTS_ALL),
			 MRQ_RIGHT_VIEWRIGHTSDATA);
}

static void
used_is_empty_when_no_right_granted(void **state)
{
	struct mrq_decision_input in = ask(MRQ_REQUEST_READ, MRQ_RIGHTS_ALL);

	(void)state;
	in.issuer = true;
	struct mrq_decision d = mrq_policy_decide(&in);
	assert_int_equal(d.ground, MRQ_GROUND_ISSUER);
	assert_int_equal(d.used, 0);
}

static void
missing_names_what_would_do(void **state)
{
	(void)state;
	assert_int_equal(missing(MRQ_REQUEST_READ, MRQ_RIGHT_VIEW), MRQ_RIGHT_EXTRACT);
	assert_int_equal(missing(MRQ_REQUEST_WRITE, MRQ_LEVEL_REVIEWER),
			 MRQ_RIGHT_EXTRACT);
	assert_int_equal(missing(MRQ_REQUEST_WRITE, MRQ_RIGHT_VIEW | MRQ_RIGHT_DOCEDIT),
			 MRQ_RIGHT_EDIT | MRQ_RIGHT_EXTRACT);
	assert_int_equal(missing(MRQ_REQUEST_WRITE, MRQ_RIGHT_EXTRACT), MRQ_RIGHT_EDIT);
	assert_int_equal(missing(MRQ_REQUEST_REPLACE, MRQ_RIGHT_DOCEDIT),
			 MRQ_RIGHT_EDIT);
	assert_int_equal(missing(MRQ_REQUEST_RELABEL, MRQ_LEVEL_COAUTHOR),
			 MRQ_RIGHT_EXPORT);
	assert_int_equal(missing(MRQ_REQUEST_LIST_RIGHTS, 0), MRQ_RIGHT_VIEWRIGHTSDATA);
}

static void
no_grant_ignores_the_rights_but_names_what_is_missing(void **state)
{
	struct mrq_decision_input in = ask(MRQ_REQUEST_READ, MRQ_RIGHTS_ALL);

	(void)state;
	in.state = MRQ_STATE_NO_GRANT;
	struct mrq_decision d = mrq_policy_decide(&in);
	assert_int_equal(d.status, MRQ_E_DENIED);
	assert_int_equal(d.missing, MRQ_RIGHT_EXTRACT);
}

static void
bits_without_a_name_grant_nothing(void **state)
{
	(void)state;
	for (int request = MRQ_REQUEST_READ; request <= MRQ_REQUEST_LIST_RIGHTS;
	     request++)
		assert_int_not_equal(
			missing((enum mrq_request)request, ~MRQ_RIGHTS_ALL), 0);
}

static void
values_outside_the_enums_are_denied(void **state)
{
	struct mrq_decision_input in = ask((enum mrq_request)99, MRQ_RIGHTS_ALL);

	(void)state;
	assert_int_equal(mrq_policy_decide(&in).status, MRQ_E_DENIED);
	in = ask(MRQ_REQUEST_READ, MRQ_RIGHTS_ALL);
	in.state = (enum mrq_licence_state)99;
	assert_int_equal(mrq_policy_decide(&in).status, MRQ_E_DENIED);
	in = ask(MRQ_REQUEST_READ, MRQ_RIGHT_VIEW | MRQ_RIGHT_AUDITEDEXTRACT);
	in.programs = (enum mrq_programs_switch)99;
	assert_int_equal(mrq_policy_decide(&in).status, MRQ_E_DENIED);
	in = ask(MRQ_REQUEST_READ, MRQ_RIGHT_VIEW);
	in.program = (enum mrq_program)99;
	assert_int_equal(mrq_policy_decide(&in).status, MRQ_E_DENIED);
}

static void
assert_explains(const struct mrq_decision_input *in, const char *sentence)
{
	char text[512];
	struct mrq_decision d = mrq_policy_decide(in);

	mrq_decision_explain(in, &d, OBJECT, text, sizeof(text));
	assert_string_equal(text, sentence);
}

static void
explain_says_what_is_missing_and_what_to_do(void **state)
{
	struct mrq_decision_input in = ask(MRQ_REQUEST_READ, MRQ_RIGHT_VIEW);

	(void)state;
	assert_explains(&in,
			"cannot read " OBJECT ": you hold VIEW, missing: EXTRACT for a "
			"program that could copy it; use a trusted program such as "
			"'marque view', or ask the owner");
	in = ask(MRQ_REQUEST_READ, 0);
	assert_explains(&in,
			"cannot read " OBJECT ": you hold none, missing: EXTRACT for a "
			"program that could copy it; ask the owner");
	in = ask(MRQ_REQUEST_WRITE, MRQ_RIGHT_VIEW);
	assert_explains(&in,
			"cannot write " OBJECT ": you hold VIEW, missing: EDIT,EXTRACT "
			"for a program that could copy it; ask the owner");
	in = ask(MRQ_REQUEST_REPLACE, MRQ_RIGHT_VIEW);
	assert_explains(&in,
			"cannot replace " OBJECT ": you hold VIEW, missing: EDIT; ask "
			"the owner");
	in = ask(MRQ_REQUEST_RELABEL, MRQ_RIGHT_VIEW);
	assert_explains(&in, "cannot relabel or unprotect " OBJECT ": you hold VIEW, "
			     "missing: EXPORT; ask the owner");
}

static void
explain_says_what_state_forbids(void **state)
{
	static const char *const words[] = {
		[MRQ_STATE_EXPIRED] = "validity is over",
		[MRQ_STATE_OFFLINE_OVER] = "offline period is over",
		[MRQ_STATE_REVOKED] = "was revoked",
		[MRQ_STATE_UNREACHABLE] = "out of reach and no licence is cached",
		[MRQ_STATE_CLOCK_BACK] = "clock of this machine went back",
		[MRQ_STATE_NO_GRANT] = "you have no right",
	};
	struct mrq_decision_input in = ask(MRQ_REQUEST_READ, MRQ_RIGHTS_ALL);
	char text[512];

	(void)state;
	for (int s = MRQ_STATE_EXPIRED; s <= MRQ_STATE_NO_GRANT; s++) {
		in.state = (enum mrq_licence_state)s;
		struct mrq_decision d = mrq_policy_decide(&in);
		mrq_decision_explain(&in, &d, OBJECT, text, sizeof(text));
		assert_non_null(strstr(text, words[s]));
		assert_non_null(strstr(text, "cannot read " OBJECT ": "));
		assert_int_not_equal(text[strlen(text) - 1], '.');
	}
}

static void
explain_tells_the_ground_of_a_grant(void **state)
{
	struct mrq_decision_input in = ask(MRQ_REQUEST_READ, MRQ_RIGHT_EXTRACT);

	(void)state;
	assert_explains(&in, "may read " OBJECT ": right");
}

static void
explain_blunts_control_characters(void **state)
{
	struct mrq_decision_input in = ask(MRQ_REQUEST_REPLACE, 0);
	struct mrq_decision d = mrq_policy_decide(&in);
	char text[512];

	(void)state;
	mrq_decision_explain(&in, &d, "'a\033[2J\nb'", text, sizeof(text));
	assert_non_null(strstr(text, "'a?[2J?b'"));
}

static void
explain_cuts_to_the_space_it_has(void **state)
{
	struct mrq_decision_input in = ask(MRQ_REQUEST_READ, 0);
	struct mrq_decision d = mrq_policy_decide(&in);
	char text[8] = "xxxxxxx";

	(void)state;
	mrq_decision_explain(&in, &d, OBJECT, text, 0);
	assert_string_equal(text, "xxxxxxx");
	mrq_decision_explain(&in, &d, OBJECT, text, 1);
	assert_string_equal(text, "");
	mrq_decision_explain(&in, &d, OBJECT, text, sizeof(text));
	assert_string_equal(text, "cannot ");
}

static void
names_of_unknown_values_are_unknown(void **state)
{
	(void)state;
	assert_string_equal(mrq_ground_name(MRQ_GROUND_NONE), "none");
	assert_string_equal(mrq_ground_name((enum mrq_ground)99), "unknown");
	assert_string_equal(mrq_licence_state_name((enum mrq_licence_state)99),
			    "unknown");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deny_is_the_default),
		cmocka_unit_test(used_names_the_right_that_granted),
		cmocka_unit_test(used_is_empty_when_no_right_granted),
		cmocka_unit_test(missing_names_what_would_do),
		cmocka_unit_test(no_grant_ignores_the_rights_but_names_what_is_missing),
		cmocka_unit_test(bits_without_a_name_grant_nothing),
		cmocka_unit_test(values_outside_the_enums_are_denied),
		cmocka_unit_test(explain_says_what_is_missing_and_what_to_do),
		cmocka_unit_test(explain_says_what_state_forbids),
		cmocka_unit_test(explain_tells_the_ground_of_a_grant),
		cmocka_unit_test(explain_blunts_control_characters),
		cmocka_unit_test(explain_cuts_to_the_space_it_has),
		cmocka_unit_test(names_of_unknown_values_are_unknown),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
