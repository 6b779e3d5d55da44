/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file.h"

#include "cleanup.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TEMPORARY_TRIES 16
#define SIZELESS_MAX    ((size_t)1 << 20)

int
mrq_fsync(int fd)
{
	int r;

	do
		r = fsync(fd);
	while (r < 0 && errno == EINTR);
	return r;
}

int
mrq_fdatasync(int fd)
{
	int r;

	do
		r = fdatasync(fd);
	while (r < 0 && errno == EINTR);
	return r;
}

int
mrq_ftruncate(int fd, off_t len)
{
	int r;

	do
		r = ftruncate(fd, len);
	while (r < 0 && errno == EINTR);
	return r;
}

int
mrq_fallocate(int fd, int mode, off_t off, off_t len)
{
	int r;

	do
		r = fallocate(fd, mode, off, len);
	while (r < 0 && errno == EINTR);
	return r;
}

enum mrq_status
mrq_pread_upto(int fd, void *ret, size_t len, off_t off, size_t *ret_len,
	       const char *what, struct mrq_error *err)
{
	uint8_t *to = ret;
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(fd, to + got, len - got, off + (off_t)got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return mrq_fail_sys(err, "cannot read %s", what);
		if (n == 0)
			break;
		got += (size_t)n;
	}
	*ret_len = got;
	return MRQ_OK;
}

enum mrq_status
mrq_pread_full(int fd, void *ret, size_t len, off_t off, const char *what,
	       struct mrq_error *err)
{
	size_t got = 0;

	MRQ_TRY(mrq_pread_upto(fd, ret, len, off, &got, what, err));
	if (got < len)
		return mrq_fail(
			err, MRQ_E_FORMAT,
			"%s ends early: %zu bytes wanted at offset %lld, %zu there",
			what, len, (long long)off, got);
	return MRQ_OK;
}

enum mrq_status
mrq_pwrite_full(int fd, const void *data, size_t len, off_t off, const char *what,
		struct mrq_error *err)
{
	const uint8_t *from = data;
	size_t done = 0;

