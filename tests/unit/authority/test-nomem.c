/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each allocation fails in turn: the call says so, changes nothing, and leaks nothing (the address
 * sanitizer's runs see to that).
 */
#include "fixture.h"

#define TRIES_MAX 20000

/* Counts down to the allocation that fails; below zero none does. */
static long countdown = -1;
static bool struck;
/* Those of jansson too: where nobody reads text with it. */
static bool strike_json;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *text);

static bool
strikes(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	struck = true;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	return strikes() ? NULL : __real_malloc(size);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return strikes() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t size)
{
	return strikes() ? NULL : __real_realloc(p, size);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return strikes() ? NULL : __real_reallocarray(p, n, size);
}

char *
__wrap_strdup(const char *text)
{
	return strikes() ? NULL : __real_strdup(text);
}

static void *
json_malloc(size_t size)
{
	return strike_json && strikes() ? NULL : __real_malloc(size);
}

typedef enum mrq_status (*attempt)(struct world *w, void *arg);

static char *
exported(struct world *w)
{
	char *text = NULL;

	check_ok(mrq_authority_admin(w->a, "export", "{}", NOW, &text, &w->err),
		 &w->err);
	return text;
}

/* Fail the 1st, 2nd, ... allocation until the call gets through without meeting it. */
static void
each_failure(struct world *w, attempt call, void *arg)
{
	for (long n = 0; n < TRIES_MAX; n++) {
		char *before = exported(w);
		countdown = n;
		struck = false;
		enum mrq_status s = call(w, arg);
		countdown = -1;
		struct mrq_error err = w->err;
		char *after = exported(w);
		if (s != MRQ_OK && strcmp(before, after) != 0)
			fail_msg("allocation %ld: '%s', but the state moved", n,
				 err.msg);
		if (s != MRQ_OK && s != MRQ_E_NOMEM)
			fail_msg("allocation %ld: %s: %s", n, mrq_status_name(s),
				 err.msg);
		free(before);
		free(after);
		if (!struck) {
			check_ok(s, &err);
			return;
		}
	}
	fail_msg("more than %d allocations", TRIES_MAX);
}

struct command {
	const char *verb, *args;
};

static enum mrq_status
run(struct world *w, void *arg)
{
	const struct command *c = arg;
	char *answer = NULL;
	enum mrq_status s =
		mrq_authority_admin(w->a, c->verb, c->args, NOW, &answer, &w->err);

	assert_int_equal(answer != NULL, s == MRQ_OK);
	free(answer);
	return s;
}

static void
test_commands(void **state)
{
	/* Each may be repeated: one that got through in spite of a failure must not stop the next. */
	static struct command commands[] = {
		{ "user set",
		  "{\"mail\":\"ann@example.com\",\"aliases\":[\"a@example.com\"],"
		  "\"name\":\"Ann\"}" },
		{ "group member-add",
		  "{\"mail\":\"devs@example.com\",\"members\":[\"x@y.z\",\"u@y.z\"]}" },
		{ "group list", "{}" },
		{ "template set",
		  "{\"name\":\"T\",\"grants\":[\"org=viewer\",{\"who\":\"a@b.c\","
		  "\"rights\":[\"VIEW\"]}]}" },
		{ "label set",
		  "{\"name\":\"Confidential/L\",\"template\":\"General\"}" },
		{ "policy set", "{\"default_label\":\"Public\",\"licence_days\":9}" },
		{ "superuser add", "{\"who\":[\"ann@example.com\"]}" },
		{ "superuser on", "{\"for\":\"1h\"}" },
		{ "revocation add",
		  "{\"file_id\":\"11111111-2222-4333-8444-555555555555\"}" },
		{ "cert show", "{}" },
	};
	struct world *w = *state;

	admin_do(w, "user add", "{\"mail\":\"ann@example.com\"}");
	admin_do(w, "group add", "{\"mail\":\"devs@example.com\"}");
	strike_json = true;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		each_failure(w, run, &commands[i]);
	strike_json = false;
}

static enum mrq_status
use(struct world *w, void *arg)
{
	const char *pl = arg;
	struct mrq_identity *who = NULL;
	struct mrq_use_licence licence = { 0 };
	char *text = NULL;

	/* A change, so that the snapshot is loaded anew under the failures. */
	long saved = countdown;
	countdown = -1;
	admin_do(w, "superuser off", "{}");
	countdown = saved;
	enum mrq_status s =
		mrq_authority_identity(w->a, "ann@example.com", NULL, 0, &who, &w->err);
	if (s == MRQ_OK)
		s = mrq_authority_use(w->a, pl, strlen(pl), who, NOW, &licence,
				      &w->err);
	assert_int_equal(licence.has_key, s == MRQ_OK);
	if (s == MRQ_OK)
		s = mrq_authority_revocations(w->a, NOW, &text, &w->err);
	free(text);
	mrq_identity_free(who);
	return s;
}

static void
test_use(void **state)
{
	struct world *w = *state;
	struct mrq_grant g = grant("org", MRQ_RIGHT_VIEW);
	struct mrq_mint what = ad_hoc();

	admin_do(w, "superuser off", "{}"); /* the record is there from now on */
	admin_do(w, "user add",
		 "{\"mail\":\"ann@example.com\",\"aliases\":\"a@example.com\"}");
	admin_do(w, "group add",
		 "{\"mail\":\"devs@example.com\",\"members\":\"ann@example.com\"}");
	what.grants = &g;
	what.n_grants = 1;
	char *pl = mint(w, &what);
	each_failure(w, use, pl);
	free(pl);
}

static enum mrq_status
publish_and_mint(struct world *w, void *arg)
{
	struct mrq_publishing *p = NULL;
	struct mrq_content_key key;
	char *pl = NULL;
	size_t len;

	enum mrq_status s = w->provider->ops->publish(w->provider, "host:x", NOW,
						      INT64_MAX, &p, &w->err);
	if (s == MRQ_OK)
		s = mrq_licence_mint(p, arg, NOW, &pl, &len, &key, &w->err);
	assert_int_equal(pl != NULL, s == MRQ_OK);
	free(pl);
	mrq_publishing_free(p);
	return s;
}

static void
test_mint(void **state)
{
	struct mrq_grant g = grant("org", MRQ_RIGHT_VIEW);
	struct mrq_mint what = ad_hoc();

	g.unknown = strdup("X-NEW");
	what.grants = &g;
	what.n_grants = 1;
	each_failure(*state, publish_and_mint, &what);
	free(g.unknown);
}

static enum mrq_status
open_again(struct world *w, void *arg)
{
	struct mrq_authority_unlock unlock = { .seal = MRQ_AUTHORITY_SEAL_MACHINE,
					       .machine_key = &w->machine };
	struct mrq_authority *a = NULL;
	enum mrq_status s = mrq_authority_open(w->dir, &unlock, &a, &w->err);

	(void)arg;
	mrq_authority_free(a);
	return s;
}

static void
test_open(void **state)
{
	each_failure(*state, open_again, NULL);
}

#define WITH_WORLD(test)                                                               \
	cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_WORLD(test_commands),
		WITH_WORLD(test_use),
		WITH_WORLD(test_mint),
		WITH_WORLD(test_open),
	};

	json_set_alloc_funcs(json_malloc, free);
	return CHECK_MAIN(tests);
}
