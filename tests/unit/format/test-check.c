/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Verification of a whole container, by container.h. */
#include "one-file.h"

struct reported {
	uint64_t off, len;
	unsigned n;
};

static void
note(uint64_t off, uint64_t len, const char *reason, void *arg)
{
	struct reported *r = arg;

	assert_true(reason[0] != '\0');
	r->off = off;
	r->len = len;
	r->n++;
}

static void
check_finds_each_damaged_range(void **state)
{
	struct file *f = *state;
	struct reported r = { 0 };
	struct mrq_check found;

	put(f, 0, 1 << 20); /* 32 blocks, a segment of 128, and 96 */
	settle(f);
	check_ok(mrq_container_check(f->c, note, &r, &found, &f->err), &f->err);
	assert_int_equal(found.blocks, 256);
	assert_int_equal(found.holes, 0);
	assert_true(found.keyed && !found.journal_replayed);
	scribble(f, mrq_layout_block_page(&f->c->layout, 40));
	check_status(mrq_container_check(f->c, note, &r, &found, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_int_equal(found.damaged, 1);
	assert_true(r.n == 1 && r.off == 40 * 4096 && r.len == 4096);
	scribble(f, mrq_layout_tree_page(&f->c->layout, 0, 1));
	check_status(mrq_container_check(f->c, note, &r, &found, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_int_equal(found.damaged, 2);
	assert_true(r.n == 3 && r.off == 160 * 4096 && r.len == 96 * 4096);
}

static void
check_without_a_key_sees_what_is_missing(void **state)
{
	struct file *f = *state;
	struct mrq_check found;

	put(f, 0, 1 << 20);
	settle(f);
	mrq_container_free(f->c);
	check_ok(mrq_container_attach(f->fd, MRQ_ATTACH_READ_ONLY, "t", &f->c, &f->err),
		 &f->err);
	check_ok(mrq_container_check(f->c, NULL, NULL, &found, &f->err), &f->err);
	assert_true(!found.keyed && found.blocks == 256);
	assert_int_equal(ftruncate(f->fd, 100 * 4096), 0);
	check_status(mrq_container_check(f->c, NULL, NULL, &found, &f->err),
		     MRQ_E_DAMAGED, &f->err);
	assert_true(found.damaged > 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FILE(check_finds_each_damaged_range),
		WITH_FILE(check_without_a_key_sees_what_is_missing),
	};

	return CHECK_MAIN(tests);
}
