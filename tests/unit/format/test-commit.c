/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Commits, settling, and blocks that a power cut took, by container.h. */
#include "one-file.h"

static void
a_commit_survives_the_process(void **state)
{
	struct file *f = *state;
	static uint8_t other[200000];

	put(f, 0, 200000);
	commit(f);
	memset(other, 7, sizeof(other));
	check_ok(mrq_container_write(f->c, other, 100000, 50000, &f->err), &f->err);
	commit(f);
	check_ok(mrq_container_write(f->c, other, 1000, 0, &f->err), &f->err);
	/* and what is not committed does not */
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 50000);
	expect(f, 50000, other, 100000);
	expect(f, 150000, buf + 150000, 50000);
}

static void
settled_is_said_when_it_is_so(void **state)
{
	struct file *f = *state;

	assert_false(mrq_container_settled(f->c));
	commit(f);
	assert_false(mrq_container_settled(f->c));
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_true(mrq_container_settled(f->c));
	assert_int_equal(facts_of(f).sequence, 2); /* the header says so, too */
	put(f, 0, 10);
	assert_false(mrq_container_settled(f->c));
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_false(mrq_container_settled(f->c)); /* durable, with a journal */
	check_ok(mrq_container_settle(f->c, MRQ_SETTLE_DURABLE_ALREADY, &f->err),
		 &f->err);
	assert_true(mrq_container_settled(f->c));
	assert_int_equal(fixture_file_size(f->fd), 8192);
}

static void
durable_is_said_of_what_was_synced(void **state)
{
	struct file *f = *state;

	put(f, 0, 10);
	commit(f);
	assert_int_equal(facts_of(f).durable, 0);
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_int_equal(facts_of(f).sequence, 2); /* which no sync has followed */
	assert_int_equal(facts_of(f).durable, 1);
	put(f, 0, 10);
	commit(f);
	assert_int_equal(facts_of(f).durable, 1);
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_int_equal(facts_of(f).sequence, 3);
	assert_int_equal(facts_of(f).durable, 3);
	reopen(f, MRQ_ATTACH_READ_ONLY); /* with a journal: nobody knows */
	assert_int_equal(facts_of(f).durable, 0);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	assert_int_equal(facts_of(f).durable, 0);
	settle(f);
	assert_int_equal(facts_of(f).durable, 3);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	assert_int_equal(facts_of(f).durable, 2);
}

static void
an_idle_commit_writes_nothing(void **state)
{
	struct file *f = *state;

	put(f, 0, 10);
	settle(f);
	uint64_t sequence = facts_of(f).sequence;
	commit(f);
	settle(f);
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_DURABLE, &f->err), &f->err);
	assert_int_equal(facts_of(f).sequence, sequence);
	assert_int_equal(fixture_file_size(f->fd), 8192);
}

static void
blocks_lost_in_a_power_cut_are_holes(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[4096];
	struct mrq_check found;

	put(f, 0, 3 * 4096);
	commit(f);
	scribble(f, 2);
	mrq_container_free(f->c);
	check_ok(
		mrq_container_attach(f->fd, MRQ_ATTACH_READ_WRITE, "t", &f->c, &f->err),
		&f->err);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.lost, 1);
	assert_int_equal(found.blocks, 2);
	assert_int_equal(found.holes, 1);
	check_ok(mrq_container_unlock(f->c, &fixture_key, &f->err), &f->err);
	expect(f, 0, buf, 4096);
	expect(f, 4096, zeros, 4096);
	expect(f, 8192, buf + 8192, 4096);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.lost, 1);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.lost, 0);
	expect(f, 4096, zeros, 4096);
	expect(f, 8192, buf + 8192, 4096);
}

/* The header in the file still tells of the lost block: its place is not fresh. */
static void
the_place_of_a_lost_block_is_not_fresh(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[4096];

	put(f, 0, 3 * 4096);
	commit(f);
	scribble(f, 2);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	put(f, 4096, 4096);
	/*
	 * What was not committed is not there, neither as the old nor as the new block.
	 */
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 4096, zeros, 4096);
	expect(f, 8192, buf + 8192, 4096);
}

static void
once_settled_nothing_counts_as_lost(void **state)
{
	struct file *f = *state;
	size_t got;

	put(f, 0, 3 * 4096);
	settle(f);
	scribble(f, 2);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 4096);
	memset(back, 0x5a, 4096);
	check_status(mrq_container_read(f->c, back, 4096, 4096, &got, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(back[i], 0);
	expect(f, 8192, buf + 8192, 4096);
	/* Overwriting it whole heals it. */
	put(f, 4096, 4096);
	expect(f, 4096, buf, 4096);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(a_commit_survives_the_process),
		WITH_FILE(settled_is_said_when_it_is_so),
		WITH_FILE(durable_is_said_of_what_was_synced),
		WITH_FILE(an_idle_commit_writes_nothing),
		WITH_FILE(blocks_lost_in_a_power_cut_are_holes),
		WITH_FILE(the_place_of_a_lost_block_is_not_fresh),
		WITH_FILE(once_settled_nothing_counts_as_lost),
	};

	return CHECK_MAIN(tests);
}
