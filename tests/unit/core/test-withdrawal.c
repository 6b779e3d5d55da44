/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rights that end: what is kept of them must not outlive what they came from. */
#include <grp.h>

#include "world.h"

/** Name of this process's group; NULL when it has none. */
static const char *
own_group(void)
{
	const struct group *g = getgrgid(getegid());
	return g ? g->gr_name : NULL;
}

static void
grant_group(struct mrq_file *f, const char *group)
{
	struct mrq_error err = { 0 };
	struct mrq_caller ann = world_caller(ANN);
	char who[300];
	const struct mrq_permission grant = { who, MRQ_LEVEL_COAUTHOR };
	const struct mrq_permissions p = { .items = &grant, .n = 1 };
	const struct mrq_change_options plainly = { .justification = "test" };
	(void)snprintf(who, sizeof(who), "group:%.200s@example.org", group);
	check_ok(mrq_file_protect(f, &ann, &p, &plainly, "/a.txt", &err), &err);
}

/** Out of a group of the host, out of its files: licences at hand are of the time before. */
static void
test_a_group_that_was_left(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	const char *group = own_group();
	uid_t me = geteuid();
	if (!group)
		skip();
	world_reload(w, "");
	struct mrq_file *f = world_make(w, ANN, "/a.txt");
	grant_group(f, group);
	check_ok(world_open(f, me, MRQ_REQUEST_READ, &err), &err);
	/* the account's groups have other mails from now on */
	world_reload(w, "group = left-%g@example.org\n");
	check_status(world_open(f, me, MRQ_REQUEST_READ, &err), MRQ_E_DENIED, &err);
	mrq_file_free(f);
}

/** The same of a licence in the cache on disk. */
static void
test_a_group_that_was_left_before_the_start(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	const char *group = own_group();
	uid_t me = geteuid();
	if (!group)
		skip();
	struct mrq_file *f = world_make(w, ANN, "/a.txt");
	grant_group(f, group);
	check_ok(mrq_file_settle(f, false, &err), &err);
	check_ok(world_open(f, me, MRQ_REQUEST_READ, &err), &err);
	int fd = dup(mrq_file_fd(f));
	mrq_file_free(f);
	mrq_session_free(w->session);
	w->session = NULL;
	world_configure(w, "group = left-%g@example.org\n");
	world_session(w);
	check_ok(mrq_file_attach(w->session, fd, "/a.txt", &f, &err), &err);
	check_status(world_open(f, me, MRQ_REQUEST_READ, &err), MRQ_E_DENIED, &err);
	mrq_file_free(f);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_a_group_that_was_left),
		CASE(test_a_group_that_was_left_before_the_start),
	};
	return CHECK_MAIN(tests);
}
