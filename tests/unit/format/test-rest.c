/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a stopped writer left is read as it is.  Into the file it goes before the first change, on the
 * word of who has the key; what nobody vouches for changes nothing.
 */
#include "one-file.h"

#include "base/bytes.h"

#define BLOCKS 64u /* 32 of them inline */

/** The file has the bytes of a copy of it. */
static bool
is_same(int fd, int copy)
{
	static uint8_t a[65536], b[65536];
	ssize_t n;

	if (fixture_file_size(fd) != fixture_file_size(copy))
		return false;
	for (off_t at = 0; (n = pread(fd, a, sizeof(a), at)) > 0; at += n)
		if (pread(copy, b, (size_t)n, at) != n || memcmp(a, b, (size_t)n) != 0)
			return false;
	return true;
}

static void
blocks_settled(struct file *f)
{
	put(f, 0, BLOCKS * 4096);
	settle(f);
}

/** A journal that a stopped writer left: 5000 bytes at 100, and the rest as in buf. */
static void
journal_left(struct file *f)
{
	blocks_settled(f);
	check_ok(mrq_container_write(f->c, buf + 7, 5000, 100, &f->err), &f->err);
	commit(f);
	mrq_container_free(f->c);
	f->c = NULL;
}

static void
expect_journal(struct file *f)
{
	expect(f, 0, buf, 100);
	expect(f, 100, buf + 7, 5000);
	expect(f, 5100, buf + 5100, BLOCKS * 4096 - 5100);
}

/** Change bytes of a page with a checksum over it, and mend that. */
static void
forge(struct file *f, uint64_t page, size_t off, const void *data, size_t len,
      size_t checksum)
{
	uint8_t bytes[MRQ_PAGE];
	off_t at = (off_t)(page * MRQ_PAGE);

	assert_int_equal(pread(f->fd, bytes, sizeof(bytes), at), sizeof(bytes));
	memcpy(bytes + off, data, len);
	memset(bytes + checksum, 0, 4);
	struct mrq_writer w = mrq_writer_make(bytes + checksum, 4);
	mrq_write_u32(&w, mrq_crc32c(0, bytes, sizeof(bytes)));
	assert_int_equal(pwrite(f->fd, bytes, sizeof(bytes), at), sizeof(bytes));
}

/** All that may be asked of a container without changing it, and of a locked one at all. */
static void
ask_everything(struct mrq_container *c)
{
	struct mrq_check found;
	struct mrq_error err;

	check_ok(mrq_container_commit(c, MRQ_COMMIT_KERNEL, &err), &err);
	if (!mrq_container_unlocked(c)) {
		check_ok(mrq_container_commit(c, MRQ_COMMIT_DURABLE, &err), &err);
		check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
		check_ok(mrq_container_settle(c, MRQ_SETTLE_DURABLE_ALREADY, &err),
			 &err);
	}
	enum mrq_status s = mrq_container_check(c, NULL, NULL, &found, &err);
	assert_true(s == MRQ_OK || (s == MRQ_E_DAMAGED && !found.keyed));
	assert_true(found.unfinished);
	check_ok(mrq_container_lock(c, &err), &err);
}

/** Nobody changes the file: not without a key, and not with one when that does not open it. */
static void
nobody_changes(struct file *f, enum mrq_status unlocks)
{
	int copy = fixture_copy(f->fd);

	for (int attempt = 0; attempt < 2; attempt++) {
		struct mrq_container *c = NULL;
		check_ok(mrq_container_attach(f->fd, MRQ_ATTACH_READ_WRITE, "t", &c,
					      &f->err),
			 &f->err);
		if (attempt == 1)
			check_status(mrq_container_unlock(c, &fixture_key, &f->err),
				     unlocks, &f->err);
		ask_everything(c);
		mrq_container_free(c);
		assert_true(is_same(f->fd, copy));
	}
	close(copy);
}

static void
attach_replays_into_memory(void **state)
{
	struct file *f = *state;

	journal_left(f);
	uint64_t len = fixture_file_size(f->fd);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect_journal(f);
	assert_true(facts_of(f).journal);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect_journal(f);
	assert_true(facts_of(f).journal && !facts_of(f).settled);
	assert_int_equal(fixture_file_size(f->fd), len);
	settle(f);
	expect_journal(f);
	assert_true(facts_of(f).settled && !facts_of(f).journal);
	assert_int_equal(fixture_file_size(f->fd),
			 mrq_layout_end(&f->c->layout, BLOCKS * 4096) * MRQ_PAGE);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect_journal(f);
}

static void
what_was_not_committed_is_cut_off(void **state)
{
	struct file *f = *state;

	put(f, 0, 100);
	settle(f);
	put(f, 40 * 4096, 8192);
	put(f, 0, 100);
	uint64_t len = fixture_file_size(f->fd);
	assert_true(len > 40 * 4096);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	assert_int_equal(facts_of(f).size, 100);
	expect(f, 0, buf, 100);
	assert_int_equal(fixture_file_size(f->fd), len);
	settle(f);
	assert_int_equal(fixture_file_size(f->fd), 2 * 4096);
	expect(f, 0, buf, 100);
}

static void
an_altered_header_changes_nothing(void **state)
{
	struct file *f = *state;
	struct mrq_container_facts facts;
	const uint8_t size[8] = { 0, 0xc0, 3 }; /* 60 blocks */

	blocks_settled(f);
	forge(f, 0, 32, size, sizeof(size), 264);
	check_ok(mrq_container_facts_load(f->fd, "t", &facts, &f->err), &f->err);
	assert_int_equal(facts.size, 60 * 4096);
	nobody_changes(f, MRQ_E_DAMAGED);
}

