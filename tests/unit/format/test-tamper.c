/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whatever is changed in the file, a reader gets the right bytes or an error, never
 * others.
 */
#include "fixture.h"

#include "base/bytes.h"
#include "format/header.h"
#include "format/layout.h"

#define SIZE ((32 + 128 + 40) * 4096u - 100)

static uint8_t content[SIZE + 1], older[SIZE + 1], got[SIZE + 1];

struct file {
	int fd;
	uint8_t *bytes; /* as they should be */
	size_t len;
	struct mrq_layout layout;
};

/* A settled file with the first bytes of `content`. */
static int
make_file(void **state, size_t size)
{
	struct file *f = calloc(1, sizeof(*f));
	struct mrq_error err;

	fixture_fill(content, SIZE, 1);
	fixture_fill(older, SIZE, 2);
	f->layout = mrq_layout_make(1, 12);
	f->fd = fixture_file();
	struct mrq_container *c = fixture_create(f->fd, 4096);
	check_ok(mrq_container_write(c, content, size, 0, &err), &err);
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	mrq_container_free(c);
	f->len = fixture_file_size(f->fd);
	f->bytes = malloc(f->len);
	assert_int_equal(pread(f->fd, f->bytes, f->len, 0), f->len);
	*state = f;
	return 0;
}

static int
setup(void **state)
{
	return make_file(state, SIZE);
}

static int
setup_small(void **state)
{
	return make_file(state, 100);
}

static int
teardown(void **state)
{
	struct file *f = *state;

	close(f->fd);
	free(f->bytes);
	free(f);
	return 0;
}

/* Read block by block; true when all were right and none was refused. */
static bool
read_all(struct mrq_container *c, enum mrq_status *ret_worst)
{
	struct mrq_error err;
	bool whole = true;
	size_t n;

	for (uint64_t off = 0; off < SIZE; off += 4096) {
		size_t want = SIZE - off < 4096 ? SIZE - off : 4096;
		enum mrq_status s = mrq_container_read(c, got, 4096, off, &n, &err);
		if (s != MRQ_OK) {
			assert_int_equal(s, MRQ_E_DAMAGED);
			*ret_worst = s;
			whole = false;
			continue;
		}
		assert_int_equal(n, want);
		assert_memory_equal(got, content + off, want);
	}
	return whole;
}

/*
 * Open in both modes; what can be read is right.  Returns the worst status that was
 * met.
 */
static enum mrq_status
outcome(struct file *f)
{
	enum mrq_status worst = MRQ_OK;

	for (int mode = 0; mode < 2; mode++) {
		struct mrq_container *c = NULL;
		struct mrq_error err;
		int fd = fixture_copy(f->fd);
		enum mrq_status s = mrq_container_attach(
			fd, mode ? MRQ_ATTACH_READ_WRITE : MRQ_ATTACH_READ_ONLY,
			"tampered", &c, &err);
		if (s == MRQ_OK)
			s = mrq_container_unlock(c, &fixture_key, &err);
		if (s == MRQ_OK) {
			struct mrq_check found;
			bool whole = read_all(c, &worst);
			s = mrq_container_check(c, NULL, NULL, &found, &err);
			assert_int_equal(s, whole ? MRQ_OK : MRQ_E_DAMAGED);
		} else {
			assert_true(s == MRQ_E_PLAIN || s == MRQ_E_VERSION ||
				    s == MRQ_E_FORMAT || s == MRQ_E_DAMAGED);
			worst = s;
		}
		mrq_container_free(c);
		close(fd);
	}
	return worst;
}

static void
restore(struct file *f)
{
	assert_int_equal(ftruncate(f->fd, (off_t)f->len), 0);
	assert_int_equal(pwrite(f->fd, f->bytes, f->len, 0), f->len);
}

static void
flip(struct file *f, size_t bit)
{
	uint8_t byte = f->bytes[bit / 8] ^ (uint8_t)(1u << bit % 8);

	assert_int_equal(pwrite(f->fd, &byte, 1, (off_t)(bit / 8)), 1);
}

