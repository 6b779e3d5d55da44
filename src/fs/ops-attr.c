/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "fence.h"
#include "notify.h"
#include "ops.h"
#include "path.h"
#include "reply.h"
#include "settle.h"

#define ATTR_TIMES (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME)
#define ATTR_OWNER (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)
#define ATTR_ANY   (FUSE_SET_ATTR_SIZE | ATTR_OWNER | FUSE_SET_ATTR_MODE | ATTR_TIMES)

/** Changed behind the mount while nobody had it open: have the kernel look its name up again. */
static void
notice_change(struct mrq_fs *fs, struct mrq_inode *ino, const struct stat *st)
{
	struct mrq_inode *parent;
	char *name;
	if (!mrq_attach_changed(fs, ino, st) ||
	    mrq_path_place(fs->table, ino, &parent, &name, NULL) != MRQ_OK)
		return;
	mrq_notify_entry(fs, parent, name);
	mrq_inode_unref(fs, parent, 1);
	free(name);
}

/** Refused on a fenced inode. */
static enum mrq_status
not_fenced(struct mrq_inode *ino, struct mrq_error *err)
{
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = ino->fence == MRQ_FENCE_CLOSED
				     ? mrq_fence_pass(ino, false, err)
				     : MRQ_OK;
	(void)pthread_rwlock_unlock(&ino->io);
	return st;
}

enum mrq_status
mrq_do_getattr(struct mrq_fs *fs, struct mrq_inode *ino, struct stat *ret,
	       struct mrq_error *err)
{
	if (S_ISREG(ino->type))
		MRQ_TRY(not_fenced(ino, err));
	if (fstat(ino->fd, ret) < 0)
		return mrq_fail_errno(err, errno);
	notice_change(fs, ino, ret);
	return mrq_entry_stat(fs, ino, ret, err);
}

/** Caller uses the file of ino. */
static enum mrq_status
resize(const struct mrq_call *call, struct mrq_inode *ino, uint64_t size, int to_set,
       struct mrq_error *err)
{
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = mrq_fence_pass(ino, false, err);
	if (st == MRQ_OK) {
		(void)atomic_fetch_add(&ino->writes, 1);
		st = mrq_file_resize(ino->file, size, err);
	}
	if (st == MRQ_OK)
		st = mrq_file_commit(ino->file, false, err);
	if (st == MRQ_OK)
		mrq_attach_touch(call->fs, ino);
	(void)pthread_rwlock_unlock(&ino->io);
	if (st == MRQ_OK && ((to_set & FUSE_SET_ATTR_KILL_SUID) || call->who.uid != 0))
		mrq_creds_kill_priv(call, ino->fd);
	return st;
}

/** truncate(2): a decision of its own, since there is no open. */
static enum mrq_status
resize_by_path(const struct mrq_call *call, struct mrq_inode *ino, uint64_t size,
	       int to_set, struct mrq_error *err)
{
	struct mrq_file *file;
	struct mrq_handle *right = NULL;
	char path[MRQ_FS_PATH_MAX];
	MRQ_TRY(mrq_creds_access(call, ino->fd, W_OK, err));
	MRQ_TRY(mrq_attach_get(call->fs, ino, &file, err));
	mrq_path_of(call->fs->table, ino, path);
	enum mrq_status st = mrq_file_open(
		file, &call->who, size == 0 ? MRQ_REQUEST_REPLACE : MRQ_REQUEST_WRITE,
		path, &right, err);
	if (st == MRQ_OK)
		st = resize(call, ino, size, to_set, err);
	mrq_handle_free(right);
	mrq_attach_put(call->fs, ino);
	if (st == MRQ_OK)
		mrq_settle_later(call->fs, ino);
	return st;
}

static enum mrq_status
set_size(const struct mrq_call *call, struct mrq_inode *ino, struct mrq_fh *fh,
	 uint64_t size, int to_set, struct mrq_error *err)
{
	if (!S_ISREG(ino->type))
		return mrq_fail_errno(err, S_ISDIR(ino->type) ? EISDIR : EINVAL);
	if (!fh)
		return resize_by_path(call, ino, size, to_set, err);
	if (!fh->writes)
		return mrq_fail_errno(err, EINVAL);
	return resize(call, ino, size, to_set, err);
}

static enum mrq_status
set_owner(const struct mrq_call *call, struct mrq_inode *ino, const struct stat *attr,
	  int to_set, struct mrq_error *err)
{
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
	atomic_store(&ino->metadata, true);
	if (MRQ_AS_CALLER(call, MRQ_CREDS_GROUPS,
			  fchownat(ino->fd, "", uid, gid, AT_EMPTY_PATH)) < 0)
		return mrq_fail_errno(err, errno);
	return MRQ_OK;
}

static enum mrq_status
set_mode(const struct mrq_call *call, struct mrq_inode *ino, mode_t mode,
	 struct mrq_error *err)
{
	char path[MRQ_PROC_FD_TEXT];
	mrq_path_proc(ino->fd, path);
	atomic_store(&ino->metadata, true);
	if (S_ISLNK(ino->type))
		return mrq_fail_errno(err, EOPNOTSUPP);
	if (MRQ_AS_CALLER(call, MRQ_CREDS_GROUPS, chmod(path, mode & 07777)) < 0)
		return mrq_fail_errno(err, errno);
	return MRQ_OK;
}

