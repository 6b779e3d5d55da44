/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Times and withdrawals: expiry, offline use, revocation, super users; and what an open costs. */
#include "fixture.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define ANN      "ann@example.com"

static char *
org_licence(struct world *w, int64_t expires, int32_t offline_days)
{
	struct mrq_grant g = grant("org", MRQ_RIGHT_VIEW);
	struct mrq_mint what = ad_hoc();

	what.content_id = guid_of("11111111-2222-4333-8444-555555555555");
	what.grants = &g;
	what.n_grants = 1;
	what.expires = expires;
	what.offline_days = offline_days;
	return mint(w, &what);
}

static char *
template_licence(struct world *w, const char *members, int64_t expires)
{
	admin_do(w, "template set",
		 fmt("{\"name\":\"T\",\"grants\":\"org=VIEW\"%s}", members));
	struct mrq_guid id = template_id(w, "T");
	struct mrq_mint what = by_template(&id);
	what.expires = expires;
	return mint(w, &what);
}

/* ---- expiry ---- */

static void
test_expiry_earliest(void **state)
{
	static const struct {
		const char *members;
		int64_t licence, want;
	} cases[] = {
		{ "", MRQ_NEVER, MRQ_NEVER },
		{ "", NOW + 5 * DAY, NOW + 5 * DAY },
		{ ",\"expires_days\":3", MRQ_NEVER, NOW + 3 * DAY },
		{ ",\"expires_days\":3", NOW + 5 * DAY, NOW + 3 * DAY },
		{ ",\"expires_days\":9", NOW + 5 * DAY, NOW + 5 * DAY },
		{ ",\"expires\":1800086400", MRQ_NEVER, NOW + DAY },
		{ ",\"expires\":1800086400,\"expires_days\":3", NOW + 5 * DAY,
		  NOW + DAY },
		{ ",\"expires\":\"never\",\"expires_days\":0", NOW + 9, NOW + 9 },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct world *w = *state;
		struct mrq_use_licence use = { 0 };
		char *pl = template_licence(w, cases[i].members, cases[i].licence);
		check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
		if (use.expires != cases[i].want)
			fail_msg("case %zu: expires %lld", i, (long long)use.expires);
		admin_do(w, "template rm", "{\"template\":\"T\"}");
		free(pl);
	}
}

static void
test_expired(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	char *pl = org_licence(w, NOW + DAY, 7);

	check_ok(use_at(w, pl, ANN, NOW + DAY - 1, &use), &w->err);
	assert_true(use.has_key);
	use = (struct mrq_use_licence){ 0 };
	check_status(use_at(w, pl, ANN, NOW + DAY, &use), MRQ_E_EXPIRED, &w->err);
	assert_false(use.has_key);
	assert_int_equal(use.rights, 0);
	check_ok(use_at(w, pl, "owner@example.com", NOW + DAY, &use), &w->err);
	assert_true(use.has_key && use.rights == MRQ_RIGHTS_ALL);
	check_ok(use_at(w, pl, "issuer@example.com", NOW + DAY, &use), &w->err);
	assert_true(use.has_key && use.rights == MRQ_RIGHTS_ALL);
	free(pl);
}

static void
test_expiry_edit_bites(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	char *pl = template_licence(w, "", MRQ_NEVER);

	check_ok(use_at(w, pl, ANN, NOW + 2 * DAY, &use), &w->err);
	admin_do(w, "template set", "{\"template\":\"T\",\"expires_days\":1}");
	check_status(use_at(w, pl, ANN, NOW + 2 * DAY, &use), MRQ_E_EXPIRED, &w->err);
	admin_do(w, "template set", "{\"template\":\"T\",\"expires_days\":0}");
	check_ok(use_at(w, pl, ANN, NOW + 2 * DAY, &use), &w->err);
	free(pl);
}

/* ---- offline ---- */