static enum mrq_status
attach_only(struct file *f)
{
	struct mrq_container *c = NULL;
	struct mrq_error err;
	enum mrq_status s =
		mrq_container_attach(f->fd, MRQ_ATTACH_READ_ONLY, "tampered", &c, &err);

	if (s == MRQ_OK)
		s = mrq_container_unlock(c, &fixture_key, &err);
	mrq_container_free(c);
	return s;
}

static void
every_bit_of_the_header(void **state)
{
	struct file *f = *state;

	for (size_t bit = 0; bit < MRQ_PAGE * 8; bit++) {
		flip(f, bit);
		assert_int_not_equal(attach_only(f), MRQ_OK);
		assert_int_equal(pwrite(f->fd, f->bytes + bit / 8, 1, (off_t)(bit / 8)),
				 1);
	}
	assert_int_equal(attach_only(f), MRQ_OK);
}

/* The same by someone who makes the checksum right. */
static void
every_byte_of_the_header_with_its_checksum(void **state)
{
	struct file *f = *state;
	static const struct mrq_mac_key none;
	uint8_t page[MRQ_PAGE];

	for (size_t i = 0; i < MRQ_PAGE; i++) {
		if (i >= 264 && i < 268)
			continue;
		memcpy(page, f->bytes, sizeof(page));
		mrq_header_seal(page, 1, &none);
		if (i < 232 || i >= 264) /* keep the true MAC, as far as it goes */
			memcpy(page + 232, f->bytes + 232, 32);
		page[i] ^= 0x10;
		memset(page + 264, 0, 4);
		uint32_t crc = mrq_crc32c(0, page, sizeof(page));
		for (unsigned k = 0; k < 4; k++)
			page[264 + k] = (uint8_t)(crc >> (8 * k));
		assert_int_equal(pwrite(f->fd, page, sizeof(page), 0), sizeof(page));
		assert_int_not_equal(attach_only(f), MRQ_OK);
	}
	restore(f);
	assert_int_equal(attach_only(f), MRQ_OK);
}

static void
random_bits_of_the_body(void **state)
{
	struct file *f = *state;
	uint64_t seed = 4711;

	for (unsigned i = 0; i < 60; i++) {
		size_t bit =
			MRQ_PAGE * 8 + check_next(&seed) % ((f->len - MRQ_PAGE) * 8);
		uint64_t page = bit / 8 / MRQ_PAGE;
		flip(f, bit);
		/* Pages 33 to 36 are tree pages of levels that are not in use. */
		bool used = page < 33 || page > 36;
		assert_int_equal(outcome(f), used ? MRQ_E_DAMAGED : MRQ_OK);
		restore(f);
	}
}

static void
swap_pages(struct file *f, uint64_t a, uint64_t b)
{
	assert_int_equal(
		pwrite(f->fd, f->bytes + b * MRQ_PAGE, MRQ_PAGE, (off_t)(a * MRQ_PAGE)),
		MRQ_PAGE);
	assert_int_equal(
		pwrite(f->fd, f->bytes + a * MRQ_PAGE, MRQ_PAGE, (off_t)(b * MRQ_PAGE)),
		MRQ_PAGE);
}

static void
swapped_blocks_and_tag_pages(void **state)
{
	struct file *f = *state;
	const struct mrq_layout *l = &f->layout;

	swap_pages(f, mrq_layout_block_page(l, 3), mrq_layout_block_page(l, 4));
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	restore(f);
	swap_pages(f, mrq_layout_block_page(l, 33), mrq_layout_block_page(l, 170));
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	restore(f);
	swap_pages(f, mrq_layout_tree_page(l, 0, 0), mrq_layout_tree_page(l, 0, 1));
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	restore(f);
	swap_pages(f, mrq_layout_tree_page(l, 1, 0), mrq_layout_tree_page(l, 0, 1));
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	restore(f);
	/* Two blocks and their entries: each authenticates, but not there. */
	uint8_t tags[MRQ_PAGE];
	uint64_t tag_page = mrq_layout_tree_page(l, 0, 0);
	memcpy(tags, f->bytes + tag_page * MRQ_PAGE, sizeof(tags));
	memcpy(tags, f->bytes + tag_page * MRQ_PAGE + 32, 32);
	memcpy(tags + 32, f->bytes + tag_page * MRQ_PAGE, 32);
	swap_pages(f, mrq_layout_block_page(l, 32), mrq_layout_block_page(l, 33));
	assert_int_equal(
		pwrite(f->fd, tags, sizeof(tags), (off_t)(tag_page * MRQ_PAGE)),
		sizeof(tags));
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
}

