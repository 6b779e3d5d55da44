/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loaded in front of the C library (LD_PRELOAD): records in the log what a program does
 * to the regular files and folders of one file system, and can let one such call fail.
 * It knows nothing of what it records.  What escapes it (a call that nobody thought of)
 * shows: the explorer compares the tree that its records make with the one that is there.
 */
/* Both kinds of names are defined here, by themselves. */
#undef _FILE_OFFSET_BITS
#undef _FORTIFY_SOURCE

#include "recorder.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct crash_log *recording;

__attribute__((constructor)) static void
begin(void)
{
	const char *path = getenv(CRASH_LOG_ENV);

	if (path)
		recording = crash_log_open(path, false);
	if (path && !recording) {
		(void)fprintf(stderr, "recorder: no log at '%s'\n", path);
		_exit(99);
	}
}

/* The C library's syscall(), behind ours: what all real calls are made by. */
typedef long (*raw_fn)(long number, ...);

static raw_fn
find_raw(void)
{
	void *symbol = dlsym(RTLD_NEXT, "syscall");
	raw_fn fn;

	memcpy(&fn, &symbol, sizeof(fn));
	return fn;
}
#define RAW(number, ...) (find_raw()(number, __VA_ARGS__))

struct crash_log *
the_log(void)
{
	return recording && atomic_load(&recording->on) ? recording : NULL;
}

static bool
of_interest(const struct crash_log *log, int fd, struct stat *ret)
{
	return fstat(fd, ret) == 0 && ret->st_dev == log->dev &&
	       (S_ISREG(ret->st_mode) || S_ISDIR(ret->st_mode));
}

bool
is_the_one(struct crash_log *log, enum crash_fail what)
{
	return atomic_load(&log->fail_what) == what &&
	       atomic_fetch_add(&log->counted, 1) + 1 == atomic_load(&log->fail_at);
}

/* Caller holds the lock.  Is this the call that is to fail? */
static bool
is_to_fail(struct crash_log *log, uint64_t ino)
{
	enum crash_fail what = CRASH_FAIL_SOURCE;

	for (size_t i = 0; i < CRASH_STATE_MAX; i++)
		if (log->state[i] == ino)
			what = CRASH_FAIL_STATE;
	return is_the_one(log, what);
}

/* Then errno is set.  (A call that is no write cannot be short.) */
static bool
fails(struct crash_log *log, uint64_t ino)
{
	unsigned with = atomic_load(&log->fail_errno);

	if (!is_to_fail(log, ino) || with == CRASH_SHORT)
		return false;
	atomic_store(&log->failed, 1);
	errno = (int)with;
	return true;
}

/* A call on a descriptor, with its record. */
struct call {
	struct crash_log *log; /* NULL: nothing to record; else locked */
	struct stat st;
};

static struct call
call_begin(int fd)
{
	struct call c = { .log = the_log() };
	int e = errno;

	if (c.log && !of_interest(c.log, fd, &c.st))
		c.log = NULL;
	if (c.log)
		crash_log_lock(c.log);
	errno = e;
	return c;
}

static void
call_end(const struct call *c)
{
	if (c->log)
		crash_log_unlock(c->log);
}

static void
add(const struct call *c, enum crash_kind kind, uint64_t off, uint64_t size)
{
	struct crash_record r = {
		.kind = (uint16_t)kind, .ino = c->st.st_ino, .off = off, .size = size
	};

	crash_log_add(c->log, &r, NULL, NULL, NULL, 0);
}

static bool
writes_through(int fd)
{
	int e = errno, flags = fcntl(fd, F_GETFL);

	errno = e;
	return flags >= 0 && (flags & (O_DSYNC | O_SYNC));
}

static void
add_write(const struct call *c, int fd, const struct iovec *iov, int n, uint64_t off,
	  size_t done)
{
	for (int i = 0; i < n && done > 0; i++) {
		size_t len = iov[i].iov_len < done ? iov[i].iov_len : done;
		struct crash_record r = { .kind = CRASH_WRITE,
					  .ino = c->st.st_ino,
					  .off = off };
		crash_log_add(c->log, &r, NULL, NULL, iov[i].iov_base, len);
		off += len;
		done -= len;
	}
	if (writes_through(fd))
		add(c, CRASH_SYNC, 0, 0);
}

