/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A settle that was cut short after the licence changed in a container whose header has
 * several pages: whichever sectors of the new header are in place, the file is as it was.
 */
#include "format/container.h"

#include "base/file.h"

#include "fixture.h"

#include <sys/uio.h>

#include <errno.h>

#define PAGES        2u /* of the header */
#define SECTOR       512u
#define SECTORS      (PAGES * MRQ_PAGE / SECTOR)
#define LICENCE      3000u
#define SIZE         (40u * 4096u)
#define CONTAINER_AT ((uint64_t)16 << 20) /* more than the file is long */

/* In place of the C library's: storage that takes nothing, by errno, when not 0. */
static int refuses_writes, refuses_syncs;

ssize_t
pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &buf, sizeof(buf)); /* loses const */
	if (refuses_writes) {
		errno = refuses_writes;
		return -1;
	}
	return pwritev(fd, &iov, 1, off);
}

int
fdatasync(int fd)
{
	if (refuses_syncs) {
		errno = refuses_syncs;
		return -1;
	}
	return fsync(fd);
}

static uint8_t plain[SIZE], before[LICENCE], after[LICENCE];

struct file {
	int fd;
	uint8_t settled[PAGES * MRQ_PAGE]; /* the header that the settle brings */
};

static int
copy_of(int fd)
{
	int to = fixture_file();
	struct stat st;
	static uint8_t buf[1 << 16];

	assert_int_equal(fstat(fd, &st), 0);
	assert_true((uint64_t)st.st_size < CONTAINER_AT);
	for (off_t off = 0; off < st.st_size; off += (off_t)sizeof(buf)) {
		ssize_t n = pread(fd, buf, sizeof(buf), off);

		assert_true(n > 0 && pwrite(to, buf, (size_t)n, off) == n);
	}
	return to;
}

static void
put(struct mrq_container *c, uint64_t block, uint8_t with)
{
	struct mrq_error err;

	memset(plain + block * 4096, with, 4096);
	check_ok(mrq_container_write(c, plain + block * 4096, 4096, block * 4096, &err),
		 &err);
	check_ok(mrq_container_commit(c, MRQ_COMMIT_DURABLE, &err), &err);
}

static void
protect(struct mrq_container *c, const uint8_t *licence)
{
	struct mrq_container_protection p = fixture_protection(licence, LICENCE);
	struct mrq_error err;

	check_ok(mrq_container_protect(c, &p, &err), &err);
}

/** A journal in which the licence changed after some blocks and before others. */
static int
setup(void **state)
{
	struct file *f = calloc(1, sizeof(*f));
	struct mrq_error err;

	assert_non_null(f);
	memset(before, 'b', sizeof(before));
	memset(after, 'a', sizeof(after));
	fixture_fill(plain, sizeof(plain), 1);
	f->fd = fixture_file();
	struct mrq_container *c = fixture_create(f->fd, 4096);
	protect(c, before);
	check_ok(mrq_container_write(c, plain, SIZE, 0, &err), &err);
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	put(c, 0, 10);
	put(c, 35, 11);
	protect(c, after);
	put(c, 1, 12);
	put(c, 36, 13);
	/* A mount that is killed: the container is not told. */
	int killed = copy_of(f->fd);
	mrq_container_free(c);
	close(f->fd);
	f->fd = killed;
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct file *f = *state;

	close(f->fd);
	free(f);
	return 0;
}

/** The header in place, once all is settled. */
static void
settled_header(struct file *f)
{
	int fd MRQ_CLEANUP(mrq_close) = copy_of(f->fd);
	struct mrq_container *c = fixture_open(fd, MRQ_ATTACH_READ_WRITE);
	struct mrq_error err;

	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	mrq_container_free(c);
	assert_int_equal(pread(fd, f->settled, sizeof(f->settled), 0),
			 sizeof(f->settled));
	assert_int_equal(f->settled[10], PAGES);
}

static void
all_there(int fd, enum mrq_attach mode)
{
	static uint8_t back[SIZE];
	struct mrq_container_facts facts;
	struct mrq_error err;
	size_t len;

	check_ok(mrq_container_facts_load(fd, "test", &facts, &err), &err);
	assert_int_equal(facts.size, SIZE);
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) =
		fixture_open(fd, mode);
	const void *licence = mrq_container_licence(c, &len);
	assert_int_equal(len, LICENCE);
	assert_memory_equal(licence, after, LICENCE);
	check_ok(mrq_container_read(c, back, SIZE, 0, &len, &err), &err);
	assert_int_equal(len, SIZE);
	assert_memory_equal(back, plain, SIZE);
}

