/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/file.h"

#include <sys/stat.h>

#include "base/cleanup.h"
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/syscall.h>

/* In place of the C library's: so many calls are interrupted, then `fails_with` if not 0. */
static int interruptions, fails_with;

static long
interrupted(long number, int fd, long a, long b, long c)
{
	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	errno = fails_with;
	return fails_with ? -1 : syscall(number, fd, a, b, c);
}

int
fsync(int fd)
{
	return (int)interrupted(SYS_fsync, fd, 0, 0, 0);
}

int
fdatasync(int fd)
{
	return (int)interrupted(SYS_fdatasync, fd, 0, 0, 0);
}

int
ftruncate(int fd, off_t len)
{
	return (int)interrupted(SYS_ftruncate, fd, len, 0, 0);
}

int
fallocate(int fd, int mode, off_t off, off_t len)
{
	return (int)interrupted(SYS_fallocate, fd, mode, off, len);
}

struct folder {
	char path[64];
	int fd;
};

static int
folder_make(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	(void)snprintf(f->path, sizeof(f->path), "/tmp/marque-test-XXXXXX");
	if (!mkdtemp(f->path))
		return -1;
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->fd < 0 ? -1 : 0;
}

static int
folder_remove(void **state)
{
	struct folder *f = *state;
	char command[128];

	(void)close(f->fd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", f->path);
	int s = system(command);
	free(f);
	return s;
}

static size_t
entries(const struct folder *f)
{
	DIR *d MRQ_CLEANUP(closedir) = opendir(f->path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	return n - 2;
}

static void
replace_then_load(void **state)
{
	struct folder *f = *state;
	struct mrq_error err;
	uint8_t *data MRQ_CLEANUP(free) = NULL;
	size_t len;
	struct stat st;

	check_ok(mrq_file_replace(f->fd, "a", "hello", 5, 0640, &err), &err);
	check_ok(mrq_file_replace(f->fd, "a", "hi\0there", 8, 0604, &err), &err);
	check_ok(mrq_file_load(f->fd, "a", 8, &data, &len, &err), &err);
	assert_int_equal(len, 8);
	assert_memory_equal(data, "hi\0there\0", 9);
	assert_int_equal(fstatat(f->fd, "a", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(entries(f), 1);
}

static void
replace_takes_paths_and_empty_contents(void **state)
{
	struct folder *f = *state;
	struct mrq_error err;
	char path[128];
	uint8_t *data MRQ_CLEANUP(free) = NULL;
	size_t len = 7;

	(void)snprintf(path, sizeof(path), "%s/sub/b", f->path);
	assert_int_equal(mkdirat(f->fd, "sub", 0700), 0);
	check_ok(mrq_file_replace(AT_FDCWD, path, NULL, 0, 0600, &err), &err);
	check_ok(mrq_file_load(f->fd, "sub/b", 10, &data, &len, &err), &err);
	assert_int_equal(len, 0);
	assert_int_equal(data[0], 0);
}

static void
failed_replace_leaves_the_old_file_and_nothing_else(void **state)
{
	struct folder *f = *state;
	struct mrq_error err;

	assert_int_equal(mkdirat(f->fd, "d", 0700), 0);
	check_status(mrq_file_replace(f->fd, "d", "x", 1, 0600, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EISDIR);
	assert_non_null(strstr(err.msg, "'d'"));
	assert_int_equal(entries(f), 1);
	check_status(mrq_file_replace(f->fd, "none/x", "x", 1, 0600, &err), MRQ_E_SYS,
		     &err);
	assert_int_equal(err.sys_errno, ENOENT);
}

static void
load_refuses(void **state)
{
	struct folder *f = *state;
	struct mrq_error err;
	uint8_t *data = NULL;
	size_t len;

	check_status(mrq_file_load(f->fd, "absent", 9, &data, &len, &err),
		     MRQ_E_NOT_FOUND, &err);
	assert_int_equal(err.status, MRQ_E_NOT_FOUND);
	assert_int_equal(err.sys_errno, ENOENT);
	check_ok(mrq_file_replace(f->fd, "long", "0123456789", 10, 0600, &err), &err);
	check_status(mrq_file_load(f->fd, "long", 9, &data, &len, &err), MRQ_E_LIMIT,
		     &err);
	check_status(mrq_file_load(f->fd, ".", 9, &data, &len, &err), MRQ_E_INVAL,
		     &err);
	assert_int_equal(mkfifoat(f->fd, "fifo", 0600), 0);
	check_status(mrq_file_load(f->fd, "fifo", 9, &data, &len, &err), MRQ_E_INVAL,
		     &err);
	assert_null(data);
}

static void
load_takes_files_that_hide_their_size(void **state)
{
	struct mrq_error err;
	uint8_t *data MRQ_CLEANUP(free) = NULL;
	size_t len;

	(void)state;
	check_ok(mrq_file_load(AT_FDCWD, "/proc/self/stat", 4096, &data, &len, &err),
		 &err);
	assert_true(len > 0);
	assert_int_equal(strlen((char *)data), len);
	uint8_t *none = NULL;
	check_status(mrq_file_load(AT_FDCWD, "/proc/self/stat", 3, &none, &len, &err),
		     MRQ_E_LIMIT, &err);
}

static void
pread_and_pwrite_are_whole(void **state)
{
	struct folder *f = *state;
	struct mrq_error err;
	char text[8];
	size_t got;
	int fd MRQ_CLEANUP(mrq_close) = openat(f->fd, "p", O_RDWR | O_CREAT, 0600);

	check_ok(mrq_pwrite_full(fd, "abcdef", 6, 2, "p", &err), &err);
	check_ok(mrq_pread_full(fd, text, 4, 4, "p", &err), &err);
	assert_memory_equal(text, "cdef", 4);
	check_status(mrq_pread_full(fd, text, 5, 4, "page 3", &err), MRQ_E_FORMAT,
		     &err);
	assert_non_null(strstr(err.msg, "page 3"));
	check_ok(mrq_pread_upto(fd, text, 8, 4, &got, "p", &err), &err);
	assert_int_equal(got, 4);
	check_ok(mrq_pread_upto(fd, text, 8, 100, &got, "p", &err), &err);
	assert_int_equal(got, 0);
	check_ok(mrq_pwrite_full(fd, NULL, 0, 2, "p", &err), &err);
}

static void
io_errors_are_told(void **state)
{
	struct mrq_error err;
	char text[8];
	int full MRQ_CLEANUP(mrq_close) = open("/dev/full", O_RDWR | O_CLOEXEC);

	(void)state;
	check_status(mrq_pread_full(-1, text, 1, 0, "x", &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EBADF);
	if (full < 0)
		return;
	check_status(mrq_pwrite_full(full, "x", 1, 0, "the log", &err), MRQ_E_SYS,
		     &err);
	assert_int_equal(err.sys_errno, ENOSPC);
	assert_non_null(strstr(err.msg, "the log"));
}

/* Each of the four, which end with `r`. */
static void
try_each(int fd, int r)
{
	interruptions = 3;
	assert_int_equal(mrq_fsync(fd), r);
	assert_int_equal(errno, fails_with);
	interruptions = 3;
	assert_int_equal(mrq_fdatasync(fd), r);
	interruptions = 3;
	assert_int_equal(mrq_ftruncate(fd, 100), r);
	interruptions = 3;
	assert_int_equal(mrq_fallocate(fd, 0, 0, 200), r);
	assert_int_equal(errno, fails_with);
	assert_int_equal(interruptions, 0);
}

static void
interrupted_calls_are_begun_again(void **state)
{
	struct folder *f = *state;
	struct stat st;
	int fd MRQ_CLEANUP(mrq_close) = openat(f->fd, "p", O_RDWR | O_CREAT, 0600);

	try_each(fd, 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 200);
	fails_with = EIO;
	try_each(fd, -1);
	fails_with = 0;
}

static void
replace_survives_interruptions(void **state)
{
	struct folder *f = *state;
	struct mrq_error err;

	interruptions = 5;
	check_ok(mrq_file_replace(f->fd, "a", "text", 4, 0600, &err), &err);
	assert_int_equal(interruptions, 0);
}

static void
make_dirs_makes_all(void **state)
{
	struct folder *f = *state;
	struct mrq_error err;
	char path[PATH_MAX + 8];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s//x/y/./z///", f->path);
	check_ok(mrq_make_dirs(path, 0700, &err), &err);
	check_ok(mrq_make_dirs(path, 0700, &err), &err);
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0700);

	check_ok(mrq_file_replace(f->fd, "x/file", "", 0, 0600, &err), &err);
	(void)snprintf(path, sizeof(path), "%s/x/file", f->path);
	check_status(mrq_make_dirs(path, 0700, &err), MRQ_E_EXISTS, &err);
	(void)snprintf(path, sizeof(path), "%s/x/file/y", f->path);
	check_status(mrq_make_dirs(path, 0700, &err), MRQ_E_EXISTS, &err);
	check_status(mrq_make_dirs("", 0700, &err), MRQ_E_INVAL, &err);
	check_status(mrq_make_dirs("/proc/none/x", 0700, &err), MRQ_E_SYS, &err);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	check_status(mrq_make_dirs(path, 0700, &err), MRQ_E_LIMIT, &err);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, folder_make, folder_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(replace_then_load),
		CASE(replace_takes_paths_and_empty_contents),
		CASE(failed_replace_leaves_the_old_file_and_nothing_else),
		CASE(load_refuses),
		CASE(load_takes_files_that_hide_their_size),
		CASE(pread_and_pwrite_are_whole),
		CASE(io_errors_are_told),
		CASE(interrupted_calls_are_begun_again),
		CASE(replace_survives_interruptions),
		CASE(make_dirs_makes_all),
	};

	return CHECK_MAIN(tests);
}
