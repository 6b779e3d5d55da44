/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/label.h"
#include "policy/licence.h"

static void
assert_parses(const char *text, enum mrq_principal_kind kind, const char *name,
	      const char *formatted)
{
	struct mrq_principal p;
	char again[MRQ_PRINCIPAL_MAX + 1];

	assert_int_equal(mrq_principal_parse(text, &p, NULL), MRQ_OK);
	assert_int_equal(p.kind, kind);
	assert_string_equal(p.name, name);
	mrq_principal_format(&p, again);
	assert_string_equal(again, formatted);
}

static void
assert_refused(const char *text)
{
	struct mrq_error err = { 0 };
	struct mrq_principal p = { .kind = MRQ_PRINCIPAL_ORG, .name = "untouched" };

	assert_int_equal(mrq_principal_parse(text, &p, &err), MRQ_E_INVAL);
	assert_int_equal(err.status, MRQ_E_INVAL);
	assert_string_equal(p.name, "untouched");
}

static void
parse_knows_five_kinds(void **state)
{
	(void)state;
	assert_parses("user:ann@example.com", MRQ_PRINCIPAL_USER, "ann@example.com",
		      "user:ann@example.com");
	assert_parses("group:staff@example.com", MRQ_PRINCIPAL_GROUP,
		      "staff@example.com", "group:staff@example.com");
	assert_parses("domain:example.com", MRQ_PRINCIPAL_DOMAIN, "example.com",
		      "domain:example.com");
	assert_parses("org", MRQ_PRINCIPAL_ORG, "", "org");
	assert_parses("authenticated", MRQ_PRINCIPAL_AUTHENTICATED, "",
		      "authenticated");
}

static void
parse_takes_a_bare_mail_as_user_and_lowers_case(void **state)
{
	(void)state;
	assert_parses("Ann.B@Example.COM", MRQ_PRINCIPAL_USER, "ann.b@example.com",
		      "user:ann.b@example.com");
	assert_parses("domain:EXAMPLE.com", MRQ_PRINCIPAL_DOMAIN, "example.com",
		      "domain:example.com");
}

static void
parse_refuses_what_names_nobody(void **state)
{
	(void)state;
	assert_refused("");
	assert_refused("ann");
	assert_refused("user:");
	assert_refused("user:ann");
	assert_refused("user:@example.com");
	assert_refused("user:ann@");
	assert_refused("user:ann@a@b");
	assert_refused("user:ann b@example.com");
	assert_refused("user:\xc3\xa4nn@example.com");
	assert_refused("user:ann@example.com\n");
	assert_refused("group:staff");
	assert_refused("domain:");
	assert_refused("domain:ann@example.com");
	assert_refused("domain:exa mple.com");
	assert_refused("org:");
	assert_refused("ORG");
	assert_refused("usr:ann@example.com");
	assert_refused("authenticated@");
}

static void
parse_bounds_the_length(void **state)
{
	char text[5 + MRQ_MAIL_MAX + 2] = "user:";
	struct mrq_principal p;
	char again[MRQ_PRINCIPAL_MAX + 1];

	(void)state;
	memset(text + 5, 'a', MRQ_MAIL_MAX);
	text[6] = '@';
	assert_int_equal(mrq_principal_parse(text, &p, NULL), MRQ_OK);
	mrq_principal_format(&p, again);
	assert_string_equal(again, text);
	text[5 + MRQ_MAIL_MAX] = 'a';
	assert_refused(text);
}

static void
longest_domain_fits_its_text_form(void **state)
{
	char text[7 + MRQ_MAIL_MAX + 2] = "domain:";
	struct mrq_principal p;
	char again[MRQ_PRINCIPAL_MAX + 1];

	(void)state;
	memset(text + 7, 'a', MRQ_MAIL_MAX);
	assert_int_equal(mrq_principal_parse(text, &p, NULL), MRQ_OK);
	mrq_principal_format(&p, again);
	assert_string_equal(again, text);
	text[7 + MRQ_MAIL_MAX] = 'a';
	assert_refused(text);
}

static void
mails_compare_without_ascii_case(void **state)
{
	(void)state;
	assert_true(mrq_mail_equal("Ann@Example.com", "ann@eXAMPLE.COM"));
	assert_true(mrq_mail_equal("", ""));
	assert_false(mrq_mail_equal("ann@example.com", "ann@example.co"));
	assert_false(mrq_mail_equal("ann@example.co", "ann@example.com"));
	assert_false(mrq_mail_equal("a@b", "a`b"));
	assert_false(mrq_mail_equal("[@b", "{@b"));
}

static bool
reaches(const char *principal, const struct mrq_identity *who)
{
	struct mrq_principal p;

	assert_int_equal(mrq_principal_parse(principal, &p, NULL), MRQ_OK);
	return mrq_principal_matches(&p, who);
}

static char ann_aliases[][MRQ_MAIL_MAX + 1] = { "Ann.Baker@sub.example.net" };
static char ann_groups[][MRQ_MAIL_MAX + 1] = { "Staff@example.com", "all@example.com" };
static const struct mrq_identity ann = {
	.mail = "Ann@Example.com",
	.aliases = ann_aliases,
	.n_aliases = 1,
	.groups = ann_groups,
	.n_groups = 2,
	.member = true,
};
static const struct mrq_identity guest = { .mail = "gus@partner.org" };
static const struct mrq_identity nobody = { .mail = "", .member = true };

