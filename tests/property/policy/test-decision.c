/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Laws of the decision over all its inputs: 2^15 sets of rights, each request, program, switch,
 * state and flag.  Exhaustive, so there is no seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "policy/decision.h"

#define SETS         (MRQ_RIGHTS_ALL + 1u)
#define RIGHTS_COUNT 15u
#define FLAGS        8u /* owner 1, issuer 2, super user 4 */
#define REQUESTS     (MRQ_REQUEST_LIST_RIGHTS + 1)
#define PROGRAMS     (MRQ_PROGRAM_TRUSTED + 1)
#define SWITCHES     (MRQ_PROGRAMS_ANY + 1)
#define STATES       (MRQ_STATE_NO_GRANT + 1)

/* Carried and reported, never decisive. */
#define RIGHTS_MUTE                                                                    \
	(MRQ_RIGHT_PRINT | MRQ_RIGHT_OBJMODEL | MRQ_RIGHT_COMMENT |                    \
	 MRQ_RIGHT_FORWARD | MRQ_RIGHT_REPLY | MRQ_RIGHT_REPLYALL | MRQ_RIGHT_DOCEDIT)

typedef void (*visitor)(struct mrq_decision_input *in);

/* All but the rights and the flags. */
static void
for_each_question(visitor visit)
{
	struct mrq_decision_input in = { 0 };

	for (int request = 0; request < REQUESTS; request++) {
		in.request = (enum mrq_request)request;
		for (int program = 0; program < PROGRAMS; program++) {
			in.program = (enum mrq_program)program;
			for (int programs = 0; programs < SWITCHES; programs++) {
				in.programs = (enum mrq_programs_switch)programs;
				for (int state = 0; state < STATES; state++) {
					in.state = (enum mrq_licence_state)state;
					visit(&in);
				}
			}
		}
	}
}

static void
set_flags(struct mrq_decision_input *in, unsigned int flags)
{
	in->owner = flags & 1;
	in->issuer = flags >> 1 & 1;
	in->super_user = flags >> 2 & 1;
}