static void
test_offline(void **state)
{
	static const struct {
		int64_t site;
		int32_t licence;
		int64_t days;
		bool never;
	} cases[] = {
		{ 30, MRQ_OFFLINE_ALWAYS, 30, false },
		{ 30, 7, 7, false },
		{ 30, 90, 30, false },
		{ 30, 0, 0, true },
		{ 0, MRQ_OFFLINE_ALWAYS, 0, true },
		{ 0, 7, 0, true },
		{ 365, 90, 90, false },
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct world *w = *state;
		struct mrq_use_licence use = { 0 };
		admin_do(w, "policy set",
			 fmt("{\"licence_days\":%lld}", (long long)cases[i].site));
		char *pl = org_licence(w, MRQ_NEVER, cases[i].licence);
		check_ok(use_at(w, pl, ANN, NOW + 5, &use), &w->err);
		assert_int_equal(use.issued, NOW + 5);
		assert_int_equal(use.valid_until, NOW + 5 + cases[i].days * DAY);
		assert_int_equal(use.never_store, cases[i].never);
		free(pl);
	}
}

static void
test_offline_of_template(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	char *pl = template_licence(w, ",\"offline_days\":\"never\"", MRQ_NEVER);

	check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
	assert_true(use.never_store && use.valid_until == NOW);
	admin_do(w, "template set", "{\"template\":\"T\",\"offline_days\":\"always\"}");
	check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
	assert_true(!use.never_store && use.valid_until == NOW + 30 * DAY);
	free(pl);
}

/* ---- revocation ---- */

static void
test_revoke(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	struct mrq_guid id = guid_of("11111111-2222-4333-8444-555555555555");
	struct mrq_guid other = guid_of("99999999-2222-4333-8444-555555555555");
	char *pl = org_licence(w, MRQ_NEVER, 7);

	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_CONTENT, &other, ANN, NOW,
				      &w->err),
		 &w->err);
	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_FILE, &id, ANN, NOW, &w->err),
		 &w->err);
	check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_CONTENT, &id, ANN, NOW, &w->err),
		 &w->err);
	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_CONTENT, &id, "b@c.d", NOW + 1,
				      &w->err),
		 &w->err);
	use = (struct mrq_use_licence){ 0 };
	check_status(use_at(w, pl, ANN, NOW, &use), MRQ_E_REVOKED, &w->err);
	assert_false(use.has_key);
	check_ok(use_at(w, pl, "owner@example.com", NOW, &use), &w->err);
	assert_true(use.has_key);
	json_t *list = admin(w, "revocation list", "{}");
	assert_string_equal(listed(json_object_get(list, "contents"), "id",
				   "11111111-2222-4333-8444-555555555555", "by"),
			    ANN); /* the first stays */
	json_decref(list);
	check_ok(mrq_authority_unrevoke(w->a, MRQ_REVOKE_CONTENT, &id, &w->err),
		 &w->err);
	check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
	check_status(mrq_authority_unrevoke(w->a, MRQ_REVOKE_CONTENT, &id, &w->err),
		     MRQ_E_NOT_FOUND, &w->err);
	free(pl);
}

static enum mrq_status
lookup(void *arg, const char *kid, struct mrq_public_key **ret, struct mrq_error *err)
{
	struct world *w = arg;

	return mrq_authority_public_key(w->a, kid, ret, err);
}

static void
test_revocation_list(void **state)
{
	struct world *w = *state;
	struct mrq_revocation_list list MRQ_CLEANUP(mrq_revocation_list_clear) = { 0 };
	struct mrq_revocations *same = NULL;
	struct mrq_guid b = guid_of("bbbbbbbb-2222-4333-8444-555555555555");
	struct mrq_guid a = guid_of("aaaaaaaa-2222-4333-8444-555555555555");
	struct mrq_guid f = guid_of("ffffffff-2222-4333-8444-555555555555");
	char *jws = NULL;

	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_CONTENT, &b, ANN, NOW, &w->err),
		 &w->err);
	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_CONTENT, &a, ANN, NOW, &w->err),
		 &w->err);
	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_FILE, &f, ANN, NOW, &w->err),
		 &w->err);
	check_ok(mrq_authority_revocations(w->a, NOW, &jws, &w->err), &w->err);
	check_ok(
		mrq_revocation_list_verify(jws, strlen(jws), lookup, w, &list, &w->err),
		&w->err);
	assert_int_equal(list.n_contents, 2);
	assert_int_equal(list.n_files, 1);
	assert_int_equal(list.issued, NOW);
	assert_string_equal(list.org, ORG);
	assert_true(mrq_revocation_listed(list.contents, 2, &a));
	assert_true(mrq_revocation_listed(list.contents, 2, &b));
	assert_false(mrq_revocation_listed(list.contents, 2, &f));
	assert_false(mrq_revocation_listed(NULL, 0, &f));
	check_ok(w->provider->ops->revocations(w->provider, NOW, INT64_MAX, &same,
					       &w->err),
		 &w->err);
	assert_int_equal(same->n_contents, 2);
	assert_true(same->epoch == list.epoch);
	assert_memory_equal(same->contents, list.contents, 32);
	assert_memory_equal(same->contents, &a, 16); /* sorted */
	mrq_revocations_free(same);
	free(jws);
}

