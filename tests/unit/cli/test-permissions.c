/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "permissions.h"

#include "base/clock.h"
#include "check.h"

#define NOW INT64_C(1772359200)

static void
a_grant_is_who_and_rights(void **state)
{
	static const struct {
		const char *text, *who;
		mrq_rights rights;
	} cases[] = {
		{ "ann@example.com=reviewer", "ann@example.com", MRQ_LEVEL_REVIEWER },
		{ "group:devs@example.com=COOWNER", "group:devs@example.com",
		  MRQ_LEVEL_COOWNER },
		{ "org=VIEW,print", "org", MRQ_RIGHT_VIEW | MRQ_RIGHT_PRINT },
		{ "a=b@example.com=VIEW", "a=b@example.com", MRQ_RIGHT_VIEW },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char who[MRQ_PRINCIPAL_MAX + 1] = "";
		struct mrq_error err = { 0 };
		mrq_rights rights = 0;
		check_ok(cli_permission_parse(cases[i].text, who, &rights, &err), &err);
		assert_string_equal(who, cases[i].who);
		assert_int_equal(rights, cases[i].rights);
	}
}

static void
half_a_grant_is_refused(void **state)
{
	static const char *const bad[] = { "",
					   "ann@example.com",
					   "=VIEW",
					   "ann@example.com=",
					   "ann@example.com=NOSUCH",
					   "ann@example.com=VIEW;EDIT" };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char who[MRQ_PRINCIPAL_MAX + 1] = "";
		struct mrq_error err = { 0 };
		mrq_rights rights = 0;
		check_status(cli_permission_parse(bad[i], who, &rights, &err),
			     MRQ_E_INVAL, &err);
		assert_int_equal(rights, 0);
	}
}

static void
a_name_beyond_the_limit_is_refused(void **state)
{
	char text[MRQ_PRINCIPAL_MAX + 16], who[MRQ_PRINCIPAL_MAX + 1] = "";
	struct mrq_error err = { 0 };
	mrq_rights rights = 0;

	(void)state;
	memset(text, 'a', sizeof(text));
	(void)snprintf(text + MRQ_PRINCIPAL_MAX, 16, "=VIEW");
	check_ok(cli_permission_parse(text, who, &rights, &err), &err);
	(void)snprintf(text + MRQ_PRINCIPAL_MAX, 16, "a=VIEW");
	check_status(cli_permission_parse(text, who, &rights, &err), MRQ_E_LIMIT, &err);
}

static void
give(struct cli_given *given, enum cli_opt opt, const char *value)
{
	given->items[given->n].opt = opt;
	given->items[given->n].value = value;
	given->n++;
}

static void
options_make_permissions(void **state)
{
	static struct cli_permissions p;
	static struct cli_given given;
	struct mrq_error err = { 0 };

	(void)state;
	check_status(cli_permissions(&given, NOW, &p, &err), MRQ_E_INVAL, &err);
	give(&given, CLI_USER, "ann@example.com=viewer");
	give(&given, CLI_USER, "org=VIEW");
	check_ok(cli_permissions(&given, NOW, &p, &err), &err);
	assert_int_equal(p.all.n, 2);
	assert_string_equal(p.all.items[1].who, "org");
	assert_int_equal(p.all.expires, 0);
	assert_null(p.all.owner);
	give(&given, CLI_OWNER, "bob@example.com");
	give(&given, CLI_EXPIRES, "+1d");
	check_ok(cli_permissions(&given, NOW, &p, &err), &err);
	assert_int_equal(p.all.expires, NOW + 86400);
	assert_string_equal(p.all.owner, "bob@example.com");
	give(&given, CLI_EXPIRES, "never");
	check_ok(cli_permissions(&given, NOW, &p, &err), &err);
	assert_int_equal(p.all.expires, 0);
	give(&given, CLI_EXPIRES, "2020-01-01");
	check_status(cli_permissions(&given, NOW, &p, &err), MRQ_E_INVAL, &err);
}

static void
too_many_grants_are_refused(void **state)
{
	static struct cli_permissions p;
	static struct cli_given given;
	struct mrq_error err = { 0 };

	(void)state;
	for (int i = 0; i < CLI_PERMISSIONS_MAX; i++)
		give(&given, CLI_USER, "org=VIEW");
	check_ok(cli_permissions(&given, NOW, &p, &err), &err);
	give(&given, CLI_USER, "org=VIEW");
	check_status(cli_permissions(&given, NOW, &p, &err), MRQ_E_LIMIT, &err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grant_is_who_and_rights),
		cmocka_unit_test(half_a_grant_is_refused),
		cmocka_unit_test(a_name_beyond_the_limit_is_refused),
		cmocka_unit_test(options_make_permissions),
		cmocka_unit_test(too_many_grants_are_refused),
	};

	return CHECK_MAIN(tests);
}
