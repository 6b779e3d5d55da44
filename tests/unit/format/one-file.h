/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_FORMAT_ONE_FILE_H
#define MRQ_TEST_FORMAT_ONE_FILE_H

/* One container and its file, for the tests of container.h; buf is what is written. */
#include "fixture.h"

#include "format/internal.h"

static uint8_t buf[1 << 20], back[1 << 20];

struct file {
	int fd;
	struct mrq_container *c;
	struct mrq_error err;
};

static inline int
setup(void **state)
{
	struct file *f = calloc(1, sizeof(*f));

	f->fd = fixture_file();
	f->c = fixture_create(f->fd, 4096);
	fixture_fill(buf, sizeof(buf), 1);
	*state = f;
	return 0;
}

static inline int
teardown(void **state)
{
	struct file *f = *state;

	mrq_container_free(f->c);
	close(f->fd);
	free(f);
	return 0;
}

static inline void
put(struct file *f, uint64_t off, size_t len)
{
	check_ok(mrq_container_write(f->c, buf + off % 4096, len, off, &f->err),
		 &f->err);
}

static inline void
commit(struct file *f)
{
	check_ok(mrq_container_commit(f->c, MRQ_COMMIT_KERNEL, &f->err), &f->err);
}

static inline void
settle(struct file *f)
{
	check_ok(mrq_container_settle(f->c, MRQ_SETTLE_SYNC, &f->err), &f->err);
}

static inline void
reopen(struct file *f, enum mrq_attach mode)
{
	mrq_container_free(f->c);
	f->c = NULL;
	f->c = fixture_open(f->fd, mode);
}

static inline void
expect(struct file *f, uint64_t off, const void *data, size_t len)
{
	size_t got;

	check_ok(mrq_container_read(f->c, back, len, off, &got, &f->err), &f->err);
	assert_int_equal(got, len);
	assert_memory_equal(back, data, len);
}

static inline struct mrq_container_facts
facts_of(struct file *f)
{
	struct mrq_container_facts facts;

	mrq_container_facts_get(f->c, &facts);
	return facts;
}

static inline void
scribble(struct file *f, uint64_t page)
{
	uint8_t junk[512] = { 0 };

	assert_int_equal(pwrite(f->fd, junk, sizeof(junk), (off_t)(page * 4096 + 1024)),
			 sizeof(junk));
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
