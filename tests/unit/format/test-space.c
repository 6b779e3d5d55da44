/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Size, holes, what a file takes on disk and of memory, by container.h. */
#include "one-file.h"

/* Pages on disk of a file of one block under a licence of so many bytes. */
static long
pages_taken(const struct mrq_container_protection *p, struct file *f)
{
	int fd MRQ_CLEANUP(mrq_close) = fixture_file();
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct stat st;

	check_ok(mrq_container_create(fd, p, 4096, FIXTURE_NOW, "test", &c, &f->err),
		 &f->err);
	check_ok(mrq_container_write(c, buf, 4096, 0, &f->err), &f->err);
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &f->err), &f->err);
	assert_int_equal(fstat(fd, &st), 0);
	return st.st_blocks / 8;
}

static void
room_for_another_licence_takes_no_space(void **state)
{
	struct file *f = *state;
	static uint8_t licence[6496];
	struct mrq_container_protection p;

	memset(licence, 'l', sizeof(licence));
	p = fixture_protection(licence, 1376);
	assert_int_equal(pages_taken(&p, f), 2);
	p = fixture_protection(licence, 2400);
	assert_int_equal(pages_taken(&p, f), 2);
	p = fixture_protection(licence, 2401);
	assert_int_equal(pages_taken(&p, f), 3);

	/* and is there when it is needed */
	int fd MRQ_CLEANUP(mrq_close) = fixture_file();
	p = fixture_protection(licence, 2000);
	mrq_container_free(f->c);
	f->c = NULL;
	close(f->fd);
	f->fd = dup(fd);
	check_ok(mrq_container_create(f->fd, &p, 4096, FIXTURE_NOW, "test", &f->c,
				      &f->err),
		 &f->err);
	put(f, 0, 3 * 4096);
	commit(f);
	p = fixture_protection(licence, sizeof(licence));
	check_ok(mrq_container_protect(f->c, &p, &f->err), &f->err);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	assert_int_equal(facts_of(f).licence_len, sizeof(licence));
	expect(f, 0, buf, 3 * 4096);
}

static void
holes_stay_holes(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[8192];
	struct stat st;

	put(f, 64ull << 20, 100);
	settle(f);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_blocks < 64);
	expect(f, 32 << 20, zeros, sizeof(zeros));
	put(f, 0, 1 << 20);
	settle(f);
	assert_int_equal(fstat(f->fd, &st), 0);
	long full = st.st_blocks;
	check_ok(mrq_container_punch(f->c, 4096, 100 * 4096, &f->err), &f->err);
	settle(f);
	assert_int_equal(fstat(f->fd, &st), 0);
	assert_true(st.st_blocks <= full - 99 * 8);
	expect(f, 4096, zeros, sizeof(zeros));
	expect(f, 101 * 4096, buf + 101 * 4096, 4096);
	assert_int_equal(facts_of(f).size, (64u << 20) + 100);
}

static void
bytes_cut_off_come_back_as_zeros(void **state)
{
	struct file *f = *state;
	static const uint8_t zeros[300000];

	put(f, 0, 300000);
	settle(f);
	check_ok(mrq_container_resize(f->c, 5000, &f->err), &f->err);
	check_ok(mrq_container_resize(f->c, 300000, &f->err), &f->err);
	expect(f, 0, buf, 5000);
	expect(f, 5000, zeros, 295000);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 0, buf, 5000);
	expect(f, 5000, zeros, 295000);
}

static void
punch_keeps_the_size_and_what_is_beside(void **state)
{
	struct file *f = *state;

	put(f, 0, 20000);
	commit(f);
	check_ok(mrq_container_punch(f->c, 1000, 12000, &f->err), &f->err);
	assert_int_equal(facts_of(f).size, 20000);
	memcpy(back, buf, 20000);
	memset(back + 1000, 0, 12000);
	uint8_t *model = malloc(20000);
	memcpy(model, back, 20000);
	expect(f, 0, model, 20000);
	check_ok(mrq_container_punch(f->c, 19000, UINT64_MAX - 19000, &f->err),
		 &f->err);
	check_ok(mrq_container_punch(f->c, 30000, 10, &f->err), &f->err);
	check_ok(mrq_container_punch(f->c, 10, 0, &f->err), &f->err);
	memset(model + 19000, 0, 1000);
	expect(f, 0, model, 20000);
	free(model);
}

static void
reserve_changes_neither_content_nor_size(void **state)
{
	struct file *f = *state;

	put(f, 0, 100);
	settle(f);
	check_ok(mrq_container_reserve(f->c, 0, 1 << 20, &f->err), &f->err);
	check_ok(mrq_container_reserve(f->c, 0, 0, &f->err), &f->err);
	assert_int_equal(facts_of(f).size, 100);
	assert_int_equal(fixture_file_size(f->fd), 8192);
	put(f, 4096, 1 << 19);
	settle(f);
	expect(f, 0, buf, 100);
	expect(f, 4096, buf, 1 << 19);
}