/** The file when only these sectors of the new header are in place. */
static void
cut_short(struct file *f, uint32_t sectors)
{
	int fd MRQ_CLEANUP(mrq_close) = copy_of(f->fd);

	for (unsigned i = 0; i < SECTORS; i++)
		if (sectors & 1u << i)
			assert_int_equal(pwrite(fd, f->settled + i * SECTOR, SECTOR,
						(off_t)(i * SECTOR)),
					 SECTOR);
	all_there(fd, MRQ_ATTACH_READ_ONLY);
	all_there(fd, MRQ_ATTACH_READ_WRITE);
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) =
		fixture_open(fd, MRQ_ATTACH_READ_WRITE);
	struct mrq_error err;
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	all_there(fd, MRQ_ATTACH_READ_ONLY);
}

static void
nothing_is_lost_before_the_settle(void **state)
{
	struct file *f = *state;
	struct mrq_container_facts facts;
	struct mrq_error err;

	check_ok(mrq_container_facts_load(f->fd, "test", &facts, &err), &err);
	assert_true(facts.journal);
	cut_short(f, 0);
}

static void
any_page_of_the_header_may_be_in_place(void **state)
{
	const uint32_t page = (1u << SECTORS / PAGES) - 1;

	settled_header(*state);
	cut_short(*state, page);
	cut_short(*state, page << SECTORS / PAGES);
	cut_short(*state, page | page << SECTORS / PAGES);
}

static void
any_sector_of_the_header_may_be_in_place(void **state)
{
	settled_header(*state);
	for (unsigned i = 0; i < SECTORS; i++) {
		cut_short(*state, 1u << i);
		cut_short(*state, (1u << i) - 1);
		cut_short(*state, ~((1u << i) - 1));
	}
}

/* All is read; what would change it, or call it durable, is told. */
static void
read_but_not_changed(int fd, int error)
{
	static uint8_t back[SIZE];
	static uint8_t last[4096];
	struct mrq_error err;
	size_t len;
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) =
		fixture_open(fd, MRQ_ATTACH_READ_WRITE);

	check_ok(mrq_container_read(c, back, SIZE, 0, &len, &err), &err);
	assert_memory_equal(back, plain, SIZE);
	check_ok(mrq_container_commit(c, MRQ_COMMIT_KERNEL, &err), &err);
	check_status(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, error);
	check_status(mrq_container_write(c, "x", 1, 0, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, error);
	check_status(mrq_container_resize(c, 5, &err), MRQ_E_SYS, &err);
	check_status(mrq_container_commit(c, MRQ_COMMIT_DURABLE, &err), MRQ_E_SYS,
		     &err);
	check_ok(mrq_container_read(c, back, SIZE, 0, &len, &err), &err);
	assert_memory_equal(back, plain, SIZE);
	/* Storage is mended under it. */
	refuses_writes = refuses_syncs = 0;
	memcpy(last, plain + SIZE - 4096, sizeof(last));
	memset(plain + SIZE - 4096, error, 4096);
	check_ok(mrq_container_write(c, plain + SIZE - 4096, 4096, SIZE - 4096, &err),
		 &err);
	check_ok(mrq_container_commit(c, MRQ_COMMIT_DURABLE, &err), &err);
	check_ok(mrq_container_settle(c, MRQ_SETTLE_SYNC, &err), &err);
	all_there(fd, MRQ_ATTACH_READ_ONLY);
	memcpy(plain + SIZE - 4096, last, sizeof(last));
}

static void
a_journal_is_read_where_storage_refuses_it(void **state)
{
	const struct file *f = *state;
	static const int errors[] = { ENOSPC, EDQUOT, EIO };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		for (int syncs = 0; syncs < 2; syncs++) {
			int fd MRQ_CLEANUP(mrq_close) = copy_of(f->fd);
			*(syncs ? &refuses_syncs : &refuses_writes) = errors[i];
			all_there(fd, MRQ_ATTACH_READ_WRITE);
			read_but_not_changed(fd, errors[i]);
		}
	}
}

int
main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(nothing_is_lost_before_the_settle),
		CASE(any_page_of_the_header_may_be_in_place),
		CASE(any_sector_of_the_header_may_be_in_place),
		CASE(a_journal_is_read_where_storage_refuses_it),
	};
	struct mrq_error err;

	if (mrq_crypto_init(&err) != MRQ_OK)
		return 1;
	return CHECK_MAIN(tests);
}
