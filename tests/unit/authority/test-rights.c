/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who gets which rights: grants to every kind of principal, templates, owner, issuer. */
#include "fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void
people(struct world *w)
{
	admin_do(w, "user add",
		 "{\"mail\":\"ann@example.com\",\"aliases\":[\"Ann.Lee@other.org\"]}");
	admin_do(w, "user add", "{\"mail\":\"guest@partner.net\",\"name\":\"Guest\"}");
	admin_do(w, "user add", "{\"mail\":\"temp@example.com\",\"member\":false}");
	admin_do(w, "group add",
		 "{\"mail\":\"devs@example.com\",\"members\":[\"ann@example.com\"]}");
	admin_do(w, "group add",
		 "{\"mail\":\"staff@example.com\",\"members\":[\"devs@example.com\"]}");
	admin_do(w, "group add",
		 "{\"mail\":\"all@example.com\","
		 "\"members\":[\"group:staff@example.com\",\"bob@example.com\"]}");
}

struct reach {
	const char *to, *asks;
	bool reached;
};

static const struct reach reaches[] = {
	{ "user:ann@example.com", "ann@example.com", true },
	{ "user:ANN@example.COM", "Ann@Example.com", true },
	{ "user:ann@example.com", "bob@example.com", false },
	{ "user:ann@example.com", "ann.lee@other.org", true }, /* asks by alias */
	{ "user:ann.lee@other.org", "ann@example.com", true }, /* granted to alias */
	{ "group:devs@example.com", "ann@example.com", true },
	{ "group:devs@example.com", "ann.lee@other.org", true },
	{ "group:devs@example.com", "bob@example.com", false },
	{ "group:staff@example.com", "ann@example.com", true }, /* nested once */
	{ "group:all@example.com", "ann@example.com", true },   /* nested twice */
	{ "group:all@example.com", "bob@example.com", true },
	{ "group:none@example.com", "ann@example.com", false },
	{ "group:devs@example.com", "devs@example.com", false }, /* no user */
	{ "domain:example.com", "carol@example.com", true },
	{ "domain:other.org", "ann@example.com", true }, /* by alias */
	{ "domain:example.com", "x@sub.example.com", false },
	{ "domain:example.com", "guest@partner.net", false },
	{ "org", "carol@example.com", true }, /* not registered, but of the domain */
	{ "org", "ann@example.com", true },
	{ "org", "guest@partner.net", false },
	{ "org", "temp@example.com", false }, /* said to be no member */
	{ "org", "stranger@evil.net", false },
	{ "authenticated", "stranger@evil.net", true },
};

static void
test_principals(void **state)
{
	struct world *w = *state;

	people(w);
	for (size_t i = 0; i < COUNT(reaches); i++) {
		struct mrq_mint what = ad_hoc();
		struct mrq_grant g = grant(reaches[i].to, MRQ_RIGHT_VIEW);
		what.grants = &g;
		what.n_grants = 1;
		char *pl = mint(w, &what);
		mrq_rights rights = rights_of(w, pl, reaches[i].asks);
		if ((rights == MRQ_RIGHT_VIEW) != reaches[i].reached || rights & ~1u)
			fail_msg("grant to '%s', '%s' asks: rights %x", reaches[i].to,
				 reaches[i].asks, rights);
		free(pl);
	}
}

static void
test_union(void **state)
{
	struct world *w = *state;
	struct mrq_grant grants[] = {
		grant("ann@example.com", MRQ_RIGHT_VIEW),
		grant("group:devs@example.com", MRQ_RIGHT_EDIT),
		grant("org", MRQ_RIGHT_PRINT),
		grant("user:bob@example.com", MRQ_RIGHT_EXPORT),
	};
	struct mrq_mint what = ad_hoc();

	people(w);
	what.grants = grants;
	what.n_grants = COUNT(grants);
	char *pl = mint(w, &what);
	assert_int_equal(rights_of(w, pl, "ann@example.com"),
			 MRQ_RIGHT_VIEW | MRQ_RIGHT_EDIT | MRQ_RIGHT_PRINT);
	assert_int_equal(rights_of(w, pl, "bob@example.com"),
			 MRQ_RIGHT_PRINT | MRQ_RIGHT_EXPORT);
	assert_int_equal(rights_of(w, pl, "guest@partner.net"), 0);
	free(pl);
}