/* Where a write without an offset goes. */
static uint64_t
place_of_write(const struct call *c, int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags >= 0 && (flags & O_APPEND) && fstat(fd, &st) == 0)
		return (uint64_t)st.st_size;
	off_t at = lseek(fd, 0, SEEK_CUR);
	return c->log && at > 0 ? (uint64_t)at : 0;
}

enum write_fails { WRITE_WHOLE, WRITE_SHORT, WRITE_FAILS };

/* A short write ends between two sectors: no file system ends it within one. */
static enum write_fails
write_fails(struct crash_log *log, uint64_t ino, size_t len)
{
	unsigned with = atomic_load(&log->fail_errno);

	if (!is_to_fail(log, ino) || (with == CRASH_SHORT && len <= CRASH_SECTOR))
		return WRITE_WHOLE;
	atomic_store(&log->failed, 1);
	if (with == CRASH_SHORT)
		return WRITE_SHORT;
	errno = (int)with;
	return WRITE_FAILS;
}

static ssize_t
record_pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	struct call c = call_begin(fd);
	struct iovec half = iov[0];
	ssize_t done = -1;

	switch (c.log ? write_fails(c.log, c.st.st_ino, half.iov_len) : WRITE_WHOLE) {
	case WRITE_WHOLE:
		done = RAW(SYS_pwritev, fd, iov, n, off, 0L);
		break;
	case WRITE_SHORT:
		half.iov_len = half.iov_len / 2 / CRASH_SECTOR * CRASH_SECTOR;
		done = RAW(SYS_pwritev, fd, &half, 1, off, 0L);
		break;
	case WRITE_FAILS:
		break;
	}
	if (c.log && done > 0)
		add_write(&c, fd, iov, n, (uint64_t)off, (size_t)done);
	call_end(&c);
	return done;
}

EXPORT ssize_t
pwrite(int fd, const void *buf, size_t len, off_t off)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &buf, sizeof(buf)); /* loses const */
	return record_pwritev(fd, &iov, 1, off);
}

EXPORT ssize_t
pwrite64(int fd, const void *buf, size_t len, off64_t off)
{
	return pwrite(fd, buf, len, off);
}

EXPORT ssize_t
pwritev(int fd, const struct iovec *iov, int n, off_t off)
{
	return record_pwritev(fd, iov, n, off);
}

EXPORT ssize_t
pwritev64(int fd, const struct iovec *iov, int n, off64_t off)
{
	return record_pwritev(fd, iov, n, off);
}

EXPORT ssize_t
writev(int fd, const struct iovec *iov, int n)
{
	struct call c = call_begin(fd);
	uint64_t off = c.log ? place_of_write(&c, fd) : 0;
	ssize_t done = -1;

	if (!c.log || !fails(c.log, c.st.st_ino))
		done = RAW(SYS_writev, fd, iov, n);
	if (c.log && done > 0)
		add_write(&c, fd, iov, n, off, (size_t)done);
	call_end(&c);
	return done;
}

EXPORT ssize_t
write(int fd, const void *buf, size_t len)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &buf, sizeof(buf));
	return writev(fd, &iov, 1);
}

/* Not recorded; but it can fail. */
EXPORT ssize_t
pread64(int fd, void *buf, size_t len, off64_t off)
{
	struct call c = call_begin(fd);
	bool failed = c.log && fails(c.log, c.st.st_ino);

	call_end(&c);
	return failed ? -1 : RAW(SYS_pread64, fd, buf, len, off);
}

EXPORT ssize_t
pread(int fd, void *buf, size_t len, off_t off)
{
	return pread64(fd, buf, len, off);
}

EXPORT int
ftruncate64(int fd, off64_t len)
{
	struct call c = call_begin(fd);
	int r = -1;

	if (!c.log || !fails(c.log, c.st.st_ino))
		r = (int)RAW(SYS_ftruncate, fd, len);
	if (c.log && r == 0)
		add(&c, CRASH_RESIZE, (uint64_t)len, 0);
	call_end(&c);
	return r;
}

EXPORT int
ftruncate(int fd, off_t len)
{
	return ftruncate64(fd, len);
}

EXPORT int
fallocate64(int fd, int mode, off64_t off, off64_t len)
{
	struct call c = call_begin(fd);
	int r = -1;

	if (!c.log || !fails(c.log, c.st.st_ino))
		r = (int)RAW(SYS_fallocate, fd, mode, off, len);
	if (c.log && r == 0 && (mode & FALLOC_FL_PUNCH_HOLE))
		add(&c, CRASH_PUNCH, (uint64_t)off, (uint64_t)len);
	else if (c.log && r == 0 && !(mode & FALLOC_FL_KEEP_SIZE) &&
		 off + len > c.st.st_size)
		add(&c, CRASH_RESIZE, (uint64_t)(off + len), 0);
	call_end(&c);
	return r;
}

