/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_FORMAT_FIXTURE_H
#define MRQ_TEST_FORMAT_FIXTURE_H

/* Containers in memory files, for the tests of format/. */
#include "../check.h"

#include "format/container.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

#define FIXTURE_NOW     1700000000
#define FIXTURE_LICENCE "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl"

static const struct mrq_content_key fixture_key = { { 1, 2, 3, 4 } };
static const struct mrq_content_key fixture_other_key = { { 9, 9, 9 } };

static inline int
fixture_file(void)
{
	int fd = memfd_create("container", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline struct mrq_container_protection
fixture_protection(const void *licence, size_t len)
{
	return (struct mrq_container_protection){
		.content_id = { { 0xc0, 1 } },
		.label_id = { { 0x1a, 2 } },
		.owner = "ann@example.org",
		.licence_type = MRQ_LICENCE_JWS,
		.licence = licence,
		.licence_len = (uint32_t)len,
		.content_key = &fixture_key,
	};
}

/** A new container of an empty file; nothing is in the file yet. */
static inline struct mrq_container *
fixture_create(int fd, uint32_t block_size)
{
	struct mrq_container_protection p =
		fixture_protection(FIXTURE_LICENCE, strlen(FIXTURE_LICENCE));
	struct mrq_container *c = NULL;
	struct mrq_error err;

	check_ok(
		mrq_container_create(fd, &p, block_size, FIXTURE_NOW, "test", &c, &err),
		&err);
	return c;
}

/** Attached and unlocked. */
static inline struct mrq_container *
fixture_open(int fd, enum mrq_attach mode)
{
	struct mrq_container *c = NULL;
	struct mrq_error err;

	check_ok(mrq_container_attach(fd, mode, "test", &c, &err), &err);
	check_ok(mrq_container_unlock(c, &fixture_key, &err), &err);
	return c;
}

static inline uint64_t
fixture_size(struct mrq_container *c)
{
	struct mrq_container_facts facts;

	mrq_container_facts_get(c, &facts);
	return facts.size;
}

static inline uint64_t
fixture_file_size(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (uint64_t)st.st_size;
}

/** A file with the same bytes; holes stay holes. */
static inline int
fixture_copy(int fd)
{
	int copy = fixture_file();
	uint64_t len = fixture_file_size(fd);
	static uint8_t buf[65536];
	off_t end, at = 0;

	assert_int_equal(ftruncate(copy, (off_t)len), 0);
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		while (at < end) {
			size_t n = (size_t)(end - at) < sizeof(buf) ? (size_t)(end - at)
								    : sizeof(buf);
			ssize_t got = pread(fd, buf, n, at);
			assert_true(got > 0);
			assert_int_equal(pwrite(copy, buf, (size_t)got, at), got);
			at += got;
		}
	}
	return copy;
}

/** Bytes that tell place and version, so that a wrong one is seen. */
static inline void
fixture_fill(uint8_t *buf, size_t len, uint64_t version)
{
	uint64_t seed = version * 2 + 1;

	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			(void)check_next(&seed);
		buf[i] = (uint8_t)(seed >> (8 * (i % 8)));
	}
}

#endif