/* ---- super users ---- */

static void
test_super_user_time_box(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	char *pl = org_licence(w, NOW + 10, 7);

	admin_do(w, "superuser add", "{\"who\":\"su@example.com\"}");
	check_ok(use_at(w, pl, "su@example.com", NOW, &use), &w->err);
	assert_int_equal(use.rights, MRQ_RIGHT_VIEW); /* off by default */
	assert_false(use.super_user);

	admin_do(w, "superuser on", "{\"for\":\"2h\"}");
	check_ok(use_at(w, pl, "su@example.com", NOW, &use), &w->err);
	assert_true(use.super_user && use.never_store && use.list_rights);
	assert_int_equal(use.rights, MRQ_RIGHTS_ALL);
	assert_int_equal(use.valid_until, NOW + 7200);
	check_ok(use_at(w, pl, "su@example.com", NOW + 7199, &use),
		 &w->err); /* expired */
	assert_true(use.super_user && use.has_key);
	check_status(use_at(w, pl, "su@example.com", NOW + 7200, &use), MRQ_E_EXPIRED,
		     &w->err);
	check_status(use_at(w, pl, ANN, NOW + 11, &use), MRQ_E_EXPIRED, &w->err);

	admin_do(w, "superuser off", "{}");
	check_ok(use_at(w, pl, "su@example.com", NOW, &use), &w->err);
	assert_false(use.super_user);
	free(pl);
}

static void
test_super_user_group(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	char *pl = org_licence(w, MRQ_NEVER, 0);

	admin_do(w, "group add",
		 "{\"mail\":\"rescue@example.com\",\"members\":[\"ann@example.com\"]}");
	admin_do(w, "superuser add", "{\"who\":\"group:rescue@example.com\"}");
	admin_do(w, "superuser on", "{\"for\":60}");
	check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
	assert_true(use.super_user);
	check_ok(use_at(w, pl, "bob@example.com", NOW, &use), &w->err);
	assert_false(use.super_user);
	admin_do(w, "superuser rm", "{\"who\":[\"group:rescue@example.com\"]}");
	check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
	assert_false(use.super_user);
	free(pl);
}

static void
test_super_user_opens_revoked(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	struct mrq_guid id = guid_of("11111111-2222-4333-8444-555555555555");
	char *pl = org_licence(w, MRQ_NEVER, 7);

	admin_do(w, "superuser add", "{\"who\":\"ann@example.com\"}");
	check_ok(mrq_authority_revoke(w->a, MRQ_REVOKE_CONTENT, &id, "x", NOW, &w->err),
		 &w->err);
	check_status(use_at(w, pl, ANN, NOW, &use), MRQ_E_REVOKED, &w->err);
	admin_do(w, "superuser on", "{\"for\":\"1m\"}");
	check_ok(use_at(w, pl, ANN, NOW, &use), &w->err);
	assert_true(use.super_user && use.has_key);
	free(pl);
}

/* ---- cost ---- */