	while (done < len) {
		ssize_t n = pwrite(fd, from + done, len - done, off + (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return mrq_fail_sys(err, "cannot write %s", what);
		done += (size_t)n;
	}
	return MRQ_OK;
}

/* What /proc shows has size 0 and contents. */
static size_t
expected_size(const struct stat *st, size_t max)
{
	if (st->st_size > 0)
		return (size_t)st->st_size;
	return max < SIZELESS_MAX ? max : SIZELESS_MAX;
}

static enum mrq_status
read_whole(int fd, const char *name, size_t size, size_t max, uint8_t **ret,
	   size_t *ret_len, struct mrq_error *err)
{
	uint8_t *data MRQ_CLEANUP(free) = malloc(size + 2);
	size_t got = 0;

	if (!data)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to read '%s'", name);
	MRQ_TRY(mrq_pread_upto(fd, data, size + 1, 0, &got, name, err));
	if (got > max)
		return mrq_fail(err, MRQ_E_LIMIT, "'%s' is longer than %zu bytes", name,
				max);
	if (got > size)
		return mrq_fail(err, MRQ_E_BUSY,
				"'%s' grew while it was read; try again", name);
	data[got] = '\0';
	*ret = MRQ_STEAL(data);
	*ret_len = got;
	return MRQ_OK;
}

enum mrq_status
mrq_file_load(int dirfd, const char *name, size_t max, uint8_t **ret, size_t *ret_len,
	      struct mrq_error *err)
{
	/* Without O_NONBLOCK a FIFO of that name would hold us. */
	int fd MRQ_CLEANUP(mrq_close) =
		openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0) {
		bool absent = errno == ENOENT;
		(void)mrq_fail_sys(err, "cannot open '%s'", name);
		if (absent && err)
			err->status = MRQ_E_NOT_FOUND;
		return absent ? MRQ_E_NOT_FOUND : MRQ_E_SYS;
	}
	if (fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine '%s'", name);
	if (!S_ISREG(st.st_mode))
		return mrq_fail(err, MRQ_E_INVAL, "'%s' is not a regular file", name);
	if (st.st_size > 0 && (uintmax_t)st.st_size > max)
		return mrq_fail(err, MRQ_E_LIMIT, "'%s' is longer than %zu bytes", name,
				max);
	return read_whole(fd, name, expected_size(&st, max), max, ret, ret_len, err);
}

/* A file that goes away with its scope unless it was renamed: then name is empty. */
struct temporary {
	int dirfd;
	int fd;
	char name[40];
};

static void
temporary_clear(struct temporary *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	if (t->name[0])
		(void)unlinkat(t->dirfd, t->name, 0);
}
MRQ_DEFINE_CLEANUP_VALUE(temporary_clear, struct temporary)

static enum mrq_status
temporary_create(struct temporary *t, mode_t mode, struct mrq_error *err)
{
	for (int i = 0; i < TEMPORARY_TRIES; i++) {
		uint64_t r;
		if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
			return mrq_fail_sys(err, "cannot get random bytes");
		char name[sizeof(t->name)];
		(void)snprintf(name, sizeof(name), ".marque-%016llx.tmp",
			       (unsigned long long)r);
		t->fd = openat(t->dirfd, name,
			       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
			       mode);
		if (t->fd >= 0) {
			memcpy(t->name, name, sizeof(name));
			return MRQ_OK;
		}
		if (errno != EEXIST)
			break;
	}
	return mrq_fail_sys(err, "cannot create a temporary file");
}

static enum mrq_status
temporary_fill(struct temporary *t, const void *data, size_t len, mode_t mode,
	       struct mrq_error *err)
{
	MRQ_TRY(mrq_pwrite_full(t->fd, data, len, 0, "the temporary file", err));
	if (fchmod(t->fd, mode) < 0)
		return mrq_fail_sys(err, "cannot set the mode of the temporary file");
	if (mrq_fsync(t->fd) < 0)
		return mrq_fail_sys(err, "cannot sync the temporary file");
	int fd = MRQ_STEAL_FD(t->fd);
	if (close(fd) < 0)
		return mrq_fail_sys(err, "cannot close the temporary file");
	return MRQ_OK;
}

/* Opens the folder of name; *ret_base is what remains. */
static int
open_folder(int dirfd, const char *name, const char **ret_base)
{
	const char *slash = strrchr(name, '/');
	char folder[PATH_MAX] = ".";

	if (slash) {
		size_t len = (size_t)(slash - name) + 1;
		if (len >= sizeof(folder)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(folder, name, len);
		folder[len] = '\0';
	}
	*ret_base = slash ? slash + 1 : name;
	return openat(dirfd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static enum mrq_status
replace_in(int folder, const char *base, const void *data, size_t len, mode_t mode,
	   struct mrq_error *err)
{
	struct temporary t MRQ_CLEANUP(temporary_clear) = { .dirfd = folder, .fd = -1 };

	MRQ_TRY(temporary_create(&t, mode, err));
	MRQ_TRY(temporary_fill(&t, data, len, mode, err));
	if (renameat(folder, t.name, folder, base) < 0)
		return mrq_fail_sys(err, "cannot rename the temporary file");
	t.name[0] = '\0';
	if (mrq_fsync(folder) < 0)
		return mrq_fail_sys(err, "cannot sync the folder");
	return MRQ_OK;
}

enum mrq_status
mrq_file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
		 struct mrq_error *err)
{
	const char *base;
	int folder MRQ_CLEANUP(mrq_close) = open_folder(dirfd, name, &base);

	if (folder < 0)
		return mrq_fail_sys(err, "cannot open the folder of '%s'", name);
	enum mrq_status s = replace_in(folder, base, data, len, mode, err);
	if (s != MRQ_OK)
		return mrq_while(err, s, "cannot replace '%s'", name);
	return MRQ_OK;
}

static enum mrq_status
make_one(const char *path, mode_t mode, struct mrq_error *err)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return MRQ_OK;
	/* Also for EROFS and EACCES: a parent we may not write can hold what we want. */
	int why = errno;
	if (stat(path, &st) < 0) {
		errno = why;
		return mrq_fail_sys(err, "cannot create folder '%s'", path);
	}
	if (!S_ISDIR(st.st_mode))
		return mrq_fail(err, MRQ_E_EXISTS, "'%s' is not a folder", path);
	return MRQ_OK;
}

enum mrq_status
mrq_make_dirs(const char *path, mode_t mode, struct mrq_error *err)
{
	char part[PATH_MAX];
	size_t len = strnlen(path, sizeof(part));

	if (len == 0)
		return mrq_fail(err, MRQ_E_INVAL, "the name of a folder is empty");
	if (len >= sizeof(part))
		return mrq_fail(err, MRQ_E_LIMIT,
				"a folder's path is longer than %zu bytes",
				sizeof(part) - 1);
	for (size_t i = 1; i <= len; i++) {
		if ((path[i] != '/' && path[i] != '\0') || path[i - 1] == '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		MRQ_TRY(make_one(part, mode, err));
	}
	return MRQ_OK;
}