static void
test_groups_of_host(void **state)
{
	struct world *w = *state;
	const char *groups[] = { "DEVS@example.com", "not an address",
				 "devs@example.com" };
	struct mrq_identity *who = NULL;

	people(w);
	check_ok(mrq_authority_identity(w->a, "zoe@example.com", groups, 3, &who,
					&w->err),
		 &w->err);
	assert_int_equal(who->n_groups, 3); /* devs, staff, all */
	struct mrq_principal all = grant("group:all@example.com", 0).who;
	assert_true(mrq_principal_matches(&all, who));
	mrq_identity_free(who);
}

static void
test_circle_of_groups(void **state)
{
	struct world *w = *state;
	struct mrq_identity *who = NULL;

	people(w);
	admin_do(w, "group member-add",
		 "{\"mail\":\"devs@example.com\",\"members\":\"all@example.com\"}");
	admin_do(w, "group member-add",
		 "{\"mail\":\"devs@example.com\",\"members\":\"group:devs@example."
		 "com\"}");
	check_ok(
		mrq_authority_identity(w->a, "bob@example.com", NULL, 0, &who, &w->err),
		&w->err);
	assert_int_equal(who->n_groups, 3);
	mrq_identity_free(who);
}

static void
test_identity(void **state)
{
	struct world *w = *state;
	struct mrq_identity *who = NULL;

	people(w);
	check_status(mrq_authority_identity(w->a, "nobody", NULL, 0, &who, &w->err),
		     MRQ_E_INVAL, &w->err);
	check_ok(mrq_authority_identity(w->a, "ANN.lee@other.org", NULL, 0, &who,
					&w->err),
		 &w->err);
	assert_string_equal(who->mail, "ann@example.com");
	assert_int_equal(who->n_aliases, 1);
	assert_string_equal(who->aliases[0], "ann.lee@other.org");
	assert_true(who->member);
	mrq_identity_free(who);
}

static void
test_owner_and_issuer(void **state)
{
	struct world *w = *state;
	struct mrq_mint what = ad_hoc();
	struct mrq_use_licence use = { 0 };

	admin_do(w, "user add",
		 "{\"mail\":\"o@example.com\",\"aliases\":\"owner@example.com\"}");
	char *pl = mint(w, &what);
	check_ok(use_at(w, pl, "owner@example.com", NOW, &use), &w->err);
	assert_int_equal(use.rights, MRQ_RIGHTS_ALL);
	assert_true(use.owner && !use.issuer && !use.super_user && use.list_rights);
	check_ok(use_at(w, pl, "o@example.com", NOW, &use), &w->err); /* by alias */
	assert_true(use.owner && use.has_key);
	check_ok(use_at(w, pl, "Issuer@example.com", NOW, &use), &w->err);
	assert_int_equal(use.rights, MRQ_RIGHTS_ALL);
	assert_true(use.issuer && !use.owner);
	check_ok(use_at(w, pl, "other@example.com", NOW, &use), &w->err);
	assert_int_equal(use.rights, 0);
	assert_false(use.has_key || use.owner || use.issuer || use.list_rights);
	free(pl);
}

static void
test_key_is_the_minted_one(void **state)
{
	struct world *w = *state;
	struct mrq_mint what = ad_hoc();
	struct mrq_use_licence use = { 0 };
	struct mrq_content_key key;
	static const struct mrq_content_key none;

	char *pl = mint_at(w, &what, NOW, &key);
	check_ok(use_at(w, pl, "owner@example.com", NOW, &use), &w->err);
	assert_memory_equal(&use.key, &key, sizeof(key));
	check_ok(use_at(w, pl, "other@example.com", NOW, &use), &w->err);
	assert_memory_equal(&use.key, &none, sizeof(none));
	free(pl);
}