EXPORT int
fallocate(int fd, int mode, off_t off, off_t len)
{
	return fallocate64(fd, mode, off, len);
}

static int
record_sync(long number, enum crash_kind kind, int fd)
{
	struct call c = call_begin(fd);
	int r = -1;

	if (!c.log || !fails(c.log, c.st.st_ino))
		r = (int)RAW(number, fd);
	if (c.log && r == 0)
		add(&c, kind, 0, 0);
	else if (c.log && errno != EINTR && kind == CRASH_SYNC)
		add(&c, CRASH_SYNC_FAILED, 0, 0);
	call_end(&c);
	return r;
}

EXPORT int
fsync(int fd)
{
	return record_sync(SYS_fsync, CRASH_SYNC, fd);
}

EXPORT int
fdatasync(int fd)
{
	return record_sync(SYS_fdatasync, CRASH_SYNC, fd);
}

EXPORT int
syncfs(int fd)
{
	return record_sync(SYS_syncfs, CRASH_SYNC_ALL, fd);
}

/* A name: the folder it stands in, and what it leads to. */
struct place {
	bool of_interest;
	struct stat dir, st; /* st.st_ino is 0 when nothing is there */
	const char *name;
};

static struct place
place_find(const struct crash_log *log, int dirfd, const char *path)
{
	struct place p = { .name = path };
	char dir[CRASH_NAME_MAX] = ".";
	const char *slash = strrchr(path, '/');
	int e = errno;

	if (slash && (size_t)(slash - path) < sizeof(dir) - 1) {
		memcpy(dir, path, (size_t)(slash - path) + 1);
		dir[slash - path + 1] = '\0';
		p.name = slash + 1;
	}
	p.of_interest = p.name[0] && fstatat(dirfd, dir, &p.dir, 0) == 0 &&
			p.dir.st_dev == log->dev;
	if (p.of_interest && fstatat(dirfd, path, &p.st, AT_SYMLINK_NOFOLLOW) < 0)
		p.st.st_ino = 0;
	errno = e;
	return p;
}

/* A call on a name, with its record. */
struct named {
	struct crash_log *log; /* NULL: nothing to record; else locked */
	struct place at;
};

static struct named
named_begin(int dirfd, const char *path)
{
	struct named n = { .log = the_log() };

	if (!n.log)
		return n;
	crash_log_lock(n.log);
	n.at = place_find(n.log, dirfd, path);
	if (!n.at.of_interest) {
		crash_log_unlock(n.log);
		n.log = NULL;
	}
	return n;
}

static void
named_end(const struct named *n)
{
	if (n->log)
		crash_log_unlock(n->log);
}

static void
named_add(const struct named *n, enum crash_kind kind, uint64_t ino2, const char *name2)
{
	struct crash_record r = { .kind = (uint16_t)kind,
				  .ino = n->at.dir.st_ino,
				  .ino2 = ino2 };

	crash_log_add(n->log, &r, n->at.name, name2, NULL, 0);
}

static uint64_t
ino_at(int dirfd, const char *path, int flags)
{
	struct stat st;
	int e = errno;
	uint64_t ino = fstatat(dirfd, path, &st, flags) == 0 ? st.st_ino : 0;

	errno = e;
	return ino;
}

static int
record_open(int dirfd, const char *path, int flags, mode_t mode)
{
	bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
	bool changes = nameless || (flags & (O_CREAT | O_TRUNC));
	struct named n =
		changes ? named_begin(dirfd, path) : (struct named){ .log = NULL };
	int fd = -1;

	if (!n.log || !fails(n.log, n.at.dir.st_ino))
		fd = (int)RAW(SYS_openat, dirfd, path, flags, mode);
	if (n.log && fd >= 0) {
		struct call c = { .log = n.log };
		(void)fstat(fd, &c.st);
		if (nameless)
			named_add(&n, CRASH_NAMELESS, c.st.st_ino, NULL);
		else if (n.at.st.st_ino == 0)
			named_add(&n, CRASH_MAKE, c.st.st_ino, NULL);
		else if (flags & O_TRUNC)
			add(&c, CRASH_RESIZE, 0, 0);
	}
	named_end(&n);
	return fd;
}