static void
test_cost(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence use = { 0 };
	struct mrq_pk_counters before;
	struct mrq_pk_counters after;
	char *first = org_licence(w, MRQ_NEVER, 7);
	char *second = org_licence(w, MRQ_NEVER, 7);

	mrq_pk_counters_get(&before);
	check_ok(use_at(w, first, ANN, NOW, &use), &w->err);
	mrq_pk_counters_get(&after);
	assert_int_equal(after.verify - before.verify, 2); /* certificate and licence */
	assert_int_equal(after.open - before.open, 1);
	assert_int_equal(after.sign - before.sign, 0);

	check_ok(use_at(w, second, ANN, NOW, &use), &w->err);
	mrq_pk_counters_get(&before);
	assert_int_equal(before.verify - after.verify, 1); /* certificate remembered */
	assert_int_equal(before.open - after.open, 1);

	check_ok(use_at(w, second, "x@evil.net", NOW, &use), &w->err);
	mrq_pk_counters_get(&after);
	assert_int_equal(after.open - before.open, 0); /* no grant, no key */
	free(first);
	free(second);
}

static void
test_mint_is_offline(void **state)
{
	struct world *w = *state;
	struct mrq_pk_counters before;
	struct mrq_pk_counters after;

	mrq_pk_counters_get(&before);
	free(org_licence(w, MRQ_NEVER, 7));
	mrq_pk_counters_get(&after);
	assert_int_equal(after.sign - before.sign, 1);
	assert_int_equal(after.seal - before.seal, 1);
	assert_int_equal(after.verify - before.verify, 0);
}

static void
test_mint_refuses(void **state)
{
	struct world *w = *state;
	struct mrq_content_key key;
	struct mrq_grant g = grant("org", MRQ_RIGHT_VIEW);
	struct mrq_mint what = ad_hoc();
	char *pl = NULL;
	size_t len;

	check_status(mrq_licence_mint(w->publishing, &what, NOW + 2 * DAY, &pl, &len,
				      &key, &w->err),
		     MRQ_E_EXPIRED, &w->err);
	check_status(mrq_licence_mint(w->publishing, &what, NOW - DAY, &pl, &len, &key,
				      &w->err),
		     MRQ_E_EXPIRED, &w->err);
	what.owner = NULL;
	check_status(
		mrq_licence_mint(w->publishing, &what, NOW, &pl, &len, &key, &w->err),
		MRQ_E_INVAL, &w->err);
	what = ad_hoc();
	what.issuer = "nobody";
	check_status(
		mrq_licence_mint(w->publishing, &what, NOW, &pl, &len, &key, &w->err),
		MRQ_E_INVAL, &w->err);
	what = by_template(&(struct mrq_guid){ { 1 } });
	what.grants = &g;
	what.n_grants = 1;
	check_status(
		mrq_licence_mint(w->publishing, &what, NOW, &pl, &len, &key, &w->err),
		MRQ_E_INVAL, &w->err);
	what = ad_hoc();
	what.n_grants = MRQ_GRANTS_MAX + 1;
	check_status(
		mrq_licence_mint(w->publishing, &what, NOW, &pl, &len, &key, &w->err),
		MRQ_E_LIMIT, &w->err);
	assert_null(pl);
}

static void
test_content_ids_are_fresh(void **state)
{
	struct world *w = *state;
	struct mrq_use_licence one = { 0 };
	struct mrq_use_licence two = { 0 };
	struct mrq_mint what = ad_hoc();
	char *a = mint(w, &what);
	char *b = mint(w, &what);

	check_ok(use_at(w, a, "owner@example.com", NOW, &one), &w->err);
	check_ok(use_at(w, b, "owner@example.com", NOW, &two), &w->err);
	assert_false(mrq_guid_equal(&one.content_id, &two.content_id));
	assert_memory_not_equal(&one.key, &two.key, sizeof(one.key));
	free(a);
	free(b);
}

#define WITH_WORLD(test)                                                               \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_expiry_earliest),
		WITH_WORLD(test_expired),
		WITH_WORLD(test_expiry_edit_bites),
		WITH_WORLD(test_offline),
		WITH_WORLD(test_offline_of_template),
		WITH_WORLD(test_revoke),
		WITH_WORLD(test_revocation_list),
		WITH_WORLD(test_super_user_time_box),
		WITH_WORLD(test_super_user_group),
		WITH_WORLD(test_super_user_opens_revoked),
		WITH_WORLD(test_cost),
		WITH_WORLD(test_mint_is_offline),
		WITH_WORLD(test_mint_refuses),
		WITH_WORLD(test_content_ids_are_fresh),
	};

	return CHECK_MAIN(tests);
}