static void
seek_finds_data_and_holes_by_block(void **state)
{
	struct file *f = *state;
	uint64_t at;

	put(f, 3 * 4096, 10);
	put(f, 500ull * 4096, 10);
	check_ok(mrq_container_resize(f->c, 1000 * 4096, &f->err), &f->err);
	check_ok(mrq_container_seek(f->c, 0, MRQ_SEEK_DATA, &at, &f->err), &f->err);
	assert_int_equal(at, 3 * 4096);
	check_ok(mrq_container_seek(f->c, at + 5, MRQ_SEEK_DATA, &at, &f->err),
		 &f->err);
	assert_int_equal(at, 3 * 4096 + 5);
	check_ok(mrq_container_seek(f->c, at, MRQ_SEEK_HOLE, &at, &f->err), &f->err);
	assert_int_equal(at, 4 * 4096);
	check_ok(mrq_container_seek(f->c, at, MRQ_SEEK_DATA, &at, &f->err), &f->err);
	assert_int_equal(at, 500 * 4096);
	check_ok(mrq_container_seek(f->c, 7, MRQ_SEEK_HOLE, &at, &f->err), &f->err);
	assert_int_equal(at, 7);
	check_status(mrq_container_seek(f->c, 501 * 4096, MRQ_SEEK_DATA, &at, &f->err),
		     MRQ_E_NOT_FOUND, &f->err);
	check_status(mrq_container_seek(f->c, 1000 * 4096, MRQ_SEEK_HOLE, &at, &f->err),
		     MRQ_E_NOT_FOUND, &f->err);
	put(f, 999 * 4096, 4096);
	check_ok(mrq_container_seek(f->c, 999 * 4096, MRQ_SEEK_HOLE, &at, &f->err),
		 &f->err);
	assert_int_equal(at, 1000 * 4096);
}

#define SEGMENT (128 * 4096ull)

/* More tag pages than stay in memory; fresh ones are written before the commit. */
static void
many_dirty_tag_pages_are_bounded(void **state)
{
	struct file *f = *state;
	const unsigned n = 700;

	commit(f);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < n; i++) {
			put(f, 32 * 4096 + i * SEGMENT + round * 4096, 4096);
			assert_true(f->c->tree.n_dirty <= MRQ_TREE_DIRTY_MAX + 10);
			assert_true(f->c->tree.n_clean <= MRQ_TREE_CLEAN_MAX);
		}
		if (round == 1)
			commit(f);
	}
	/* Uncommitted: whoever attaches must not see a tag page written over. */
	int copy = fixture_copy(f->fd);
	struct mrq_container *c = fixture_open(copy, MRQ_ATTACH_READ_WRITE);
	struct mrq_check found;
	check_ok(mrq_container_check(c, NULL, NULL, &found, &f->err), &f->err);
	assert_true(found.blocks >= 2 * n);
	mrq_container_free(c);
	close(copy);
	settle(f);
	reopen(f, MRQ_ATTACH_READ_ONLY);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_int_equal(found.blocks, 3 * n);
	for (unsigned i = 0; i < n; i += 37)
		for (unsigned k = 0; k < 3; k++)
			expect(f, 32 * 4096 + i * SEGMENT + k * 4096, buf, 4096);
}

static void
the_journal_is_bounded(void **state)
{
	struct file *f = *state;
	uint64_t most = 0;

	put(f, 0, 1 << 20);
	settle(f);
	for (unsigned i = 0; i < 160; i++) {
		put(f, 0, 1 << 20);
		commit(f);
		uint64_t pages = f->c->journal_end - f->c->journal_start;
		most = pages > most ? pages : most;
	}
	assert_true(most > MRQ_JOURNAL_MAX / MRQ_PAGE / 2);
	assert_true(most <= MRQ_JOURNAL_MAX / MRQ_PAGE);
	assert_true(fixture_file_size(f->fd) < (uint64_t)MRQ_JOURNAL_MAX + (8u << 20));
	reopen(f, MRQ_ATTACH_READ_ONLY);
	expect(f, 0, buf, 1 << 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(room_for_another_licence_takes_no_space),
		WITH_FILE(holes_stay_holes),
		WITH_FILE(bytes_cut_off_come_back_as_zeros),
		WITH_FILE(punch_keeps_the_size_and_what_is_beside),
		WITH_FILE(reserve_changes_neither_content_nor_size),
		WITH_FILE(seek_finds_data_and_holes_by_block),
		WITH_FILE(many_dirty_tag_pages_are_bounded),
		WITH_FILE(the_journal_is_bounded),
	};

	return CHECK_MAIN(tests);
}
