/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Failing calls.  The same random run again and again; each time another call to the
 * system fails.  The failure is reported, nothing committed is lost, what was not
 * written is not seen, and later steps work.
 */
#include "history.h"

#include <errno.h>
#include <time.h>

static const struct history_plan plan = {
	.block_size = 4096,
	.size_max = 700 << 10,
	.steps = 45,
	.licence_max = 500,
};

static uint64_t
seed_of_run(void)
{
	const char *text = getenv("MRQ_TEST_SEED");
	uint64_t seed =
		text ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 2654435761u;

	print_message("# MRQ_TEST_SEED=%llu\n", (unsigned long long)seed);
	return seed;
}

static size_t
newest_promise(const struct history *h)
{
	size_t found = 0;

	for (size_t i = 1; i < h->n; i++)
		if (h->versions[i].promise >= PROMISE_KERNEL)
			found = i;
	return found;
}

/* Whoever attaches now finds the last commit, or what came after it. */
static void
file_is_sound(const struct history *h)
{
	size_t from = newest_promise(h);
	int copy = fixture_copy(h->fd);
	struct mrq_container *c = NULL;
	struct mrq_error err;
	struct mrq_check found;

	if (mrq_container_attach(copy, MRQ_ATTACH_READ_WRITE, "copy", &c, &err) ==
	    MRQ_OK) {
		check_ok(mrq_container_unlock(c, &fixture_key, &err), &err);
		assert_true(history_matches(h, c, from, h->n - 1, false, from == 0));
		check_ok(mrq_container_check(c, NULL, NULL, &found, &err), &err);
		check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
		assert_true(history_matches(h, c, from, h->n - 1, false, from == 0));
		mrq_container_free(c);
	} else {
		assert_int_equal(from, 0);
	}
	close(copy);
}

/* A run in which call number n of a kind fails; false when there were not that many. */
static bool
run_with_failure(uint64_t seed, enum shim_kind kind, size_t n, int with, bool torn)
{
	struct history h;
	struct mrq_error err;
	bool reported = false;
	unsigned looks = 4; /* at the file, once something went wrong */

	history_begin(&h, &plan, seed);
	shim_fail(kind, n, with, torn);
	while (!history_over(&h)) {
		bool before = shim_has_failed();
		enum mrq_status s = history_step(&h);
		if (s != MRQ_OK) {
			reported = true;
			assert_true(shim_has_failed());
			file_is_sound(&h);
		} else if (reported && h.versions[h.n - 1].promise != PROMISE_NONE &&
			   looks > 0) {
			looks--;
			file_is_sound(&h);
		}
		/* Only storage that could not sync stays refused. */
		if (before && kind != SHIM_SYNC)
			assert_int_equal(s, MRQ_OK);
	}
	bool failed = shim_has_failed();
	assert_true(failed || !reported);
	shim_fail(SHIM_WRITE, SIZE_MAX, 0, false); /* no more */
	if (kind == SHIM_SYNC)
		check_ok(mrq_container_commit(h.c, MRQ_COMMIT_KERNEL, &err), &err);
	else
		check_ok(mrq_container_settle(h.c, MRQ_SETTLE_SYNC, &err), &err);
	h.versions[h.n - 1].promise = PROMISE_KERNEL;
	file_is_sound(&h);
	history_end(&h);
	return failed;
}

static void
survives_failing_writes(void **state)
{
	(void)state;
	uint64_t seed = seed_of_run();

	for (size_t n = 0; run_with_failure(seed, SHIM_WRITE, n, ENOSPC, false); n++)
		;
	for (size_t n = 0; run_with_failure(seed + 1, SHIM_WRITE, n, EIO, true); n++)
		;
}

static void
survives_failing_truncates(void **state)
{
	(void)state;
	uint64_t seed = seed_of_run();

	for (size_t n = 0; run_with_failure(seed, SHIM_TRUNCATE, n, EIO, false); n++)
		;
}

static void
survives_failing_syncs(void **state)
{
	(void)state;
	uint64_t seed = seed_of_run();

	for (size_t n = 0; run_with_failure(seed, SHIM_SYNC, n, EIO, false); n++)
		;
}

/* Every seventh allocation, or so. */
static void
survives_failing_allocations(void **state)
{
	(void)state;
	uint64_t seed = seed_of_run();

	for (size_t n = seed % 7; run_with_failure(seed, SHIM_MEMORY, n, ENOMEM, false);
	     n += 7)
		;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_failing_writes),
		cmocka_unit_test(survives_failing_truncates),
		cmocka_unit_test(survives_failing_syncs),
		cmocka_unit_test(survives_failing_allocations),
	};

	return CHECK_MAIN(tests);
}
