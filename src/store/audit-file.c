/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit-file.h"

#include "base/file.h"

#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define CHUNK            4096
#define UNREADABLE_LINES 64u /* looked at from the end before giving up */

/* A thread that serves a user may carry that user's file-system identity: names of the log are
 * looked up with our own. */
struct identity {
	uid_t uid;
	gid_t gid;
};

static struct identity
identity_own(void)
{
	struct identity before;

	before.uid = (uid_t)setfsuid(geteuid());
	before.gid = (gid_t)setfsgid(getegid());
	return before;
}

static void
identity_restore(struct identity *before)
{
	(void)setfsgid(before->gid);
	(void)setfsuid(before->uid);
}
MRQ_DEFINE_CLEANUP_VALUE(identity_restore, struct identity)

static enum mrq_status
check_kind(const char *path, const struct stat *st, struct mrq_error *err)
{
	if (!S_ISREG(st->st_mode) && !S_ISCHR(st->st_mode))
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"audit log '%s' is not a regular file; set another path", path);
	if (S_ISREG(st->st_mode) && st->st_uid != geteuid() && st->st_uid != 0)
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"audit log '%s' belongs to uid %u, who may write it; run "
			"'chown %u' on it and verify it",
			path, (unsigned)st->st_uid, (unsigned)geteuid());
	if (S_ISREG(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)))
		return mrq_fail(err, MRQ_E_CONFIG,
				"audit log '%s' may be written by others; run 'chmod "
				"go-w' on it and verify it",
				path);
	return MRQ_OK;
}

/* What is not ours is not appended to, let alone cut. */
static enum mrq_status
check_first_bytes(const struct mrq_audit_file *file, const char *path,
		  struct mrq_error *err)
{
	static const char begin[] = "{\"seq\":";
	char first[sizeof(begin) - 1];
	size_t got;

	if (!file->regular)
		return MRQ_OK;
	MRQ_TRY(mrq_pread_upto(file->fd, first, sizeof(first), 0, &got, path, err));
	if (memcmp(first, begin, got) != 0)
		return mrq_fail(err, MRQ_E_CONFIG,
				"'%s' is not an audit log; move it away or set another "
				"path",
				path);
	return MRQ_OK;
}

/* What is wrong with the path, and what to do. */
static const char *
open_advice(int error)
{
	const char *why = strerrordesc_np(error);

	switch (error) {
	case ENOENT:
		return "its folder does not exist; make the folder, or set another "
		       "path "
		       "under [audit]";
	case ENOTDIR:
		return "a part of its path is no folder; set another path under "
		       "[audit]";
	case EISDIR:
		return "it is a folder; set the path of a file under [audit]";
	case EACCES:
	case EPERM:
		return "no permission; check the rights on it and on its folders";
	case EROFS:
		return "its file system is read-only; mount it for writing, or set "
		       "another path under [audit]";
	default:
		return why ? why : "unknown error";
	}
}

static enum mrq_status
fail_open(const char *path, int flags, struct mrq_error *err)
{
	int error = errno;

	if (error == ELOOP)
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"audit log '%s' is a symbolic link; set the path that it "
			"leads to",
			path);
	enum mrq_status s =
		error == ENOENT && !(flags & O_CREAT) ? MRQ_E_NOT_FOUND : MRQ_E_SYS;
	(void)mrq_fail(err, s, "cannot open audit log '%s': %s", path,
		       open_advice(error));
	if (err)
		err->sys_errno = error;
	return s;
}

/* A new name is durable before its first record claims to be. */
static enum mrq_status
sync_folder(const char *path, struct mrq_error *err)
{
	const char *slash = strrchr(path, '/');
	char *folder MRQ_CLEANUP(free) =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	if (!folder)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the path '%s'", path);
	int fd MRQ_CLEANUP(mrq_close) =
		open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || mrq_fsync(fd) < 0)
		return mrq_fail_sys(err, "cannot sync folder '%s'", folder);
	return MRQ_OK;
}

static int
open_or_create(const char *path, int flags, bool *ret_made)
{
	int how = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
	int fd = open(path, how);

	*ret_made = false;
	if (fd >= 0 || errno != ENOENT || !(flags & O_CREAT))
		return fd;
	fd = open(path, how | O_CREAT | O_EXCL, 0600);
	if (fd < 0 && errno == EEXIST)
		return open(path, how);
	*ret_made = fd >= 0;
	return fd;
}

enum mrq_status
mrq_audit_file_open(const char *path, int flags, struct mrq_audit_file *ret,
		    struct mrq_error *err)
{
	struct identity before MRQ_CLEANUP(identity_restore) = identity_own();
	struct mrq_audit_file file MRQ_CLEANUP(mrq_audit_file_close) = { .fd = -1 };
	struct stat st;
	bool made;

