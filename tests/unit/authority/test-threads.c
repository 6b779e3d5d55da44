/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Questions from many threads while the state changes under them. */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define THREADS 4
#define ROUNDS  60

struct shared {
	struct world *w;
	char *pl;
	atomic_bool failed;
};

/* Every answer is one of the two states of the template, with or without the key. */
static void *
ask(void *arg)
{
	struct shared *s = arg;
	struct mrq_error err = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		struct mrq_identity *who = NULL;
		struct mrq_policy_set *set = NULL;
		struct mrq_use_licence use = { 0 };
		if (mrq_authority_identity(s->w->a, "ann@example.com", NULL, 0, &who,
					   &err) != MRQ_OK ||
		    mrq_authority_use(s->w->a, s->pl, strlen(s->pl), who, NOW, &use,
				      &err) != MRQ_OK ||
		    mrq_authority_policy(s->w->a, &set, &err) != MRQ_OK) {
			atomic_store(&s->failed, true);
			return NULL;
		}
		if ((use.rights != MRQ_LEVEL_VIEWER && use.rights != 0) ||
		    use.has_key != (use.rights != 0))
			atomic_store(&s->failed, true);
		mrq_use_licence_wipe(&use);
		mrq_policy_set_free(set);
		mrq_identity_free(who);
	}
	return NULL;
}

static void *
edit(void *arg)
{
	struct shared *s = arg;
	struct mrq_error err = { 0 };

	for (int i = 0; i < ROUNDS / 4; i++) {
		static const char *const steps[][2] = {
			{ "template set", "{\"name\":\"T\",\"grants\":[]}" },
			{ "key rotate", "{}" },
			{ "template set",
			  "{\"name\":\"T\",\"grants\":\"org=viewer\"}" },
			{ "group list", "{}" },
		};
		char *answer = NULL;
		if (mrq_authority_admin(s->w->a, steps[i % 4][0], steps[i % 4][1], NOW,
					&answer, &err) != MRQ_OK)
			atomic_store(&s->failed, true);
		free(answer);
	}
	return NULL;
}

static void
test_threads(void **state)
{
	struct shared s = { .w = *state };
	pthread_t threads[THREADS + 1];

	admin_do(s.w, "template set", "{\"name\":\"T\",\"grants\":\"org=viewer\"}");
	struct mrq_guid id = template_id(s.w, "T");
	struct mrq_mint what = by_template(&id);
	s.pl = mint(s.w, &what);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask, &s), 0);
	assert_int_equal(pthread_create(&threads[THREADS], NULL, edit, &s), 0);
	for (int i = 0; i <= THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_false(atomic_load(&s.failed));
	free(s.pl);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_threads, world_setup,
						world_teardown),
	};

	return CHECK_MAIN(tests);
}
