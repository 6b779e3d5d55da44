/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "audit.h"
#include "ops.h"
#include "path.h"
#include "reply.h"

/** A new file or folder inherits a group, and keeps set-group-ID only for its members. */
static enum mrq_creds_groups
groups_for(mode_t mode)
{
	return mode & S_ISGID ? MRQ_CREDS_GROUPS : MRQ_CREDS_NO_GROUPS;
}

enum mrq_status
mrq_do_mkdir(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	     mode_t mode, struct fuse_entry_param *ret, struct mrq_error *err)
{
	if (MRQ_AS_CALLER(call, groups_for(mode), mkdirat(parent->fd, name, mode)) < 0)
		return mrq_fail_errno(err, errno);
	return mrq_do_lookup(call->fs, parent, name, ret, NULL, err);
}

enum mrq_status
mrq_do_mknod(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	     mode_t mode, dev_t rdev, struct fuse_entry_param *ret,
	     struct mrq_error *err)
{
	if (S_ISREG(mode) || (mode & S_IFMT) == 0) {
		struct mrq_inode *ino;
		MRQ_TRY(mrq_do_make(call, parent, name, mode, &ino, err));
		enum mrq_status st = mrq_entry_fill(call->fs, ino, ret, err);
		mrq_attach_put(call->fs, ino);
		if (st != MRQ_OK)
			mrq_inode_unref(call->fs, ino, 1);
		return st;
	}
	/* Devices, too: who may make one may do so in the source, and the mount is nodev. */
	if (MRQ_AS_CALLER(call, groups_for(mode),
			  mknodat(parent->fd, name, mode, rdev)) < 0)
		return mrq_fail_errno(err, errno);
	return mrq_do_lookup(call->fs, parent, name, ret, NULL, err);
}

enum mrq_status
mrq_do_symlink(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	       const char *target, struct fuse_entry_param *ret, struct mrq_error *err)
{
	if (MRQ_AS_CALLER(call, MRQ_CREDS_NO_GROUPS,
			  symlinkat(target, parent->fd, name)) < 0)
		return mrq_fail_errno(err, errno);
	return mrq_do_lookup(call->fs, parent, name, ret, NULL, err);
}

static int
link_handle(const struct mrq_call *call, const struct mrq_inode *ino,
	    const struct mrq_inode *new_parent, const char *new_name)
{
	char path[MRQ_PROC_FD_TEXT];
	mrq_path_proc(ino->fd, path);
	return MRQ_AS_CALLER(
		call, MRQ_CREDS_NO_GROUPS,
		linkat(AT_FDCWD, path, new_parent->fd, new_name, AT_SYMLINK_FOLLOW));
}

enum mrq_status
mrq_do_link(const struct mrq_call *call, struct mrq_inode *ino,
	    struct mrq_inode *new_parent, const char *new_name,
	    struct fuse_entry_param *ret, struct mrq_error *err)
{
	mrq_attach_hold(ino);
	(void)pthread_rwlock_rdlock(&call->fs->table->backing);
	int r = link_handle(call, ino, new_parent, new_name);
	int e = errno;
	(void)pthread_rwlock_unlock(&call->fs->table->backing);
	mrq_attach_put(call->fs, ino);
	if (r < 0)
		return mrq_fail_errno(err, e);
	mrq_path_name(call->fs->table, ino, new_parent, new_name);
	MRQ_TRY(mrq_entry_fill(call->fs, ino, ret, err));
	mrq_inode_ref(ino);
	return MRQ_OK;
}

/** The inode of a name if it is in the table, with a reference. */
static struct mrq_inode *
known_inode(struct mrq_fs *fs, const struct mrq_inode *parent, const char *name)
{
	struct stat st;
	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return NULL;
	return mrq_table_find(fs->table, st.st_dev, st.st_ino);
}