static void
test_list_rights(void **state)
{
	static const struct {
		mrq_rights rights;
		bool list;
	} cases[] = {
		{ MRQ_RIGHT_VIEW, false },
		{ MRQ_RIGHT_VIEW | MRQ_RIGHT_VIEWRIGHTSDATA, true },
		{ MRQ_RIGHT_OWNER, true },
		{ MRQ_RIGHT_EDITRIGHTSDATA, false },
	};
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct mrq_use_licence use = { 0 };
		struct mrq_mint what = ad_hoc();
		struct mrq_grant g = grant("org", cases[i].rights);
		what.grants = &g;
		what.n_grants = 1;
		char *pl = mint(w, &what);
		check_ok(use_at(w, pl, "x@example.com", NOW, &use), &w->err);
		assert_int_equal(use.list_rights, cases[i].list);
		free(pl);
	}
}

static void
test_template_edit_bites(void **state)
{
	struct world *w = *state;

	admin_do(w, "template set",
		 "{\"name\":\"T\",\"grants\":[\"org=viewer\"],\"offline_days\":3}");
	struct mrq_guid id = template_id(w, "T");
	struct mrq_mint what = by_template(&id);
	char *pl = mint(w, &what);
	assert_int_equal(rights_of(w, pl, "x@example.com"), MRQ_LEVEL_VIEWER);

	admin_do(w, "template set",
		 "{\"template\":\"T\",\"grants\":[\"user:y@example.com=coowner\"]}");
	assert_int_equal(rights_of(w, pl, "x@example.com"), 0);
	assert_int_equal(rights_of(w, pl, "y@example.com"), MRQ_LEVEL_COOWNER);

	admin_do(w, "template archive", "{\"template\":\"T\"}");
	assert_int_equal(rights_of(w, pl, "y@example.com"), MRQ_LEVEL_COOWNER);

	admin_do(w, "template rm", "{\"template\":\"T\"}");
	assert_int_equal(rights_of(w, pl, "y@example.com"), 0);
	assert_int_equal(rights_of(w, pl, "owner@example.com"), MRQ_RIGHTS_ALL);
	assert_int_equal(rights_of(w, pl, "issuer@example.com"), MRQ_RIGHTS_ALL);
	free(pl);
}

static void
test_programs_switch(void **state)
{
	struct world *w = *state;
	struct mrq_mint what = ad_hoc();
	struct mrq_use_licence use = { 0 };

	admin_do(w, "label set", "{\"name\":\"L\",\"programs\":\"trusted\"}");
	what.label_id = label_id(w, "L");
	char *pl = mint(w, &what);
	check_ok(use_at(w, pl, "owner@example.com", NOW, &use), &w->err);
	assert_int_equal(use.programs, MRQ_PROGRAMS_TRUSTED);
	assert_true(mrq_guid_equal(&use.label_id, &what.label_id));
	admin_do(w, "label set", "{\"label\":\"L\",\"programs\":\"any\"}");
	check_ok(use_at(w, pl, "owner@example.com", NOW, &use), &w->err);
	assert_int_equal(use.programs, MRQ_PROGRAMS_ANY);
	admin_do(w, "label rm", "{\"label\":\"L\"}");
	check_ok(use_at(w, pl, "owner@example.com", NOW, &use), &w->err);
	assert_int_equal(use.programs, MRQ_PROGRAMS_AUDITED);
	free(pl);

	what = ad_hoc();
	pl = mint(w, &what);
	check_ok(use_at(w, pl, "owner@example.com", NOW, &use), &w->err);
	assert_int_equal(use.programs, MRQ_PROGRAMS_AUDITED);
	free(pl);
}

