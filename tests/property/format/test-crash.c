/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Crashes.  A random run on a container is recorded call by call.  Then the file is
 * built as it was after each call (the process was killed) and as it could be after a
 * power cut: what was synced, and any of the 512-byte sectors written since.  Whoever
 * attaches must find a state that was promised, and nothing else; also when the
 * recovery itself is cut off.
 */
#include "history.h"

#include <time.h>

#define POWER_CUTS 2          /* random ones at each call */
#define LONG       (1u << 20) /* beyond it growth may meet the journal */

static const struct history_plan plans[] = {
	{ .block_size = 4096, .size_max = 900 << 10, .steps = 70, .licence_max = 500 },
	{ .block_size = 4096,
	  .size_max = 900 << 10,
	  .steps = 40,
	  .lazy = 12,
	  .licence_max = 1000 },
	{ .block_size = 4096,
	  .size_max = 200 << 10,
	  .steps = 70,
	  .lazy = 3,
	  .licence_max = 9000 },
	{ .block_size = 16384,
	  .size_max = 900 << 10,
	  .steps = 60,
	  .licence_max = 5000 },
	{ .block_size = 4096, .size_max = 5 << 20, .steps = 25, .licence_max = 3000 },
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

/* Newest version that a promise covers when only n calls were made; 0: none. */
static size_t
promised(const struct history *h, size_t n, enum promise at_least)
{
	size_t found = 0;

	for (size_t i = 1; i < h->n; i++)
		if (h->versions[i].promise >= at_least && h->versions[i].ops <= n)
			found = i;
	return found;
}

/* Newest version that call number n may belong to. */
static size_t
newest(const struct history *h, size_t n)
{
	size_t i = 1;

	while (i + 1 < h->n && (h->versions[i].ops < n || h->versions[i + 1].ops <= n))
		i++;
	return i;
}

static enum mrq_status
open_crashed(int fd, enum mrq_attach mode, struct mrq_container **ret,
	     struct mrq_error *err)
{
	enum mrq_status s = mrq_container_attach(fd, mode, "crashed", ret, err);

	if (s == MRQ_OK)
		check_ok(mrq_container_unlock(*ret, &fixture_key, err), err);
	return s;
}

struct expectation {
	size_t from, to;     /* versions */
	bool may_be_nothing; /* no durable promise yet: the file may be no container */
};

/* Attach in a mode, compare, verify. */
static void
expect(const struct history *h, int fd, enum mrq_attach mode,
       const struct expectation *want)
{
	struct mrq_container *c = NULL;
	struct mrq_check found;
	struct mrq_error err;
	enum mrq_status s = open_crashed(fd, mode, &c, &err);

	if (s != MRQ_OK) {
		if (!want->may_be_nothing)
			print_message("# versions [%zu, %zu]: cannot attach: %s\n",
				      want->from, want->to, err.msg);
		assert_true(want->may_be_nothing);
		assert_true(s == MRQ_E_PLAIN || s == MRQ_E_DAMAGED);
		return;
	}
	/* Whole, unless some may be lost, or a long write was committed in between. */
	bool whole = !want->may_be_nothing && h->plan->size_max < LONG;
	assert_true(history_matches(h, c, want->from, want->to, whole,
				    want->may_be_nothing));
	check_ok(mrq_container_check(c, NULL, NULL, &found, &err), &err);
	if (mode == MRQ_ATTACH_READ_WRITE)
		check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	mrq_container_free(c);
}

static void
recover(int fd)
{
	struct mrq_container *c = NULL;
	struct mrq_error err;

	if (open_crashed(fd, MRQ_ATTACH_READ_WRITE, &c, &err) != MRQ_OK)
		return;
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	mrq_container_free(c);
}

/* The file in both modes; the second changes a copy. */
static void
expect_both(const struct history *h, int fd, const struct expectation *want)
{
	int copy = fixture_copy(fd);

	expect(h, fd, MRQ_ATTACH_READ_ONLY, want);
	expect(h, copy, MRQ_ATTACH_READ_WRITE, want);
	expect(h, copy, MRQ_ATTACH_READ_ONLY, want);
	close(copy);
}

static void
record_history(struct history *h, const struct history_plan *plan, uint64_t seed)
{
	history_begin(h, plan, seed);
	while (!history_over(h))
		assert_int_equal(history_step(h), MRQ_OK);
}

/* After each call, and in the midst of it, the process is killed. */
static void
killed(const struct history_plan *plan, uint64_t seed)
{
	struct history h;
	int disk = fixture_file();

	record_history(&h, plan, seed);
	for (size_t n = 0; n < shim_ops(); n++) {
		const struct shim_op *op = shim_op(n);
		struct expectation want = { promised(&h, n, PROMISE_KERNEL),
					    newest(&h, n + 1), false };
		want.may_be_nothing = want.from == 0;
		if (op->kind == SHIM_WRITE && op->len > MRQ_PAGE) {
			int torn = fixture_copy(disk);
			struct shim_op part = *op;
			part.len = op->len / 2 / MRQ_PAGE * MRQ_PAGE;
			shim_apply(torn, &part, NULL, NULL);
			expect_both(&h, torn, &want);
			close(torn);
		}
		shim_apply(disk, op, NULL, NULL);
		if (op->kind == SHIM_SYNC)
			continue;
		want.from = promised(&h, n + 1, PROMISE_KERNEL);
		expect_both(&h, disk, &want);
	}
	close(disk);
	history_end(&h);
}

struct dice {
	uint64_t seed;
	unsigned keep; /* of 8 */
};

static bool
keep_some(void *arg)
{
	struct dice *d = arg;

	return check_next(&d->seed) % 8 < d->keep;
}

/* What a recovery does to the file is cut off, too. */
static void
cut_recovery(const struct history *h, int fd, struct dice *dice,
	     const struct expectation *want)
{
	int disk = fixture_copy(fd), work = fixture_copy(fd);

	shim_record(work);
	recover(work);
	size_t n = shim_ops(), synced = 0;
	for (size_t end = 0; end <= n; end++) {
		int cut = fixture_copy(disk);
		for (size_t i = synced; i < end; i++)
			shim_apply(cut, shim_op(i), keep_some, dice);
		expect(h, cut, MRQ_ATTACH_READ_WRITE, want);
		close(cut);
		if (end < n && shim_op(end)->kind == SHIM_SYNC) {
			for (size_t i = synced; i < end; i++)
				shim_apply(disk, shim_op(i), NULL, NULL);
			synced = end;
		}
	}
	close(disk);
	close(work);
}

/* Calls of a run, taken out of the shim so that this can record something else. */
struct log {
	struct shim_op *ops;
	size_t n;
};

static struct log
take_log(void)
{
	struct log log = { calloc(shim_ops() + 1, sizeof(struct shim_op)), shim_ops() };

	assert_non_null(log.ops);
	for (size_t i = 0; i < log.n; i++) {
		log.ops[i] = *shim_op(i);
		if (!log.ops[i].data)
			continue;
		log.ops[i].data = malloc(log.ops[i].len + 1);
		assert_non_null(log.ops[i].data);
		memcpy(log.ops[i].data, shim_op(i)->data, log.ops[i].len);
	}
	return log;
}

static void
log_free(struct log *log)
{
	for (size_t i = 0; i < log->n; i++)
		free(log->ops[i].data);
	free(log->ops);
}

static void
power_cuts(const struct history_plan *plan, uint64_t seed)
{
	struct history h;
	struct dice dice = { seed * 3 + 1, 4 };
	int disk = fixture_file(); /* what is synced */
	size_t synced = 0;

	record_history(&h, plan, seed);
	struct log log = take_log();
	for (size_t n = 1; n <= log.n; n++) {
		struct expectation want = { promised(&h, n, PROMISE_DURABLE),
					    newest(&h, n), false };
		want.may_be_nothing = want.from == 0;
		for (; log.ops[n - 1].kind == SHIM_SYNC && synced < n; synced++)
			shim_apply(disk, &log.ops[synced], NULL, NULL);
		for (unsigned i = 0; i < POWER_CUTS; i++) {
			int cut = fixture_copy(disk);
			dice.keep = 1 + (unsigned)(check_next(&dice.seed) % 7);
			for (size_t k = synced; k < n; k++)
				shim_apply(cut, &log.ops[k], keep_some, &dice);
			expect_both(&h, cut, &want);
			if (check_next(&dice.seed) % 16 == 0)
				cut_recovery(&h, cut, &dice, &want);
			close(cut);
		}
	}
	log_free(&log);
	close(disk);
	history_end(&h);
}

/*
 * The process is killed, another one attaches and repairs, and in the midst of that the
 * power goes: the second must not trust what the first had only written.
 */
static void
killed_then_cut(const struct history_plan *plan, uint64_t seed)
{
	struct history h;
	struct dice dice = { seed * 5 + 1, 4 };
	int disk = fixture_file(), all = fixture_file();
	size_t synced = 0;

	record_history(&h, plan, seed);
	struct log log = take_log();
	for (size_t n = 1; n <= log.n; n++) {
		struct expectation want = { promised(&h, n, PROMISE_DURABLE),
					    newest(&h, n), false };
		want.may_be_nothing = want.from == 0;
		shim_apply(all, &log.ops[n - 1], NULL, NULL);
		for (; log.ops[n - 1].kind == SHIM_SYNC && synced < n; synced++)
			shim_apply(disk, &log.ops[synced], NULL, NULL);
		int work = fixture_copy(all);
		shim_record(work);
		recover(work);
		for (size_t end = 0; end <= shim_ops(); end++) {
			if (end > 0 && shim_op(end - 1)->kind == SHIM_SYNC)
				break; /* now all that was written is safe */
			int cut = fixture_copy(disk);
			for (size_t i = synced; i < n; i++)
				shim_apply(cut, &log.ops[i], keep_some, &dice);
			for (size_t i = 0; i < end; i++)
				shim_apply(cut, shim_op(i), keep_some, &dice);
			expect(&h, cut, MRQ_ATTACH_READ_WRITE, &want);
			close(cut);
		}
		close(work);
	}
	log_free(&log);
	close(disk);
	close(all);
	history_end(&h);
}

static void
survives_a_power_cut_while_repairing(void **state)
{
	(void)state;
	uint64_t seed = seed_of_run();

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		killed_then_cut(&plans[i], seed + i);
}

static void
survives_a_kill_after_each_call(void **state)
{
	(void)state;
	uint64_t seed = seed_of_run();

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		killed(&plans[i], seed + i);
}

static void
survives_a_power_cut_after_each_call(void **state)
{
	(void)state;
	uint64_t seed = seed_of_run();

	for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
		power_cuts(&plans[i], seed + i);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(survives_a_kill_after_each_call),
		cmocka_unit_test(survives_a_power_cut_after_each_call),
		cmocka_unit_test(survives_a_power_cut_while_repairing),
	};

	return CHECK_MAIN(tests);
}
