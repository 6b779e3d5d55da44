/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "shim.h"

#include <sys/uio.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

ssize_t __real_pwrite64(int fd, const void *buf, size_t len, off_t off);
int __real_fdatasync(int fd);
int __real_ftruncate64(int fd, off_t len);
int __real_fallocate64(int fd, int mode, off_t off, off_t len);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t off);
ssize_t __wrap_pwritev64(int fd, const struct iovec *iov, int n, off_t off);
int __wrap_fdatasync(int fd);
int __wrap_ftruncate64(int fd, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t off, off_t len);
void *__real_malloc(size_t len);
void *__real_calloc(size_t n, size_t len);
void *__real_realloc(void *p, size_t len);
void *__wrap_malloc(size_t len);
void *__wrap_calloc(size_t n, size_t len);
void *__wrap_realloc(void *p, size_t len);

static struct {
	int fd;
	struct shim_op *ops;
	size_t n, room;
	bool armed, failed, torn, watch_memory;
	enum shim_kind fail_kind;
	size_t fail_in; /* calls left before the one that fails */
	int fail_errno;
} shim = { .fd = -1 };

void
shim_record(int fd)
{
	for (size_t i = 0; i < shim.n; i++)
		free(shim.ops[i].data);
	free(shim.ops);
	memset(&shim, 0, sizeof(shim));
	shim.fd = fd;
}

size_t
shim_ops(void)
{
	return shim.n;
}

const struct shim_op *
shim_op(size_t i)
{
	return &shim.ops[i];
}

void
shim_fail(enum shim_kind kind, size_t n, int with, bool torn)
{
	shim.armed = true;
	shim.failed = false;
	shim.fail_kind = kind;
	shim.fail_in = n;
	shim.fail_errno = with;
	shim.torn = torn;
}

bool
shim_has_failed(void)
{
	return shim.failed;
}

static void
record(enum shim_kind kind, uint64_t off, uint64_t len, const void *data)
{
	bool watch = shim.watch_memory;

	shim.watch_memory = false; /* not ours */
	if (shim.n == shim.room) {
		shim.room = shim.room ? shim.room * 2 : 64;
		shim.ops = realloc(shim.ops, shim.room * sizeof(*shim.ops));
		assert(shim.ops);
	}
	struct shim_op *op = &shim.ops[shim.n++];
	*op = (struct shim_op){ .kind = kind, .off = off, .len = len };
	if (data) {
		op->data = malloc(len ? len : 1);
		assert(op->data);
		memcpy(op->data, data, len);
	}
	shim.watch_memory = watch;
}

static bool
must_fail(int fd, enum shim_kind kind)
{
	if (fd != shim.fd || !shim.armed || shim.failed || kind != shim.fail_kind ||
	    shim.fail_in-- > 0)
		return false;
	shim.failed = true;
	errno = shim.fail_errno;
	return true;
}

void
shim_watch_memory(bool watch)
{
	shim.watch_memory = watch;
}

static bool
memory_fails(void)
{
	return shim.watch_memory && must_fail(shim.fd, SHIM_MEMORY);
}

void *
__wrap_malloc(size_t len)
{
	return memory_fails() ? NULL : __real_malloc(len);
}

void *
__wrap_calloc(size_t n, size_t len)
{
	return memory_fails() ? NULL : __real_calloc(n, len);
}

void *
__wrap_realloc(void *p, size_t len)
{
	return memory_fails() ? NULL : __real_realloc(p, len);
}

ssize_t
__wrap_pwrite64(int fd, const void *buf, size_t len, off_t off)
{
	if (must_fail(fd, SHIM_WRITE)) {
		size_t half = len / 2 / SHIM_SECTOR * SHIM_SECTOR;
		if (!shim.torn || half == 0)
			return -1;
		/* A short write first; the rest of it fails. */
		shim.failed = false;
		shim.fail_in = 0;
		shim.torn = false;
		len = half;
	}
	ssize_t n = __real_pwrite64(fd, buf, len, off);
	if (n > 0 && fd == shim.fd)
		record(SHIM_WRITE, (uint64_t)off, (uint64_t)n, buf);
	return n;
}

ssize_t
__wrap_pwritev64(int fd, const struct iovec *iov, int n, off_t off)
{
	size_t len = 0;

	for (int i = 0; i < n; i++)
		len += iov[i].iov_len;
	uint8_t *all = __real_malloc(len), *at = all;
	assert(all);
	for (int i = 0; i < n; at += iov[i++].iov_len)
		memcpy(at, iov[i].iov_base, iov[i].iov_len);
	ssize_t done = __wrap_pwrite64(fd, all, len, off);
	int saved = errno;
	free(all);
	errno = saved;
	return done;
}

int
__wrap_fdatasync(int fd)
{
	if (must_fail(fd, SHIM_SYNC))
		return -1;
	if (fd == shim.fd)
		record(SHIM_SYNC, 0, 0, NULL);
	return __real_fdatasync(fd);
}

int
__wrap_ftruncate64(int fd, off_t len)
{
	if (must_fail(fd, SHIM_TRUNCATE))
		return -1;
	if (fd == shim.fd)
		record(SHIM_TRUNCATE, 0, (uint64_t)len, NULL);
	return __real_ftruncate64(fd, len);
}

int
__wrap_fallocate64(int fd, int mode, off_t off, off_t len)
{
	if (must_fail(fd, SHIM_PUNCH))
		return -1;
	if (fd == shim.fd && (mode & FALLOC_FL_PUNCH_HOLE))
		record(SHIM_PUNCH, (uint64_t)off, (uint64_t)len, NULL);
	return __real_fallocate64(fd, mode, off, len);
}

static void
apply_write(int fd, const struct shim_op *op, shim_keep keep, void *arg)
{
	for (uint64_t at = 0; at < op->len; at += SHIM_SECTOR) {
		uint64_t n = op->len - at < SHIM_SECTOR ? op->len - at : SHIM_SECTOR;
		if (!keep(arg))
			continue;
		ssize_t done =
			__real_pwrite64(fd, op->data + at, n, (off_t)(op->off + at));
		assert(done == (ssize_t)n);
	}
}

void
shim_apply(int fd, const struct shim_op *op, shim_keep keep, void *arg)
{
	if (op->kind == SHIM_WRITE && keep) {
		apply_write(fd, op, keep, arg);
		return;
	}
	if (keep && !keep(arg))
		return;
	switch (op->kind) {
	case SHIM_WRITE:
		if (__real_pwrite64(fd, op->data, op->len, (off_t)op->off) < 0)
			abort();
		break;
	case SHIM_TRUNCATE:
		if (__real_ftruncate64(fd, (off_t)op->len) < 0)
			abort();
		break;
	case SHIM_PUNCH:
		if (__real_fallocate64(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				       (off_t)op->off, (off_t)op->len) < 0)
			abort();
		break;
	case SHIM_SYNC:
	case SHIM_MEMORY:
		break;
	}
}
