/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A nonce never comes twice: over batches, threads and forks. */
#include <sys/wait.h>

#include "check.h"
#include "crypto/block.h"
#include "crypto/internal.h"

#define PER_THREAD  20000
#define THREADS     8
#define PER_PROCESS 200
#define CHILDREN    4

typedef uint8_t nonce[MRQ_NONCE_BYTES];

static int
compare(const void *a, const void *b)
{
	return memcmp(a, b, MRQ_NONCE_BYTES);
}

static void
assert_all_differ(nonce *nonces, size_t n)
{
	qsort(nonces, n, sizeof(nonce), compare);
	for (size_t i = 1; i < n; i++)
		assert_memory_not_equal(nonces[i - 1], nonces[i], sizeof(nonce));
}

static void *
take_many(void *arg)
{
	nonce *to = arg;

	for (size_t i = 0; i < PER_THREAD; i++)
		mrq_nonce_take(to[i]);
	return NULL;
}

static void
threads_never_meet(void **state)
{
	nonce *all MRQ_CLEANUP(free) = calloc(THREADS * PER_THREAD, sizeof(nonce));
	pthread_t threads[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_many,
						all + i * PER_THREAD),
				 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_all_differ(all, THREADS * PER_THREAD);
}

static void
child(int fd)
{
	nonce mine[PER_PROCESS];

	for (size_t i = 0; i < PER_PROCESS; i++)
		mrq_nonce_take(mine[i]);
	_exit(write(fd, mine, sizeof(mine)) == (ssize_t)sizeof(mine) ? 0 : 1);
}

/* Each fork happens in the middle of the parent's batch. */
static void
forks_never_meet(void **state)
{
	nonce all[(CHILDREN + 1) * PER_PROCESS];
	size_t n = 0;

	(void)state;
	for (int c = 0; c < CHILDREN; c++) {
		int fds[2], status;
		mrq_nonce_take(all[n++]);
		assert_int_equal(pipe(fds), 0);
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0)
			child(fds[1]);
		assert_int_equal(read(fds[0], all[n], PER_PROCESS * sizeof(nonce)),
				 PER_PROCESS * sizeof(nonce));
		n += PER_PROCESS;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	while (n < sizeof(all) / sizeof(all[0]))
		mrq_nonce_take(all[n++]);
	assert_all_differ(all, n);
}

/* Of 1,000 nonces each of the 96 bits is set in some and clear in others. */
static void
all_bits_move(void **state)
{
	nonce any = { 0 }, every, n;

	(void)state;
	memset(every, 0xff, sizeof(every));
	for (int i = 0; i < 1000; i++) {
		mrq_nonce_take(n);
		for (size_t j = 0; j < sizeof(n); j++) {
			any[j] |= n[j];
			every[j] &= n[j];
		}
	}
	for (size_t j = 0; j < sizeof(n); j++) {
		assert_int_equal(any[j], 0xff);
		assert_int_equal(every[j], 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(threads_never_meet),
		cmocka_unit_test(forks_never_meet),
		cmocka_unit_test(all_bits_move),
	};

	return CHECK_MAIN(tests);
}
