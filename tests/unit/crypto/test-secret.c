/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "crypto/secret.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <unistd.h>

#include "check.h"

static const uint8_t zeros[4096];

static void
memory_is_zeroed_and_apart(void **state)
{
	uint8_t *p[100];

	(void)state;
	for (size_t i = 0; i < 100; i++) {
		size_t len = 1 + i * 7;
		p[i] = mrq_secret_alloc(len);
		assert_non_null(p[i]);
		assert_int_equal((uintptr_t)p[i] % 64, 0);
		assert_memory_equal(p[i], zeros, len);
		memset(p[i], (int)i + 1, len);
	}
	for (size_t i = 0; i < 100; i++) {
		for (size_t j = 0; j < 1 + i * 7; j++)
			assert_int_equal(p[i][j], i + 1);
	}
	for (size_t i = 0; i < 100; i++)
		mrq_secret_free(p[i]);
	mrq_secret_free(NULL);
}

static void
freed_memory_is_wiped_and_used_again(void **state)
{
	uint8_t *p = mrq_secret_alloc(100);

	(void)state;
	memset(p, 0xee, 100);
	mrq_secret_free(p);
	assert_memory_equal(p, zeros, 100);
}

/* A random run of allocations keeps every live piece intact. */
static void
random_run(void **state)
{
	struct {
		uint8_t *at;
		size_t len;
		uint8_t byte;
	} live[200] = { 0 };
	uint64_t seed = 11;

	(void)state;
	for (int step = 0; step < 20000; step++) {
		size_t i = check_next(&seed) % 200;
		for (size_t j = 0; j < live[i].len; j++)
			assert_int_equal(live[i].at[j], live[i].byte);
		mrq_secret_free(live[i].at);
		live[i].len = 1 + check_next(&seed) % 600;
		live[i].byte = (uint8_t)check_next(&seed);
		live[i].at = mrq_secret_alloc(live[i].len);
		assert_non_null(live[i].at);
		memset(live[i].at, live[i].byte, live[i].len);
	}
	for (size_t i = 0; i < 200; i++)
		mrq_secret_free(live[i].at);
}

static void
absurd_sizes_get_null(void **state)
{
	(void)state;
	assert_null(mrq_secret_alloc(0));
	assert_null(mrq_secret_alloc(1 << 20));
	assert_null(mrq_secret_alloc(SIZE_MAX));
}

static void
a_fork_gets_zeros(void **state)
{
	uint8_t *p = mrq_secret_alloc(32);
	int status;

	(void)state;
	memset(p, 0xee, 32);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(memcmp(p, zeros, 32) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(p[31], 0xee);
	mrq_secret_free(p);
}

/* As a debugger or a dump by root reads it.  The heap is a control. */
static void
no_dump_shows_it(void **state)
{
	uint8_t *p = mrq_secret_alloc(32), *q = malloc(32), seen[32] = { 0 };
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	int secret = (int)syscall(SYS_memfd_secret, O_CLOEXEC);

	(void)state;
	if (mem < 0 || secret < 0)
		skip();
	(void)close(secret);
	memset(p, 0xee, 32);
	memset(q, 0xdd, 32);
	assert_int_equal(pread(mem, seen, 32, (off_t)(uintptr_t)q), 32);
	assert_memory_equal(seen, q, 32);
	assert_true(pread(mem, seen, 32, (off_t)(uintptr_t)p) < 0);
	assert_memory_equal(seen, q, 32);
	(void)close(mem);
	free(q);
	mrq_secret_free(p);
}

/* Memory that cannot be locked is not handed out.  In a child: limits do not come back. */
static void
without_lockable_memory_there_is_null(void **state)
{
	int status;

	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		const struct rlimit none = { 0, 0 };
		if (setrlimit(RLIMIT_MEMLOCK, &none) < 0 ||
		    (geteuid() == 0 && seteuid(65534) < 0))
			_exit(2);
		for (int i = 0; i < 100000; i++) {
			if (!mrq_secret_alloc(32768))
				_exit(0);
		}
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
buffers_are_text_and_go_away(void **state)
{
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	struct mrq_error err;

	(void)state;
	check_ok(mrq_secret_buf_init(&buf, 8, &err), &err);
	assert_int_equal(buf.len, 8);
	assert_memory_equal(buf.data, zeros, 9);
	mrq_secret_buf_clear(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	mrq_secret_buf_clear(&buf);
	check_status(mrq_secret_buf_init(&buf, SIZE_MAX, &err), MRQ_E_NOMEM, &err);
}

static void
wipe_and_equal(void **state)
{
	uint8_t a[32], b[32];

	(void)state;
	mrq_random(a, sizeof(a));
	memcpy(b, a, sizeof(b));
	assert_int_equal(mrq_equal(a, b, sizeof(a)), 1);
	for (size_t bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(mrq_equal(a, b, sizeof(a)), 0);
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(mrq_equal(a, b, 0), 1);
	mrq_wipe(a, sizeof(a));
	assert_memory_equal(a, zeros, sizeof(a));
}

static void
keys_are_random_and_wiped(void **state)
{
	struct mrq_content_key ck;
	struct mrq_data_key dk;
	struct mrq_seal_key sk;

	(void)state;
	mrq_content_key_random(&ck);
	mrq_data_key_random(&dk);
	mrq_seal_key_random(&sk);
	assert_memory_not_equal(&ck, &dk, 32);
	assert_memory_not_equal(&dk, &sk, 32);
	mrq_content_key_wipe(&ck);
	mrq_data_key_wipe(&dk);
	mrq_seal_key_wipe(&sk);
	assert_memory_equal(&ck, zeros, 32);
	assert_memory_equal(&dk, zeros, 32);
	assert_memory_equal(&sk, zeros, 32);
}

static void
init_is_idempotent(void **state)
{
	struct mrq_error err;

	(void)state;
	check_ok(mrq_crypto_init(&err), &err);
	check_ok(mrq_crypto_init(NULL), NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_apart),
		cmocka_unit_test(freed_memory_is_wiped_and_used_again),
		cmocka_unit_test(random_run),
		cmocka_unit_test(absurd_sizes_get_null),
		cmocka_unit_test(a_fork_gets_zeros),
		cmocka_unit_test(no_dump_shows_it),
		cmocka_unit_test(without_lockable_memory_there_is_null),
		cmocka_unit_test(buffers_are_text_and_go_away),
		cmocka_unit_test(wipe_and_equal),
		cmocka_unit_test(keys_are_random_and_wiped),
		cmocka_unit_test(init_is_idempotent),
	};

	return CHECK_MAIN(tests);
}