static struct timespec
time_of(int to_set, int set, int now, struct timespec given)
{
	if (!(to_set & set))
		return (struct timespec){ .tv_nsec = UTIME_OMIT };
	if (to_set & now)
		given = (struct timespec){ .tv_nsec = UTIME_NOW };
	return given;
}

/** What was written goes to the backing file before its time is set, not after. */
static enum mrq_status
commit_first(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_error *err)
{
	if (!mrq_attach_peek(ino))
		return MRQ_OK;
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = MRQ_OK;
	if (ino->fence != MRQ_FENCE_CLOSED) {
		(void)atomic_fetch_add(&ino->writes, 1);
		st = mrq_file_commit(ino->file, false, err);
	}
	(void)pthread_rwlock_unlock(&ino->io);
	mrq_attach_put(fs, ino);
	return st;
}

static enum mrq_status
set_times(const struct mrq_call *call, struct mrq_inode *ino, bool by_handle,
	  const struct stat *attr, int to_set, struct mrq_error *err)
{
	struct timespec times[2] = {
		time_of(to_set, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW,
			attr->st_atim),
		time_of(to_set, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW,
			attr->st_mtim),
	};
	struct stat now;
	if (S_ISREG(ino->type))
		MRQ_TRY(commit_first(call->fs, ino, err));
	/* The page cache's own mtime comes from whoever happens to write back. */
	bool own = by_handle || !(to_set & FUSE_SET_ATTR_ATIME);
	if (!own && MRQ_AS_CALLER(call, MRQ_CREDS_NO_GROUPS,
				  utimensat(ino->fd, "", times, AT_EMPTY_PATH)) < 0) {
		/* "now", which a right to write suffices for, may come with a kernel's mtime */
		if (errno != EPERM || !(to_set & FUSE_SET_ATTR_ATIME_NOW))
			return mrq_fail_errno(err, errno);
		MRQ_TRY(mrq_creds_access(call, ino->fd, W_OK, err));
		own = true;
	}
	if (own && utimensat(ino->fd, "", times, AT_EMPTY_PATH) < 0)
		return mrq_fail_errno(err, errno);
	if (times[1].tv_nsec == UTIME_NOW && fstat(ino->fd, &now) == 0)
		times[1] = now.st_mtim;
	if (times[1].tv_nsec != UTIME_OMIT)
		mrq_attach_told(ino, times[1]);
	return MRQ_OK;
}

static enum mrq_status
set_all(const struct mrq_call *call, struct mrq_inode *ino, struct mrq_fh *fh,
	const struct stat *attr, int to_set, struct mrq_error *err)
{
	if (to_set & FUSE_SET_ATTR_SIZE)
		MRQ_TRY(set_size(call, ino, fh, (uint64_t)attr->st_size, to_set, err));
	if (to_set & ATTR_OWNER)
		MRQ_TRY(set_owner(call, ino, attr, to_set, err));
	else if (!(to_set & ATTR_ANY) && S_ISREG(ino->type))
		mrq_creds_kill_priv(call, ino->fd); /* by a write, or chown(-1, -1) */
	if (to_set & FUSE_SET_ATTR_MODE)
		MRQ_TRY(set_mode(call, ino, attr->st_mode, err));
	if (to_set & ATTR_TIMES)
		MRQ_TRY(set_times(call, ino, fh != NULL, attr, to_set, err));
	return MRQ_OK;
}

enum mrq_status
mrq_do_setattr(const struct mrq_call *call, struct mrq_inode *ino, struct mrq_fh *fh,
	       const struct stat *attr, int to_set, struct stat *ret,
	       struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	mrq_attach_hold(ino);
	enum mrq_status st = set_all(call, ino, fh, attr, to_set, err);
	if (st == MRQ_OK && fstat(ino->fd, ret) < 0)
		st = mrq_fail_errno(err, errno);
	mrq_attach_put(fs, ino);
	return st == MRQ_OK ? mrq_entry_stat(fs, ino, ret, err) : st;
}

void
mrq_op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	struct stat st;
	struct mrq_error err;
	(void)fi;
	enum mrq_status s = mrq_do_getattr(fs, mrq_inode_of(fs, id), &st, &err);
	if (s == MRQ_OK)
		(void)fuse_reply_attr(req, &st, fs->options.attr_timeout);
	else
		mrq_reply_status(req, s, &err);
}

void
mrq_op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *attr, int to_set,
	       struct fuse_file_info *fi)
{
	struct mrq_call call = mrq_call_of(req);
	struct stat st;
	struct mrq_error err;
	enum mrq_status s =
		mrq_do_setattr(&call, mrq_inode_of(call.fs, id),
			       fi ? mrq_fh_of(fi) : NULL, attr, to_set, &st, &err);
	if (s == MRQ_OK)
		(void)fuse_reply_attr(req, &st, call.fs->options.attr_timeout);
	else
		mrq_reply_status(req, s, &err);
}
