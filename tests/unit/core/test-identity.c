/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who somebody is, while the host cannot tell: no descriptor is left for the name service. */
#include <errno.h>
#include <sys/resource.h>

#include "world.h"

/** No descriptor beyond those that are open. */
static void
exhaust(struct rlimit *ret_before)
{
	int lowest = dup(STDERR_FILENO);
	assert_true(lowest >= 0);
	(void)close(lowest);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, ret_before), 0);
	const struct rlimit none = { (rlim_t)lowest, ret_before->rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
}

static void
relieve(const struct rlimit *before)
{
	assert_int_equal(setrlimit(RLIMIT_NOFILE, before), 0);
}

/** Of this process's account, under exhaustion. */
static enum mrq_status
principal(struct world *w, struct mrq_error *err)
{
	char mail[MRQ_MAIL_MAX + 1];
	struct rlimit before;
	exhaust(&before);
	enum mrq_status s = mrq_session_principal(w->session, geteuid(), mail, err);
	relieve(&before);
	return s;
}

static enum mrq_status
open_exhausted(struct mrq_file *f, uid_t uid, struct mrq_error *err)
{
	struct rlimit before;
	exhaust(&before);
	enum mrq_status s = world_open(f, uid, MRQ_REQUEST_READ, err);
	relieve(&before);
	return s;
}

static void
test_no_descriptor_is_no_missing_account(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	char mail[MRQ_MAIL_MAX + 1];
	check_ok(mrq_session_principal(w->session, geteuid(), mail, &err), &err);
	enum mrq_status s = principal(w, &err);
	if (s == MRQ_OK)
		skip(); /* the name service needs none here */
	check_status(s, MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EMFILE);
	assert_non_null(strstr(err.msg, "try again"));
	assert_null(strstr(err.msg, "no account"));
	check_ok(mrq_session_principal(w->session, geteuid(), mail, &err), &err);
}

static void
test_an_account_that_is_none(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	char mail[MRQ_MAIL_MAX + 1];
	check_status(mrq_session_principal(w->session, 79999, mail, &err), MRQ_E_DENIED,
		     &err);
	assert_non_null(strstr(err.msg, "no account"));
}

static void
test_who_was_known_before_stays_known(void **state)
{
	struct world *w = *state;
	struct mrq_error err = { 0 };
	struct mrq_file *f = world_make(w, ANN, "/a.txt");
	uid_t me = geteuid();
	if (principal(w, &err) == MRQ_OK) {
		mrq_file_free(f);
		skip();
	}
	/* nobody knows yet: a failure, which is no refusal and is not kept */
	check_status(open_exhausted(f, me, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EMFILE);
	check_ok(world_open(f, me, MRQ_REQUEST_READ, &err), &err);
	w->time += 400; /* past the time that an identity is kept */
	check_ok(open_exhausted(f, me, &err), &err);
	check_ok(principal(w, &err), &err);
	w->time += 7200;
	check_status(open_exhausted(f, me, &err), MRQ_E_SYS, &err);
	check_status(principal(w, &err), MRQ_E_SYS, &err);
	check_ok(world_open(f, me, MRQ_REQUEST_READ, &err), &err);
	mrq_file_free(f);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_no_descriptor_is_no_missing_account),
		CASE(test_an_account_that_is_none),
		CASE(test_who_was_known_before_stays_known),
	};
	return CHECK_MAIN(tests);
}