static enum mrq_status
remove_name(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	    int flags, struct mrq_error *err)
{
	(void)pthread_rwlock_rdlock(&call->fs->table->backing);
	int r = MRQ_AS_CALLER(call, MRQ_CREDS_NO_GROUPS,
			      unlinkat(parent->fd, name, flags));
	int e = errno;
	(void)pthread_rwlock_unlock(&call->fs->table->backing);
	return r < 0 ? mrq_fail_errno(err, e) : MRQ_OK;
}

enum mrq_status
mrq_do_unlink(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	      struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	struct mrq_inode *ino = known_inode(fs, parent, name);
	if (!ino)
		return remove_name(call, parent, name, 0, err);
	struct mrq_facts facts = { .kind = MRQ_FILE_PLAIN };
	bool protected = mrq_audit_facts(fs, ino, &facts);
	mrq_attach_hold(ino);
	enum mrq_status st = remove_name(call, parent, name, 0, err);
	mrq_attach_put(fs, ino);
	if (st == MRQ_OK && protected)
		mrq_audit_name(call, MRQ_AUDIT_DELETE, &facts, parent, name, NULL,
			       NULL);
	mrq_inode_unref(fs, ino, 1);
	return st;
}

enum mrq_status
mrq_do_rmdir(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	     struct mrq_error *err)
{
	return remove_name(call, parent, name, AT_REMOVEDIR, err);
}

void
mrq_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct mrq_call call = mrq_call_of(req);
	struct fuse_entry_param e;
	struct mrq_error err;
	enum mrq_status st = mrq_do_mkdir(&call, mrq_inode_of(call.fs, parent), name,
					  mode, &e, &err);
	mrq_reply_entry(req, st, &e, &err);
}

void
mrq_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	     dev_t rdev)
{
	struct mrq_call call = mrq_call_of(req);
	struct fuse_entry_param e;
	struct mrq_error err;
	enum mrq_status st = mrq_do_mknod(&call, mrq_inode_of(call.fs, parent), name,
					  mode, rdev, &e, &err);
	mrq_reply_entry(req, st, &e, &err);
}

void
mrq_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct mrq_call call = mrq_call_of(req);
	struct fuse_entry_param e;
	struct mrq_error err;
	enum mrq_status st = mrq_do_symlink(&call, mrq_inode_of(call.fs, parent), name,
					    target, &e, &err);
	mrq_reply_entry(req, st, &e, &err);
}

void
mrq_op_readlink(fuse_req_t req, fuse_ino_t id)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	char target[PATH_MAX + 1];
	ssize_t n = readlinkat(mrq_inode_of(fs, id)->fd, "", target, sizeof(target));
	if (n < 0 || (size_t)n == sizeof(target)) {
		(void)fuse_reply_err(req, n < 0 ? errno : ENAMETOOLONG);
		return;
	}
	target[n] = '\0';
	(void)fuse_reply_readlink(req, target);
}

void
mrq_op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t new_parent, const char *new_name)
{
	struct mrq_call call = mrq_call_of(req);
	struct fuse_entry_param e;
	struct mrq_error err;
	enum mrq_status st =
		mrq_do_link(&call, mrq_inode_of(call.fs, id),
			    mrq_inode_of(call.fs, new_parent), new_name, &e, &err);
	mrq_reply_entry(req, st, &e, &err);
}

void
mrq_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	enum mrq_status st =
		mrq_do_unlink(&call, mrq_inode_of(call.fs, parent), name, &err);
	mrq_reply_status(req, st, &err);
}

void
mrq_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	enum mrq_status st =
		mrq_do_rmdir(&call, mrq_inode_of(call.fs, parent), name, &err);
	mrq_reply_status(req, st, &err);
}

void
mrq_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	      fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	enum mrq_status st =
		mrq_do_rename(&call, mrq_inode_of(call.fs, parent), name,
			      mrq_inode_of(call.fs, new_parent), new_name, flags, &err);
	mrq_reply_status(req, st, &err);
}
