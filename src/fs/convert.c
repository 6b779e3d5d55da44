/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attach.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "path.h"
#include "reply.h"

#define TEMP_TEXT      40
#define XATTR_LIST_MAX 65536
#define XATTR_MAX      65536

/** The new file under its passing name; removed by scope unless it took the old one's place. */
struct temp {
	int dirfd; /* borrowed */
	int fd;
	char name[TEMP_TEXT];
};

static void
temp_clear(struct temp *t)
{
	if (t->fd >= 0)
		(void)close(t->fd);
	if (t->name[0])
		(void)unlinkat(t->dirfd, t->name, 0);
}
MRQ_DEFINE_CLEANUP_VALUE(temp_clear, struct temp)

static enum mrq_status
temp_make(int dirfd, struct temp *ret, struct mrq_error *err)
{
	for (int tries = 0; tries < 16; tries++) {
		uint64_t r = 0;
		if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
			return mrq_fail_sys(err, "cannot name a temporary file");
		(void)snprintf(ret->name, sizeof(ret->name), ".marque-%016llx",
			       (unsigned long long)r);
		ret->dirfd = dirfd;
		ret->fd = openat(dirfd, ret->name,
				 O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				 0600);
		if (ret->fd >= 0)
			return MRQ_OK;
		ret->name[0] = '\0';
		if (errno != EEXIST)
			break;
	}
	return mrq_fail_sys(err, "cannot make a temporary file");
}

/** Attributes that cannot be carried over are those of another file system: not ours to lose. */
static enum mrq_status
copy_xattrs(const char *from, int to, struct mrq_error *err)
{
	char *names MRQ_CLEANUP(free) = malloc(XATTR_LIST_MAX);
	char *value MRQ_CLEANUP(free) = malloc(XATTR_MAX);
	if (!names || !value)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for attributes");
	ssize_t len = listxattr(from, names, XATTR_LIST_MAX);
	if (len < 0)
		return errno == ENOTSUP
			       ? MRQ_OK
			       : mrq_fail_sys(err, "cannot list the attributes");
	for (const char *n = names; n < names + len; n += strlen(n) + 1) {
		ssize_t size = getxattr(from, n, value, XATTR_MAX);
		if (size < 0 && errno == ENODATA)
			continue;
		if (size < 0 || fsetxattr(to, n, value, (size_t)size, 0) < 0)
			return mrq_fail_sys(err, "cannot keep the attribute '%s'", n);
	}
	return MRQ_OK;
}

static enum mrq_status
copy_metadata(const struct mrq_inode *ino, const struct stat *st, int to,
	      struct mrq_error *err)
{
	char path[MRQ_PROC_FD_TEXT];
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	mrq_path_proc(ino->fd, path);
	if (fchown(to, st->st_uid, st->st_gid) < 0 && geteuid() == 0)
		return mrq_fail_sys(err, "cannot keep the owner");
	if (fchmod(to, st->st_mode & 07777) < 0)
		return mrq_fail_sys(err, "cannot keep the mode");
	MRQ_TRY(copy_xattrs(path, to, err));
	if (futimens(to, times) < 0 || fsync(to) < 0)
		return mrq_fail_sys(err, "cannot finish the new file");
	return MRQ_OK;
}