/* What is past the end of the file is zeros: these may be missing. */
static bool
is_zeros(const struct file *f, size_t from)
{
	while (from < f->len && f->bytes[from] == 0)
		from++;
	return from == f->len;
}

static void
the_tail_cut_off_anywhere(void **state)
{
	struct file *f = *state;

	for (size_t len = f->len - 1; len > 0; len = len * 7 / 8) {
		assert_int_equal(ftruncate(f->fd, (off_t)len), 0);
		if (is_zeros(f, len))
			assert_int_equal(outcome(f), MRQ_OK);
		else
			assert_int_not_equal(outcome(f), MRQ_OK);
		restore(f);
	}
}

/* Pages of an earlier state of the same file, one by one and together. */
static void
older_pages_put_back(void **state)
{
	struct file *f = *state;
	struct mrq_error err;
	const struct mrq_layout *l = &f->layout;
	struct mrq_container *c;

	/* Now f->bytes is the older state. */
	c = fixture_open(f->fd, MRQ_ATTACH_READ_WRITE);
	check_ok(mrq_container_write(c, older, SIZE, 0, &err), &err);
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	mrq_container_free(c);
	uint8_t *now = malloc(f->len), *was = f->bytes;
	assert_int_equal(pread(f->fd, now, f->len, 0), f->len);
	memcpy(got, content, SIZE);
	memcpy(content, older, SIZE);
	memcpy(older, got, SIZE);
	assert_int_equal(outcome(f), MRQ_OK);
	f->bytes = now;

	uint64_t pages[] = {
		mrq_layout_block_page(l, 7),  /* a block whose entry is in the header */
		mrq_layout_block_page(l, 50), /* a block */
		mrq_layout_tree_page(l, 0, 0), /* its tag page */
		mrq_layout_tree_page(l, 1, 0), /* the top of the tree */
	};
	for (unsigned set = 1; set < 16; set++) {
		for (unsigned i = 0; i < 4; i++)
			if (set & 1u << i)
				assert_int_equal(
					pwrite(f->fd, was + pages[i] * MRQ_PAGE,
					       MRQ_PAGE, (off_t)(pages[i] * MRQ_PAGE)),
					MRQ_PAGE);
		assert_int_equal(outcome(f), MRQ_E_DAMAGED);
		restore(f);
	}
	/* All of the body with the newer header, and the other way round. */
	assert_int_equal(pwrite(f->fd, was + MRQ_PAGE, f->len - MRQ_PAGE, MRQ_PAGE),
			 f->len - MRQ_PAGE);
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	restore(f);
	assert_int_equal(pwrite(f->fd, was, MRQ_PAGE, 0), MRQ_PAGE);
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	free(was);
}

/* Header or body of another file under the same licence. */
static void
parts_of_another_file(void **state)
{
	struct file *f = *state;
	struct file *other;
	void *s;

	assert_int_equal(setup(&s), 0);
	other = s;
	assert_int_equal(pwrite(f->fd, other->bytes, MRQ_PAGE, 0), MRQ_PAGE);
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	restore(f);
	swap_pages(f, 1, 1);
	assert_int_equal(
		pwrite(f->fd, other->bytes + 5 * MRQ_PAGE, MRQ_PAGE, 5 * MRQ_PAGE),
		MRQ_PAGE);
	assert_int_equal(outcome(f), MRQ_E_DAMAGED);
	assert_int_equal(teardown(&s), 0);
}

