/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A state whose writes fail once: the change is refused, what was there stays, and the next change is
 * made, in the same process.
 */
#include "store-test.h"

#include <sys/uio.h>

#include <errno.h>

#include "store/state.h"

#define SEEN __attribute__((visibility("default"))) /* by LMDB */

/* Number fail_at of the writes and syncs from now on fails; 0: none does. */
static int fail_at, fail_with;

static bool
fails_now(void)
{
	if (fail_at == 0 || --fail_at > 0)
		return false;
	errno = fail_with;
	return true;
}

SEEN ssize_t
pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &buf, sizeof(buf)); /* loses const */
	return fails_now() ? -1 : pwritev(fd, &iov, 1, off);
}

SEEN ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	off_t at = lseek(fd, 0, SEEK_CUR);

	return fails_now() ? -1 : pwritev(fd, iov, n, at);
}

SEEN int
fdatasync(int fd)
{
	return fails_now() ? -1 : fsync(fd);
}

static enum mrq_status
put(struct mrq_state *s, const char *key, const char *value, struct mrq_error *err)
{
	struct mrq_state_txn *txn = NULL;

	MRQ_TRY(mrq_state_begin(s, MRQ_STATE_WRITE, &txn, err));
	enum mrq_status st =
		mrq_state_put(txn, "things", key, value, strlen(value), err);
	if (st == MRQ_OK)
		return mrq_state_commit(txn, err);
	mrq_state_abort(txn);
	return st;
}

static void
has(struct mrq_state *s, const char *key, const char *value)
{
	struct mrq_state_txn *txn = NULL;
	struct mrq_error err = { 0 };
	const void *data;
	size_t len;

	check_ok(mrq_state_begin(s, MRQ_STATE_READ, &txn, &err), &err);
	check_ok(mrq_state_get(txn, "things", key, &data, &len, &err), &err);
	assert_int_equal(len, strlen(value));
	assert_memory_equal(data, value, len);
	mrq_state_abort(txn);
}

static void
one_write_fails(const struct place *p, int at, int with, unsigned *ret_refused)
{
	struct mrq_state *s = NULL;
	struct mrq_error err = { 0 };
	uint64_t before, after;

	check_ok(mrq_state_open(p->dir, MRQ_STATE_NEW, &s, &err), &err);
	check_ok(put(s, "a", "old", &err), &err);
	check_ok(mrq_state_epoch(s, &before, &err), &err);
	fail_at = at;
	fail_with = with;
	bool told = put(s, "a", "new", &err) != MRQ_OK;
	fail_at = 0;
	*ret_refused += told;
	has(s, "a", told ? "old" : "new");
	check_ok(put(s, "b", "more", &err), &err);
	has(s, "b", "more");
	check_ok(mrq_state_epoch(s, &after, &err), &err);
	assert_true(after > before);
	mrq_state_close(s);
	s = NULL;
	check_ok(mrq_state_open(p->dir, MRQ_STATE_EXISTING, &s, &err), &err);
	has(s, "a", told ? "old" : "new");
	has(s, "b", "more");
	mrq_state_close(s);
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/authority.mdb", p->dir);
	assert_int_equal(unlink(path), 0);
}

static void
any_write_may_fail(void **state)
{
	static const int errors[] = { EIO, ENOSPC, EDQUOT };
	unsigned refused = 0;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		for (int at = 1; at <= 5; at++)
			one_write_fails(*state, at, errors[i], &refused);
	print_message("# %u refused\n", refused);
	assert_true(refused >= 6);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(any_write_may_fail),
	};

	return CHECK_MAIN(tests);
}
