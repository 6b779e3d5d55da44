/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a stopped writer left: read as it is, and changed only on the word of who has the key. */
#include "one-file.h"

static void
attach_replays_into_memory_or_the_file(void **state)
{
	struct file *f = *state;
	struct mrq_container_facts facts;

	put(f, 0, 9000);
	settle(f);
	put(f, 100, 9000);
	commit(f);
	uint64_t len = fixture_file_size(f->fd);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 100, buf + 100, 9000);
	assert_int_equal(fixture_file_size(f->fd), len);
	assert_true(facts_of(f).journal);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 100, buf + 100, 9000);
	assert_int_equal(fixture_file_size(f->fd), 4 * 4096);
	facts = facts_of(f);
	assert_true(facts.settled && !facts.journal);
}

static void
what_was_not_committed_is_cut_off(void **state)
{
	struct file *f = *state;

	put(f, 0, 100);
	settle(f);
	put(f, 40 * 4096, 8192);
	put(f, 0, 100);
	assert_true(fixture_file_size(f->fd) > 40 * 4096);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	assert_int_equal(fixture_file_size(f->fd), 2 * 4096);
	assert_int_equal(facts_of(f).size, 100);
	expect(f, 0, buf, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(attach_replays_into_memory_or_the_file),
		WITH_FILE(what_was_not_committed_is_cut_off),
	};

	return CHECK_MAIN(tests);
}