	(void)before;
	file.fd = open_or_create(path, flags, &made);
	if (file.fd < 0)
		return fail_open(path, flags, err);
	if (made && fchmod(file.fd, 0600) < 0)
		return mrq_fail_sys(err, "cannot set the mode of audit log '%s'", path);
	if (fstat(file.fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine audit log '%s'", path);
	MRQ_TRY(check_kind(path, &st, err));
	file.regular = S_ISREG(st.st_mode);
	file.dev = st.st_dev;
	file.ino = st.st_ino;
	file.size = MRQ_AUDIT_SIZE_UNKNOWN;
	MRQ_TRY(check_first_bytes(&file, path, err));
	if (made)
		MRQ_TRY(sync_folder(path, err));
	*ret = file;
	file.fd = -1;
	return MRQ_OK;
}

void
mrq_audit_file_close(struct mrq_audit_file *file)
{
	if (file->fd >= 0)
		(void)close(file->fd);
	file->fd = -1;
}

bool
mrq_audit_file_is_at(const struct mrq_audit_file *file, const char *path)
{
	struct identity before MRQ_CLEANUP(identity_restore) = identity_own();
	struct stat st;

	(void)before;
	return lstat(path, &st) == 0 && st.st_dev == file->dev &&
	       st.st_ino == file->ino;
}

enum mrq_status
mrq_audit_file_lock(const struct mrq_audit_file *file, const char *path,
		    struct mrq_error *err)
{
	if (!file->regular)
		return MRQ_OK;
	while (flock(file->fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return mrq_audit_file_fail("lock", path, errno, err);
	}
	return MRQ_OK;
}

void
mrq_audit_file_unlock(const struct mrq_audit_file *file)
{
	if (file->regular && file->fd >= 0)
		(void)flock(file->fd, LOCK_UN);
}

/* Offset behind the last newline before `end`, 0 when there is none. */
static enum mrq_status
line_end_before(int fd, off_t end, const char *path, off_t *ret, struct mrq_error *err)
{
	char chunk[CHUNK];

	while (end > 0) {
		size_t len = end < CHUNK ? (size_t)end : CHUNK;
		off_t from = end - (off_t)len;
		MRQ_TRY(mrq_pread_full(fd, chunk, len, from, path, err));
		const char *newline = memrchr(chunk, '\n', len);
		if (newline) {
			*ret = from + (newline - chunk) + 1;
			return MRQ_OK;
		}
		end = from;
	}
	*ret = 0;
	return MRQ_OK;
}

/* The line that ends at `end`; *ret_ok when it is a record, which then is *ret_seq. */
static enum mrq_status
examine_line(const struct mrq_audit_file *file, off_t end, const char *path, char *line,
	     off_t *ret_start, size_t *ret_len, bool *ret_ok, uint64_t *ret_seq,
	     struct mrq_error *err)
{
	uint8_t prev[MRQ_BLAKE2B_BYTES];
	off_t start;

	MRQ_TRY(line_end_before(file->fd, end - 1, path, &start, err));
	size_t len = end - start > MRQ_AUDIT_LINE_MAX ? MRQ_AUDIT_LINE_MAX
						      : (size_t)(end - start);
	MRQ_TRY(mrq_pread_full(file->fd, line, len, start, path, err));
	*ret_start = start;
	*ret_len = len;
	*ret_ok =
		(off_t)len == end - start && mrq_chain_parse(line, len, ret_seq, prev);
	return MRQ_OK;
}

enum mrq_status
mrq_audit_file_tail(const struct mrq_audit_file *file, off_t size, const char *path,
		    struct mrq_audit_tail *ret, struct mrq_error *err)
{
	char *line MRQ_CLEANUP(free) = malloc(MRQ_AUDIT_LINE_MAX);
	struct mrq_audit_tail tail = { 0 };
	off_t at;

	if (!line)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to read audit log '%s'",
				path);
	MRQ_TRY(line_end_before(file->fd, size, path, &tail.end, err));
	for (at = tail.end; at > 0 && tail.unreadable < UNREADABLE_LINES;) {
		uint64_t seq;
		size_t len;
		bool ok;
		MRQ_TRY(examine_line(file, at, path, line, &at, &len, &ok, &seq, err));
		if (tail.unreadable == 0) {
			mrq_chain_digest(line, len, tail.chain.head);
			tail.rotated =
				mrq_checkpoint_has_mark(line, len, MRQ_MARK_ROTATED);
		}
		if (ok) {
			tail.chain.seq = seq + tail.unreadable;
			*ret = tail;
			return MRQ_OK;
		}
		tail.unreadable++;
	}
	if (tail.end > 0)
		return mrq_fail(
			err, MRQ_E_AUDIT,
			"audit log '%s' ends in lines that are no records; move "
			"it away and keep it as evidence",
			path);
	*ret = tail;
	return MRQ_OK;
}

static const char *
advice(int error)
{
	switch (error) {
	case ENOSPC:
		return "free space on its file system";
	case EDQUOT:
		return "raise the quota or free space";
	case EFBIG:
		return "rotate it or raise the limit on file sizes";
	case EROFS:
		return "mount its file system for writing";
	case EIO:
		return "check the disk";
	case EACCES:
	case EPERM:
		return "check the rights on it and on its folder";
	default:
		return "check it";
	}
}

enum mrq_status
mrq_audit_file_fail(const char *verb, const char *path, int error,
		    struct mrq_error *err)
{
	const char *why = strerrordesc_np(error);

	(void)mrq_fail(err, MRQ_E_AUDIT, "cannot %s audit log '%s': %s; %s", verb, path,
		       why ? why : "unknown error", advice(error));
	if (err)
		err->sys_errno = error;
	return MRQ_E_AUDIT;
}

/* When that fails, too, the next append looks at the end again and cuts there. */
static void
cut_back(struct mrq_audit_file *file)
{
	if (file->regular && mrq_ftruncate(file->fd, file->size) < 0)
		file->size = MRQ_AUDIT_SIZE_UNKNOWN;
}

enum mrq_status
mrq_audit_file_write(struct mrq_audit_file *file, const char *path, const char *text,
		     size_t len, struct mrq_error *err)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(file->fd, text + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			int error = n < 0 ? errno : EIO;
			if (done > 0)
				cut_back(file);
			return mrq_audit_file_fail("write", path, error, err);
		}
		done += (size_t)n;
	}
	file->size += (off_t)len;
	return MRQ_OK;
}