static void
a_forged_journal_changes_nothing(void **state)
{
	struct file *f = *state;
	const uint8_t mac[4] = { 1, 2, 3, 4 };

	journal_left(f);
	forge(f, fixture_file_size(f->fd) / MRQ_PAGE - 1, 112, mac, sizeof(mac), 144);
	nobody_changes(f, MRQ_E_DAMAGED);
}

static void
who_only_reads_changes_nothing(void **state)
{
	struct file *f = *state;

	journal_left(f);
	nobody_changes(f, MRQ_OK);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	assert_true(mrq_container_settled(f->c)); /* for there is nothing of ours */
	settle(f);
	assert_int_equal(ftruncate(f->fd, (off_t)fixture_file_size(f->fd) + 5000), 0);
	nobody_changes(f, MRQ_OK);
}

enum change { WRITE, GROW, SHRINK, PUNCH, RESERVE, PROTECT, GENERATION, SYNC, SETTLE };

static void
change(struct file *f, enum change what)
{
	struct mrq_container_protection p = fixture_protection("another", 7);
	struct mrq_container *c = f->c;
	enum mrq_status s = MRQ_OK;

	if (what == WRITE)
		s = mrq_container_write(c, buf, 1, 0, &f->err);
	else if (what == GROW)
		s = mrq_container_resize(c, BLOCKS * 4096 + 1, &f->err);
	else if (what == SHRINK)
		s = mrq_container_resize(c, BLOCKS * 4096 - 1, &f->err);
	else if (what == PUNCH)
		s = mrq_container_punch(c, BLOCKS * 4096 - 1, 1, &f->err);
	else if (what == RESERVE)
		s = mrq_container_reserve(c, 0, 1, &f->err);
	else if (what == PROTECT)
		s = mrq_container_protect(c, &p, &f->err);
	else if (what == GENERATION)
		s = mrq_container_next_generation(c, &f->err);
	else if (what == SYNC)
		s = mrq_container_commit(c, MRQ_COMMIT_DURABLE, &f->err);
	else
		s = mrq_container_settle(c, MRQ_SETTLE_DURABLE_ALREADY, &f->err);
	check_ok(s, &f->err);
}

/* Each finds the journal in place, and goes on from there. */
static void
every_change_comes_after_the_rest(void **state)
{
	struct file *f = *state;

	journal_left(f);
	int left = f->fd;
	for (int what = WRITE; what <= SETTLE; what++) {
		f->fd = fixture_copy(left);
		reopen(f, MRQ_ATTACH_READ_WRITE);
		assert_true(f->c->rest_due && f->c->last_commit);
		change(f, (enum change)what);
		assert_false(f->c->rest_due);
		commit(f);
		expect(f, 100, buf + 7, 5000);
		reopen(f, MRQ_ATTACH_READ_ONLY);
		expect(f, 1, buf + 1, 99);
		expect(f, 100, buf + 7, 5000);
		expect(f, 5100, buf + 5100, (BLOCKS - 2) * 4096);
		close(f->fd);
	}
	f->fd = left;
}

static void
scribble_and_commit_unsettled(struct file *f, bool with_journal)
{
	put(f, 0, 3 * 4096);
	commit(f);
	if (with_journal) {
		put(f, 0, 4096);
		commit(f);
	}
	scribble(f, 2);
}

/* Who reads a block as lost must not make it so: it may be there again, from a backup. */
static void
to_read_a_lost_block_changes_nothing(void **state)
{
	struct file *f = *state;
	uint8_t page[4096];

	put(f, 0, 3 * 4096);
	commit(f);
	assert_int_equal(pread(f->fd, page, 4096, 8192), 4096);
	scribble(f, 2);
	int copy = fixture_copy(f->fd);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 4096);
	assert_true(mrq_container_settled(f->c));
	ask_everything(f->c);
	assert_true(is_same(f->fd, copy));
	assert_int_equal(pwrite(f->fd, page, 4096, 8192), 4096);
	reopen(f, MRQ_ATTACH_READ_WRITE);
	expect(f, 0, buf, 3 * 4096);
	close(copy);
}

/* A settled journal brings the entry of the lost block: its place is still not fresh. */
static void
a_lost_block_stays_so_through_the_rest(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[4096];

	for (int with_journal = 0; with_journal < 2; with_journal++) {
		close(f->fd);
		mrq_container_free(f->c);
		f->fd = fixture_file();
		f->c = fixture_create(f->fd, 4096);
		scribble_and_commit_unsettled(f, with_journal);
		reopen(f, MRQ_ATTACH_READ_WRITE);
		put(f, 4096, 4096); /* not committed */
		assert_int_equal(f->c->taint_end, 3);
		assert_int_equal(f->c->tree.taint_end, 3);
		reopen(f, MRQ_ATTACH_READ_WRITE);
		expect(f, 4096, zeros, 4096);
		settle(f);
		reopen(f, MRQ_ATTACH_READ_WRITE);
		assert_true(facts_of(f).settled);
		expect(f, 4096, zeros, 4096);
		put(f, 4096, 4096);
		settle(f);
		reopen(f, MRQ_ATTACH_READ_ONLY);
		expect(f, 0, buf, 4096);
		expect(f, 4096, buf, 4096);
		expect(f, 8192, buf + 8192, 4096);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(attach_replays_into_memory),
		WITH_FILE(what_was_not_committed_is_cut_off),
		WITH_FILE(an_altered_header_changes_nothing),
		WITH_FILE(a_forged_journal_changes_nothing),
		WITH_FILE(who_only_reads_changes_nothing),
		WITH_FILE(every_change_comes_after_the_rest),
		WITH_FILE(to_read_a_lost_block_changes_nothing),
		WITH_FILE(a_lost_block_stays_so_through_the_rest),
	};

	return CHECK_MAIN(tests);
}
