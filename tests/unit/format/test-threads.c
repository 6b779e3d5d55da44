/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All functions may be called at once: each block that is read is one that was written,
 * whole.
 */
#include "fixture.h"

#include <pthread.h>
#include <stdatomic.h>

#define BLOCKS 300u
#define ROUNDS 4000u

struct shared {
	struct mrq_container *c;
	atomic_bool over;
	atomic_uint failures;
};

static void
fill(uint8_t block[static 4096], uint64_t number, uint64_t version)
{
	fixture_fill(block, 4096, version << 20 | number);
	memcpy(block, &version, sizeof(version));
}

static bool
is_some_version(const uint8_t block[static 4096], uint64_t number)
{
	uint8_t want[4096];
	uint64_t version;

	memcpy(&version, block, sizeof(version));
	if (version == 0)
		memset(want, 0, sizeof(want));
	else
		fill(want, number, version);
	return memcmp(block, want, sizeof(want)) == 0;
}

static void *
reader(void *arg)
{
	struct shared *s = arg;
	uint8_t data[8 * 4096];
	uint64_t seed = (uintptr_t)&data | 1, at;
	size_t got;

	while (!atomic_load(&s->over)) {
		uint64_t block = check_next(&seed) % BLOCKS;
		if (mrq_container_read(s->c, data, sizeof(data), block * 4096, &got,
				       NULL) != MRQ_OK)
			atomic_fetch_add(&s->failures, 1);
		for (size_t i = 0; i + 4096 <= got; i += 4096)
			if (!is_some_version(data + i, block + i / 4096))
				atomic_fetch_add(&s->failures, 1);
		enum mrq_status st = mrq_container_seek(s->c, block * 4096,
							MRQ_SEEK_HOLE, &at, NULL);
		if (st != MRQ_OK && st != MRQ_E_NOT_FOUND)
			atomic_fetch_add(&s->failures, 1);
	}
	return NULL;
}

static void *
committer(void *arg)
{
	struct shared *s = arg;
	struct mrq_container_facts facts;

	for (unsigned i = 0; !atomic_load(&s->over); i++) {
		enum mrq_status st =
			i % 5 == 4 ? mrq_container_settle(s->c, MRQ_SETTLE_SYNC, NULL)
				   : mrq_container_commit(s->c,
							  i % 2 ? MRQ_COMMIT_DURABLE
								: MRQ_COMMIT_KERNEL,
							  NULL);
		if (st != MRQ_OK)
			atomic_fetch_add(&s->failures, 1);
		mrq_container_facts_get(s->c, &facts);
		(void)mrq_container_settled(s->c);
		(void)mrq_container_dirty(s->c);
	}
	return NULL;
}

static void
write_rounds(struct shared *s)
{
	uint64_t seed = 12345;
	uint8_t data[4096];
	struct mrq_error err;

	for (uint64_t version = 1; version <= ROUNDS; version++) {
		uint64_t block = check_next(&seed) % BLOCKS;
		fill(data, block, version);
		check_ok(mrq_container_write(s->c, data, sizeof(data), block * 4096,
					     &err),
			 &err);
		if (version % 16 == 0)
			check_ok(mrq_container_punch(s->c, block * 4096, 4096, &err),
				 &err);
		if (version % 64 == 0)
			check_ok(mrq_container_resize(
					 s->c, check_next(&seed) % BLOCKS * 4096, &err),
				 &err);
		if (version % 50 == 0)
			check_ok(mrq_container_next_generation(s->c, &err), &err);
	}
}

static void
readers_writers_and_committers(void **state)
{
	(void)state;
	struct mrq_check found;
	struct mrq_error err;
	pthread_t threads[4];
	int fd = fixture_file();
	struct shared s = { .c = fixture_create(fd, 4096) };

	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, i ? reader : committer, &s),
			0);
	write_rounds(&s);
	atomic_store(&s.over, true);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&s.failures), 0);
	check_ok(mrq_container_check(s.c, NULL, NULL, &found, &err), &err);
	mrq_container_free(s.c);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_writers_and_committers),
	};

	return CHECK_MAIN(tests);
}