#define MODE_OF(flags, mode)                                                           \
	mode_t mode = 0;                                                               \
	if ((flags) & (O_CREAT | O_TMPFILE)) {                                         \
		va_list args;                                                          \
		va_start(args, flags);                                                 \
		mode = va_arg(args, mode_t);                                           \
		va_end(args);                                                          \
	}

EXPORT int
openat(int dirfd, const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return record_open(dirfd, path, flags, mode);
}

EXPORT int
openat64(int dirfd, const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return record_open(dirfd, path, flags, mode);
}

EXPORT int
open(const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return record_open(AT_FDCWD, path, flags, mode);
}

EXPORT int
open64(const char *path, int flags, ...)
{
	MODE_OF(flags, mode)
	return record_open(AT_FDCWD, path, flags, mode);
}

EXPORT int
mkdirat(int dirfd, const char *path, mode_t mode)
{
	struct named n = named_begin(dirfd, path);
	int r = -1;

	if (!n.log || !fails(n.log, n.at.dir.st_ino))
		r = (int)RAW(SYS_mkdirat, dirfd, path, mode);
	if (n.log && r == 0)
		named_add(&n, CRASH_MAKE_DIR, ino_at(dirfd, path, 0), NULL);
	named_end(&n);
	return r;
}

EXPORT int
mknodat(int dirfd, const char *path, mode_t mode, dev_t dev)
{
	struct named n = named_begin(dirfd, path);
	int r = -1;

	if (!n.log || !fails(n.log, n.at.dir.st_ino))
		r = (int)RAW(SYS_mknodat, dirfd, path, mode, dev);
	if (n.log && r == 0)
		named_add(&n, CRASH_MAKE, ino_at(dirfd, path, AT_SYMLINK_NOFOLLOW),
			  NULL);
	named_end(&n);
	return r;
}

EXPORT int
linkat(int from_fd, const char *from, int dirfd, const char *path, int flags)
{
	struct named n = named_begin(dirfd, path);
	int r = -1;

	if (!n.log || !fails(n.log, n.at.dir.st_ino))
		r = (int)RAW(SYS_linkat, from_fd, from, dirfd, path, flags);
	if (n.log && r == 0)
		named_add(&n, CRASH_LINK, ino_at(dirfd, path, AT_SYMLINK_NOFOLLOW),
			  NULL);
	named_end(&n);
	return r;
}

EXPORT int
unlinkat(int dirfd, const char *path, int flags)
{
	struct named n = named_begin(dirfd, path);
	int r = -1;

	if (!n.log || !fails(n.log, n.at.dir.st_ino))
		r = (int)RAW(SYS_unlinkat, dirfd, path, flags);
	if (n.log && r == 0)
		named_add(&n, CRASH_UNLINK, 0, NULL);
	named_end(&n);
	return r;
}

EXPORT int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

static int
record_rename(int dirfd, const char *path, int dirfd2, const char *path2,
	      unsigned flags)
{
	struct named n = named_begin(dirfd, path);
	int r = -1;

	if (!n.log || !fails(n.log, n.at.dir.st_ino))
		r = (int)RAW(SYS_renameat2, dirfd, path, dirfd2, path2, flags);
	if (n.log && r == 0) {
		struct place to = place_find(n.log, dirfd2, path2);
		named_add(&n, flags & RENAME_EXCHANGE ? CRASH_EXCHANGE : CRASH_RENAME,
			  to.dir.st_ino, to.name);
	}
	named_end(&n);
	return r;
}

EXPORT int
renameat2(int dirfd, const char *path, int dirfd2, const char *path2, unsigned flags)
{
	return record_rename(dirfd, path, dirfd2, path2, flags);
}

EXPORT int
renameat(int dirfd, const char *path, int dirfd2, const char *path2)
{
	return record_rename(dirfd, path, dirfd2, path2, 0);
}

EXPORT int
rename(const char *path, const char *path2)
{
	return record_rename(AT_FDCWD, path, AT_FDCWD, path2, 0);
}

EXPORT long
syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	if (number == SYS_renameat2) {
		const char *from, *to;
		memcpy(&from, &a[1], sizeof(from));
		memcpy(&to, &a[3], sizeof(to));
		return record_rename((int)a[0], from, (int)a[2], to, (unsigned)a[4]);
	}
	return RAW(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