static void
user_reaches_mail_and_alias(void **state)
{
	(void)state;
	assert_true(reaches("ann@example.com", &ann));
	assert_true(reaches("ann.baker@sub.example.net", &ann));
	assert_false(reaches("bob@example.com", &ann));
	assert_false(reaches("staff@example.com", &ann));
}

static void
group_reaches_members_only(void **state)
{
	(void)state;
	assert_true(reaches("group:staff@example.com", &ann));
	assert_true(reaches("group:all@example.com", &ann));
	assert_false(reaches("group:board@example.com", &ann));
	assert_false(reaches("group:ann@example.com", &ann));
	assert_false(reaches("group:staff@example.com", &guest));
}

static void
domain_reaches_mail_and_alias_but_no_subdomain(void **state)
{
	(void)state;
	assert_true(reaches("domain:example.com", &ann));
	assert_true(reaches("domain:sub.example.net", &ann));
	assert_false(reaches("domain:example.net", &ann));
	assert_false(reaches("domain:ple.com", &ann));
	assert_false(reaches("domain:com", &ann));
}

static void
org_reaches_members_and_no_guest(void **state)
{
	(void)state;
	assert_true(reaches("org", &ann));
	assert_false(reaches("org", &guest));
}

static void
authenticated_reaches_everybody_with_a_mail(void **state)
{
	(void)state;
	assert_true(reaches("authenticated", &ann));
	assert_true(reaches("authenticated", &guest));
}

static void
identity_without_mail_is_nobody(void **state)
{
	(void)state;
	assert_false(reaches("authenticated", &nobody));
	assert_false(reaches("org", &nobody));
}

static void
empty_name_matches_nobody(void **state)
{
	char empty[][MRQ_MAIL_MAX + 1] = { "" };
	struct mrq_identity who = { .mail = "ann@example.com",
				    .aliases = empty,
				    .n_aliases = 1,
				    .groups = empty,
				    .n_groups = 1 };
	struct mrq_principal p = { .kind = MRQ_PRINCIPAL_USER };

	(void)state;
	assert_false(mrq_principal_matches(&p, &who));
	p.kind = MRQ_PRINCIPAL_GROUP;
	assert_false(mrq_principal_matches(&p, &who));
	p.kind = MRQ_PRINCIPAL_DOMAIN;
	assert_false(mrq_principal_matches(&p, &who));
	p.kind = (enum mrq_principal_kind)99;
	assert_false(mrq_principal_matches(&p, &who));
}

static void
grants_add_up_over_user_groups_and_org(void **state)
{
	struct mrq_grant grants[4] = {
		{ .rights = MRQ_RIGHT_VIEW },
		{ .rights = MRQ_RIGHT_EDIT },
		{ .rights = MRQ_RIGHT_PRINT },
		{ .rights = MRQ_RIGHT_OWNER },
	};

	(void)state;
	assert_int_equal(mrq_principal_parse("org", &grants[0].who, NULL), MRQ_OK);
	assert_int_equal(
		mrq_principal_parse("group:staff@example.com", &grants[1].who, NULL),
		MRQ_OK);
	assert_int_equal(mrq_principal_parse("ann@example.com", &grants[2].who, NULL),
			 MRQ_OK);
	assert_int_equal(mrq_principal_parse("bob@example.com", &grants[3].who, NULL),
			 MRQ_OK);
	assert_int_equal(mrq_grants_rights(grants, 4, &ann),
			 MRQ_RIGHT_VIEW | MRQ_RIGHT_EDIT | MRQ_RIGHT_PRINT);
	assert_int_equal(mrq_grants_rights(grants, 4, &guest), 0);
	assert_int_equal(mrq_grants_rights(NULL, 0, &ann), 0);
}

static void
grants_never_yield_bits_without_a_name(void **state)
{
	struct mrq_grant grant = { .who = { .kind = MRQ_PRINCIPAL_AUTHENTICATED },
				   .rights = UINT32_MAX };

	(void)state;
	assert_int_equal(mrq_grants_rights(&grant, 1, &ann), MRQ_RIGHTS_ALL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_knows_five_kinds),
		cmocka_unit_test(parse_takes_a_bare_mail_as_user_and_lowers_case),
		cmocka_unit_test(parse_refuses_what_names_nobody),
		cmocka_unit_test(parse_bounds_the_length),
		cmocka_unit_test(longest_domain_fits_its_text_form),
		cmocka_unit_test(mails_compare_without_ascii_case),
		cmocka_unit_test(user_reaches_mail_and_alias),
		cmocka_unit_test(group_reaches_members_only),
		cmocka_unit_test(domain_reaches_mail_and_alias_but_no_subdomain),
		cmocka_unit_test(org_reaches_members_and_no_guest),
		cmocka_unit_test(authenticated_reaches_everybody_with_a_mail),
		cmocka_unit_test(identity_without_mail_is_nobody),
		cmocka_unit_test(empty_name_matches_nobody),
		cmocka_unit_test(grants_add_up_over_user_groups_and_org),
		cmocka_unit_test(grants_never_yield_bits_without_a_name),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