/* cmocka's checks are calls; in loops of millions only a failure may cost one. */
#define HOLDS(claim)                                                                   \
	do {                                                                           \
		if (!(claim))                                                          \
			broken(#claim, in, __LINE__);                                  \
	} while (0)

static void
broken(const char *claim, const struct mrq_decision_input *in, int line)
{
	char rights[MRQ_RIGHTS_TEXT];

	mrq_rights_format(in->rights, rights);
	fail_msg("line %d: %s, for %s %s %s %s, rights %s, owner %d issuer %d super %d",
		 line, claim, mrq_request_name(in->request),
		 mrq_program_name(in->program), mrq_programs_switch_name(in->programs),
		 mrq_licence_state_name(in->state), rights, in->owner, in->issuer,
		 in->super_user);
}

/* 0 refused, 1 granted when the record is on disk, 2 granted. */
static unsigned char
strength(const struct mrq_decision_input *in)
{
	struct mrq_decision d = mrq_policy_decide(in);

	return d.granted ? 2 - d.audit_first : 0;
}

static void
visit_consistency(struct mrq_decision_input *in)
{
	for (unsigned int flags = 0; flags < FLAGS; flags++) {
		set_flags(in, flags);
		for (in->rights = 0; in->rights < SETS; in->rights++) {
			struct mrq_decision d = mrq_policy_decide(in);
			HOLDS(d.granted == (d.status == MRQ_OK));
			HOLDS(d.granted == (d.ground != MRQ_GROUND_NONE));
			HOLDS(d.granted || !d.audit_first);
			HOLDS(d.granted || d.used == 0);
			HOLDS(!d.granted || d.missing == 0);
			HOLDS((d.used & ~in->rights) == 0);
			HOLDS((d.missing & in->rights) == 0 ||
			      in->state == MRQ_STATE_NO_GRANT);
			HOLDS(d.audit_first ==
			      (d.ground == MRQ_GROUND_AUDITED_EXTRACT));
		}
	}
}

static void
a_grant_has_status_ok_and_a_ground_and_nothing_else_has(void **state)
{
	(void)state;
	for_each_question(visit_consistency);
}

static void
visit_states(struct mrq_decision_input *in)
{
	if (in->state == MRQ_STATE_VALID)
		return;
	for (unsigned int flags = 0; flags < FLAGS; flags++) {
		set_flags(in, flags);
		for (in->rights = 0; in->rights < SETS; in->rights++)
			HOLDS(mrq_policy_decide(in).granted == (flags != 0));
	}
}

static void
no_state_but_valid_grants_to_others(void **state)
{
	(void)state;
	for_each_question(visit_states);
}

static void
visit_flags(struct mrq_decision_input *in)
{
	for (unsigned int flags = 1; flags < FLAGS; flags++) {
		set_flags(in, flags);
		enum mrq_ground ground = in->owner    ? MRQ_GROUND_OWNER
					 : in->issuer ? MRQ_GROUND_ISSUER
						      : MRQ_GROUND_SUPER_USER;
		for (in->rights = 0; in->rights < SETS; in->rights++)
			HOLDS(mrq_policy_decide(in).ground == ground);
	}
}

static void
owner_issuer_and_super_user_are_granted_everything_as_such(void **state)
{
	(void)state;
	for_each_question(visit_flags);
}

static void
visit_monotony(struct mrq_decision_input *in)
{
	static unsigned char strengths[SETS];

	for (unsigned int flags = 0; flags < FLAGS; flags++) {
		set_flags(in, flags);
		for (in->rights = 0; in->rights < SETS; in->rights++)
			strengths[in->rights] = strength(in);
		for (in->rights = 0; in->rights < SETS; in->rights++) {
			for (unsigned int i = 0; i < RIGHTS_COUNT; i++)
				HOLDS(strengths[in->rights & ~(1u << i)] <=
				      strengths[in->rights]);
		}
	}
}

static void
fewer_rights_never_allow_more(void **state)
{
	(void)state;
	for_each_question(visit_monotony);
}

static void
visit_switch(struct mrq_decision_input *in)
{
	if (in->programs == MRQ_PROGRAMS_TRUSTED)
		return;
	set_flags(in, 0);
	for (in->rights = 0; in->rights < SETS; in->rights++) {
		struct mrq_decision_input stricter = *in;
		stricter.programs = (enum mrq_programs_switch)(in->programs - 1);
		HOLDS(strength(&stricter) <= strength(in));
	}
}

static void
a_stricter_switch_never_allows_more(void **state)
{
	(void)state;
	for_each_question(visit_switch);
}

static void
visit_used(struct mrq_decision_input *in)
{
	set_flags(in, 0);
	for (in->rights = 0; in->rights < SETS; in->rights++) {
		struct mrq_decision d = mrq_policy_decide(in);
		if (!d.granted)
			continue;
		struct mrq_decision_input only = *in;
		only.rights = d.used;
		struct mrq_decision again = mrq_policy_decide(&only);
		HOLDS(again.granted && again.ground == d.ground &&
		      again.used == d.used);
		/* and none of them is there for nothing */
		for (unsigned int i = 0; i < RIGHTS_COUNT; i++) {
			only.rights = d.used & ~(1u << i);
			HOLDS(only.rights == d.used || strength(&only) == 0);
		}
	}
}

static void
the_rights_used_suffice_and_are_needed(void **state)
{
	(void)state;
	for_each_question(visit_used);
}

static void
visit_missing(struct mrq_decision_input *in)
{
	set_flags(in, 0);
	if (in->state != MRQ_STATE_VALID)
		return;
	for (in->rights = 0; in->rights < SETS; in->rights++) {
		struct mrq_decision d = mrq_policy_decide(in);
		struct mrq_decision_input more = *in;
		more.rights |= d.missing;
		HOLDS(mrq_policy_decide(&more).granted);
		HOLDS(d.granted || d.missing != 0);
	}
}

static void
the_rights_missing_would_do(void **state)
{
	(void)state;
	for_each_question(visit_missing);
}

static void
visit_mute(struct mrq_decision_input *in)
{
	set_flags(in, 0);
	for (in->rights = 0; in->rights < SETS; in->rights++) {
		struct mrq_decision_input without = *in;
		without.rights &= ~RIGHTS_MUTE;
		HOLDS(strength(&without) == strength(in));
		without.rights = in->rights | ~MRQ_RIGHTS_ALL;
		HOLDS(strength(&without) == strength(in));
	}
}

static void
docedit_mail_rights_and_nameless_bits_change_nothing(void **state)
{
	(void)state;
	for_each_question(visit_mute);
}

static void
visit_write(struct mrq_decision_input *in)
{
	if (in->request != MRQ_REQUEST_WRITE)
		return;
	set_flags(in, 0);
	for (in->rights = 0; in->rights < SETS; in->rights++) {
		struct mrq_decision_input read = *in;
		struct mrq_decision_input replace = *in;
		read.request = MRQ_REQUEST_READ;
		replace.request = MRQ_REQUEST_REPLACE;
		unsigned char expected = strength(&replace) ? strength(&read) : 0;
		HOLDS(strength(in) == expected);
	}
}

static void
who_may_write_may_read_and_replace_with_the_same_care(void **state)
{
	(void)state;
	for_each_question(visit_write);
}

static void
visit_owner_right(struct mrq_decision_input *in)
{
	set_flags(in, 0);
	if (in->state != MRQ_STATE_VALID)
		return;
	for (in->rights = 0; in->rights < SETS; in->rights++) {
		if (in->rights & MRQ_RIGHT_OWNER)
			HOLDS(strength(in) == 2);
	}
}

static void
the_owner_right_grants_every_request(void **state)
{
	(void)state;
	for_each_question(visit_owner_right);
}

static void
visit_sentence(struct mrq_decision_input *in)
{
	static const mrq_rights some[] = { 0,
					   MRQ_RIGHT_VIEW,
					   MRQ_LEVEL_VIEWER,
					   MRQ_LEVEL_REVIEWER,
					   MRQ_RIGHT_DOCEDIT,
					   MRQ_RIGHTS_ALL };

	set_flags(in, 0);
	for (size_t i = 0; i < sizeof(some) / sizeof(some[0]); i++) {
		char text[512];
		in->rights = some[i];
		struct mrq_decision d = mrq_policy_decide(in);
		mrq_decision_explain(in, &d, "'/srv/q3.docx'", text, sizeof(text));
		size_t len = strlen(text);
		HOLDS(len > 20 && len < sizeof(text) - 1);
		HOLDS(strstr(text, "'/srv/q3.docx'"));
		HOLDS(text[len - 1] != '.' && (text[0] == 'c' || text[0] == 'm'));
		HOLDS(d.granted == (strncmp(text, "may ", 4) == 0));
	}
}

static void
every_decision_has_a_sentence(void **state)
{
	(void)state;
	for_each_question(visit_sentence);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_grant_has_status_ok_and_a_ground_and_nothing_else_has),
		cmocka_unit_test(no_state_but_valid_grants_to_others),
		cmocka_unit_test(
			owner_issuer_and_super_user_are_granted_everything_as_such),
		cmocka_unit_test(fewer_rights_never_allow_more),
		cmocka_unit_test(a_stricter_switch_never_allows_more),
		cmocka_unit_test(the_rights_used_suffice_and_are_needed),
		cmocka_unit_test(the_rights_missing_would_do),
		cmocka_unit_test(docedit_mail_rights_and_nameless_bits_change_nothing),
		cmocka_unit_test(who_may_write_may_read_and_replace_with_the_same_care),
		cmocka_unit_test(the_owner_right_grants_every_request),
		cmocka_unit_test(every_decision_has_a_sentence),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