/* Every bit of a journal, one in a while: what is ignored is ignored as a whole. */
static void
bits_of_a_journal(void **state)
{
	struct file *f = *state;
	struct mrq_error err;
	uint64_t seed = 99;
	size_t n;

	struct mrq_container *c = fixture_open(f->fd, MRQ_ATTACH_READ_WRITE);
	check_ok(mrq_container_write(c, older, 4096, 4096, &err), &err);
	check_ok(mrq_container_write(c, older, 4096, 50 * 4096, &err), &err);
	check_ok(mrq_container_commit(c, MRQ_COMMIT_DURABLE, &err), &err);
	mrq_container_free(c);
	size_t len = fixture_file_size(f->fd);
	uint8_t *with = malloc(len);
	assert_int_equal(pread(f->fd, with, len, 0), len);
	for (unsigned i = 0; i < 150; i++) {
		size_t at = len - 1 - check_next(&seed) % (6 * MRQ_PAGE);
		uint8_t byte = with[at] ^ (uint8_t)(1u << check_next(&seed) % 8);
		assert_int_equal(pwrite(f->fd, &byte, 1, (off_t)at), 1);
		struct mrq_container *r = fixture_open(f->fd, MRQ_ATTACH_READ_ONLY);
		uint8_t a[4096], b[4096];
		check_ok(mrq_container_read(r, a, 4096, 4096, &n, &err), &err);
		check_ok(mrq_container_read(r, b, 4096, 50 * 4096, &n, &err), &err);
		bool before = memcmp(a, content + 4096, 4096) == 0 &&
			      memcmp(b, content + 50 * 4096, 4096) == 0;
		bool after = memcmp(a, older, 4096) == 0 && memcmp(b, older, 4096) == 0;
		assert_true(before || after);
		mrq_container_free(r);
		assert_int_equal(pwrite(f->fd, with + at, 1, (off_t)at), 1);
	}
	free(with);
}

/* Someone without the key writes a journal with right checksums. */
static void
a_forged_journal_does_not_unlock(void **state)
{
	struct file *f = *state;
	struct mrq_error err;
	uint8_t page[MRQ_PAGE];

	struct mrq_container *c = fixture_open(f->fd, MRQ_ATTACH_READ_WRITE);
	check_ok(mrq_container_write(c, older, 100, 0, &err), &err);
	check_ok(mrq_container_commit(c, MRQ_COMMIT_DURABLE, &err), &err);
	mrq_container_free(c);
	off_t at = (off_t)fixture_file_size(f->fd) - MRQ_PAGE;
	assert_int_equal(pread(f->fd, page, MRQ_PAGE, at), MRQ_PAGE);
	page[112] ^= 1; /* the MAC */
	memset(page + 144, 0, 4);
	uint32_t crc = mrq_crc32c(0, page, MRQ_PAGE);
	for (unsigned k = 0; k < 4; k++)
		page[144 + k] = (uint8_t)(crc >> (8 * k));
	assert_int_equal(pwrite(f->fd, page, MRQ_PAGE, at), MRQ_PAGE);
	check_ok(mrq_container_attach(f->fd, MRQ_ATTACH_READ_ONLY, "t", &c, &err),
		 &err);
	check_status(mrq_container_unlock(c, &fixture_key, &err), MRQ_E_DAMAGED, &err);
	assert_non_null(strstr(err.msg, "journal"));
	mrq_container_free(c);
}

#define WITH_FILE(test)  cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH_SMALL(test) cmocka_unit_test_setup_teardown(test, setup_small, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SMALL(every_bit_of_the_header),
		WITH_SMALL(every_byte_of_the_header_with_its_checksum),
		WITH_FILE(random_bits_of_the_body),
		WITH_FILE(swapped_blocks_and_tag_pages),
		WITH_FILE(the_tail_cut_off_anywhere),
		WITH_FILE(older_pages_put_back),
		WITH_FILE(parts_of_another_file),
		WITH_FILE(bits_of_a_journal),
		WITH_FILE(a_forged_journal_does_not_unlock),
	};

	return CHECK_MAIN(tests);
}