/** Take the name over, if it still leads to ino, and put the new inode under the node. */
static enum mrq_status
take_place(struct mrq_fs *fs, struct mrq_inode *ino, const struct mrq_inode *parent,
	   const char *name, const struct stat *old, struct temp *temp,
	   struct mrq_error *err)
{
	struct stat now, fresh;
	if (fstatat(parent->fd, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    now.st_dev != old->st_dev || now.st_ino != old->st_ino)
		return mrq_fail(err, MRQ_E_BUSY,
				"'%s' was renamed meanwhile; try again", name);
	int fd MRQ_CLEANUP(mrq_close) = mrq_path_reopen(temp->fd, O_PATH);
	if (fd < 0 || fstat(temp->fd, &fresh) < 0)
		return mrq_fail_errno(err, errno);
	if (renameat(temp->dirfd, temp->name, parent->fd, name) < 0)
		return mrq_fail_sys(err, "cannot put the new file in place of '%s'",
				    name);
	temp->name[0] = '\0';
	return mrq_table_rebase(fs->table, ino, fd, &fresh, err);
}

/** Nobody has it open; the file that was attached goes. */
static enum mrq_status
release_content(struct mrq_inode *ino, struct mrq_error *err)
{
	(void)pthread_mutex_lock(&ino->lock);
	bool busy = ino->handles != NULL || ino->users > 1;
	struct mrq_file *file = NULL;
	if (!busy) {
		file = MRQ_STEAL(ino->file);
		ino->known = false;
		ino->stale = false;
	}
	(void)pthread_mutex_unlock(&ino->lock);
	mrq_file_free(file);
	return busy ? mrq_fail(err, MRQ_E_BUSY,
			       "the file is open; close it everywhere and try again")
		    : MRQ_OK;
}

static enum mrq_status
convert_used(const struct mrq_call *call, struct mrq_inode *ino, struct mrq_file *file,
	     struct mrq_inode *parent, const char *name, enum mrq_convert direction,
	     const char *label, const struct mrq_permissions *permissions,
	     const struct mrq_change_options *options, struct mrq_error *err)
{
	struct stat st;
	char path[MRQ_FS_PATH_MAX];
	if (fstat(ino->fd, &st) < 0)
		return mrq_fail_errno(err, errno);
	mrq_path_of(call->fs->table, ino, path);
	if (st.st_nlink > 1)
		return mrq_fail(
			err, MRQ_E_UNSUPPORTED,
			"'%s' has several names (hard links), which a new file would "
			"part; remove the others first",
			path);
	struct temp temp MRQ_CLEANUP(temp_clear) = { .fd = -1 };
	/* A folder handle is O_PATH: good for *at calls, not for fsync. */
	MRQ_TRY(temp_make(parent->fd, &temp, err));
	MRQ_TRY(mrq_file_convert(file, &call->who, direction, label, permissions,
				 options, path, temp.fd, err));
	if (options->what_if)
		return MRQ_OK;
	MRQ_TRY(copy_metadata(ino, &st, temp.fd, err));
	MRQ_TRY(release_content(ino, err));
	(void)pthread_rwlock_wrlock(&ino->io);
	enum mrq_status s = take_place(call->fs, ino, parent, name, &st, &temp, err);
	(void)pthread_rwlock_unlock(&ino->io);
	if (s ==
	    MRQ_OK) /* whoever attached the old one meanwhile gave up waiting or is busy */
		s = release_content(ino, err);
	int dir MRQ_CLEANUP(mrq_close) =
		mrq_path_reopen(parent->fd, O_RDONLY | O_DIRECTORY);
	if (s == MRQ_OK && dir >= 0 && fsync(dir) < 0)
		return mrq_fail_sys(err, "cannot make the new name of '%s' durable",
				    path);
	return s;
}

enum mrq_status
mrq_convert(const struct mrq_call *call, struct mrq_inode *ino,
	    enum mrq_convert direction, const char *label,
	    const struct mrq_permissions *permissions,
	    const struct mrq_change_options *options, struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	struct mrq_inode *parent;
	struct mrq_file *file;
	char *name MRQ_CLEANUP(free) = NULL;
	MRQ_TRY(mrq_path_place(fs->table, ino, &parent, &name, err));
	enum mrq_status s = mrq_attach_get(fs, ino, &file, err);
	if (s == MRQ_OK) {
		s = convert_used(call, ino, file, parent, name, direction, label,
				 permissions, options, err);
		mrq_attach_put(fs, ino);
	}
	mrq_inode_unref(fs, parent, 1);
	return s;
}