static void
test_starter_set(void **state)
{
	static const struct {
		const char *name, *protection;
		mrq_rights org;
		int32_t offline;
	} want[] = {
		{ "Public", "none", 0, 0 },
		{ "General", "template", MRQ_LEVEL_COAUTHOR, MRQ_OFFLINE_ALWAYS },
		{ "Confidential", "none", 0, 0 },
		{ "Confidential/All Employees", "template", MRQ_LEVEL_COAUTHOR, 7 },
		{ "Confidential/Recipients Only", "user-defined", 0, 0 },
		{ "Highly Confidential", "none", 0, 0 },
		{ "Highly Confidential/All Employees", "template",
		  MRQ_LEVEL_REVIEWER | MRQ_RIGHT_AUDITEDEXTRACT, 0 },
		{ "Highly Confidential/Specific People", "user-defined", 0, 0 },
	};
	struct world *w = *state;
	struct mrq_policy_set *set = NULL;

	check_ok(mrq_authority_policy(w->a, &set, &w->err), &w->err);
	assert_string_equal(set->org, ORG);
	assert_int_equal(set->n_labels, COUNT(want));
	assert_int_equal(set->licence_days, 30);
	assert_true(set->justify_downgrade && !set->mandatory);
	for (size_t i = 0; i < COUNT(want); i++) {
		const struct mrq_label *l = &set->labels[i];
		assert_string_equal(l->name, want[i].name);
		assert_true(l->enabled && l->programs == MRQ_PROGRAMS_AUDITED);
		assert_int_equal(l->has_children,
				 strcmp(l->name, "Confidential") == 0 ||
					 strcmp(l->name, "Highly Confidential") == 0);
		assert_int_equal(mrq_guid_is_nil(&l->parent), !strchr(l->name, '/'));
		assert_true(l->colour[0] == '#'); /* inherited where unset */
		if (l->protection != MRQ_LABEL_TEMPLATE)
			continue;
		struct mrq_mint what = by_template(&l->template_id);
		struct mrq_use_licence use = { 0 };
		char *pl = mint(w, &what);
		check_ok(use_at(w, pl, "x@example.com", NOW, &use), &w->err);
		assert_int_equal(use.rights, want[i].org);
		assert_int_equal(use.never_store, want[i].offline == 0);
		free(pl);
	}
	const struct mrq_label *def =
		mrq_label_find(set->labels, set->n_labels, &set->default_label);
	assert_string_equal(def->name, "General");
	mrq_policy_set_free(set);
}

static void
test_policy_is_a_snapshot(void **state)
{
	struct world *w = *state;
	struct mrq_policy_set *before = NULL;
	struct mrq_policy_set *after = NULL;

	check_ok(mrq_authority_policy(w->a, &before, &w->err), &w->err);
	admin_do(w, "label set", "{\"name\":\"New\",\"order\":5}");
	check_ok(mrq_authority_policy(w->a, &after, &w->err), &w->err);
	assert_int_equal(after->n_labels, before->n_labels + 1);
	assert_true(after->epoch > before->epoch);
	assert_null(mrq_label_find_text(before->labels, before->n_labels, "New"));
	assert_string_equal(after->labels[1].name, "New"); /* by order */
	mrq_policy_set_free(before);
	mrq_policy_set_free(after);
}

#define WITH_WORLD(test)                                                               \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_principals),
		WITH_WORLD(test_union),
		WITH_WORLD(test_groups_of_host),
		WITH_WORLD(test_circle_of_groups),
		WITH_WORLD(test_identity),
		WITH_WORLD(test_owner_and_issuer),
		WITH_WORLD(test_key_is_the_minted_one),
		WITH_WORLD(test_list_rights),
		WITH_WORLD(test_template_edit_bites),
		WITH_WORLD(test_programs_switch),
		WITH_WORLD(test_starter_set),
		WITH_WORLD(test_policy_is_a_snapshot),
	};

	return CHECK_MAIN(tests);
}
