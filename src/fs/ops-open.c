/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "fence.h"
#include "loop.h"
#include "ops.h"
#include "path.h"
#include "reply.h"
#include "settle.h"

/** POSIX permission that flags ask for. */
static int
access_of(int flags)
{
	int mode = (flags & O_ACCMODE) == O_WRONLY ? W_OK
		   : (flags & O_ACCMODE) == O_RDWR ? R_OK | W_OK
						   : R_OK;
	return flags & O_TRUNC ? mode | W_OK : mode;
}

static enum mrq_status
truncate_open(const struct mrq_call *call, struct mrq_inode *ino, struct mrq_error *err)
{
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = mrq_fence_pass(ino, false, err);
	if (st == MRQ_OK) {
		(void)atomic_fetch_add(&ino->writes, 1);
		st = mrq_file_resize(ino->file, 0, err);
	}
	if (st == MRQ_OK)
		mrq_attach_touch(call->fs, ino);
	(void)pthread_rwlock_unlock(&ino->io);
	if (st == MRQ_OK && call->who.uid != 0)
		mrq_creds_kill_priv(call, ino->fd);
	return st;
}

/** Decide, truncate and list; the file is in use, and stays so in *ret. */
static enum mrq_status
open_attached(const struct mrq_call *call, struct mrq_inode *ino, struct mrq_file *file,
	      int flags, struct mrq_fh **ret, struct mrq_error *err)
{
	struct mrq_handle *right;
	char path[MRQ_FS_PATH_MAX];
	mrq_path_of(call->fs->table, ino, path);
	MRQ_TRY(mrq_file_open(file, &call->who, mrq_handle_request(flags), path, &right,
			      err));
	enum mrq_status st = flags & O_TRUNC ? truncate_open(call, ino, err) : MRQ_OK;
	if (st == MRQ_OK)
		st = mrq_fh_new(call, ino, file, right, flags, ret, err);
	if (st != MRQ_OK)
		mrq_handle_free(right);
	return st;
}

/** Again when it was converted meanwhile. */
static enum mrq_status
open_again(const struct mrq_call *call, struct mrq_inode *ino, int flags,
	   struct mrq_fh **ret, struct mrq_error *err)
{
	struct mrq_file *file;
	enum mrq_status st;
	do {
		MRQ_TRY(mrq_attach_get(call->fs, ino, &file, err));
		st = open_attached(call, ino, file, flags, ret, err);
		if (st != MRQ_OK)
			mrq_attach_put(call->fs, ino);
	} while (st == MRQ_E_BUSY);
	return st;
}

enum mrq_status
mrq_do_open(const struct mrq_call *call, struct mrq_inode *ino, int flags,
	    struct mrq_fh **ret, struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	struct stat st;
	if (atomic_load(&fs->draining))
		return mrq_fail_errno(err, EBUSY);
	if (fstat(ino->fd, &st) < 0)
		return mrq_fail_errno(err, errno);
	if (mrq_attach_changed(fs, ino, &st))
		return mrq_fail_errno(err, ESTALE); /* the kernel looks it up again */
	MRQ_TRY(mrq_creds_access(call, ino->fd, access_of(flags), err));
	MRQ_TRY(open_again(call, ino, flags, ret, err));
	if ((flags & (O_ACCMODE | O_NOATIME)) == O_RDONLY)
		mrq_attach_accessed(fs, ino, &st);
	return MRQ_OK;
}

/** A file that O_TMPFILE makes. */
static bool
unnamed(const char *name)
{
	return strcmp(name, "/") == 0;
}

/** Create the backing file as the caller; -1 and errno. */
static int
make_backing(const struct mrq_call *call, const struct mrq_inode *parent,
	     const char *name, mode_t mode)
{
	enum mrq_creds_groups groups =
		mode & S_ISGID ? MRQ_CREDS_GROUPS : MRQ_CREDS_NO_GROUPS;
	if (unnamed(name))
		return MRQ_AS_CALLER(call, groups,
				     openat(parent->fd, ".",
					    O_TMPFILE | O_RDWR | O_CLOEXEC,
					    mode & 07777));
	return MRQ_AS_CALLER(call, groups,
			     openat(parent->fd, name,
				    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				    mode & 07777));
}

static enum mrq_status
intern_made(struct mrq_table *t, int fd, struct mrq_inode *parent, const char *name,
	    struct mrq_inode **ret, struct mrq_error *err)
{
	struct stat st;
	int handle MRQ_CLEANUP(mrq_close) = mrq_path_reopen(fd, O_PATH);
	if (handle < 0 || fstat(handle, &st) < 0)
		return mrq_fail_errno(err, errno);
	return mrq_table_intern(t, MRQ_STEAL_FD(handle), &st,
				unnamed(name) ? NULL : parent, name, ret, err);
}

/** Make the backing file and its inode.  Caller holds table.backing. */
static enum mrq_status
make_inode(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	   mode_t mode, int *ret_fd, struct mrq_inode **ret, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = make_backing(call, parent, name, mode);
	if (fd < 0)
		return mrq_fail_errno(err, errno);
	enum mrq_status st = intern_made(call->fs->table, fd, parent, name, ret, err);
	if (st == MRQ_OK)
		*ret_fd = MRQ_STEAL_FD(fd);
	else if (!unnamed(name))
		(void)unlinkat(parent->fd, name, 0);
	return st;
}

/** Remove the name again if it still leads to ino. */
static void
unmake(const struct mrq_fs *fs, const struct mrq_inode *parent, const char *name,
       const struct mrq_inode *ino)
{
	struct stat st;
	if (unnamed(name))
		return;
	(void)pthread_rwlock_wrlock(&fs->table->backing);
	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == ino->dev && st.st_ino == ino->nr)
		(void)unlinkat(parent->fd, name, 0);
	(void)pthread_rwlock_unlock(&fs->table->backing);
}

enum mrq_status
mrq_do_make(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	    mode_t mode, struct mrq_inode **ret, struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	struct mrq_file *file;
	struct mrq_inode *ino;
	char path[MRQ_FS_PATH_MAX];
	int fd = -1;
	mrq_path_child(fs->table, parent, unnamed(name) ? "#unnamed" : name, path);
	MRQ_TRY(mrq_file_create_allowed(fs->session, &call->who, path, err));
	(void)pthread_rwlock_rdlock(&fs->table->backing);
	enum mrq_status st = make_inode(call, parent, name, mode, &fd, &ino, err);
	(void)pthread_rwlock_unlock(&fs->table->backing);
	MRQ_TRY(st);
	st = mrq_attach_new(fs, ino, fd, &file, err);
	if (st == MRQ_OK) {
		st = mrq_file_create(file, &call->who, path, err);
		if (st != MRQ_OK)
			mrq_attach_put(fs, ino);
	}
	if (st != MRQ_OK) {
		unmake(fs, parent, name, ino);
		mrq_inode_unref(fs, ino, 1);
		return st;
	}
	*ret = ino;
	return MRQ_OK;
}

static enum mrq_status
open_made(const struct mrq_call *call, struct mrq_inode *ino, int flags,
	  struct fuse_entry_param *ret, struct mrq_fh **ret_fh, struct mrq_error *err)
{
	MRQ_TRY(mrq_entry_fill(call->fs, ino, ret, err));
	return open_again(call, ino, flags & ~O_TRUNC, ret_fh, err);
}

/** The name exists: somebody was faster, or made it behind the mount. */
static enum mrq_status
open_existing(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	      int flags, struct fuse_entry_param *ret, struct mrq_fh **ret_fh,
	      struct mrq_error *err)
{
	struct mrq_inode *ino;
	MRQ_TRY(mrq_do_lookup(call->fs, parent, name, ret, &ino, err));
	enum mrq_status st = S_ISREG(ino->type)
				     ? mrq_do_open(call, ino, flags, ret_fh, err)
				     : mrq_fail_errno(err, ESTALE);
	if (st != MRQ_OK)
		mrq_inode_unref(call->fs, ino, 1);
	return st;
}

enum mrq_status
mrq_do_create(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	      mode_t mode, int flags, struct fuse_entry_param *ret,
	      struct mrq_fh **ret_fh, struct mrq_error *err)
{
	struct mrq_inode *ino;
	struct mrq_error why;
	if (atomic_load(&call->fs->draining))
		return mrq_fail_errno(err, EBUSY);
	enum mrq_status st = mrq_do_make(call, parent, name, mode, &ino, &why);
	if (st == MRQ_E_SYS && why.sys_errno == EEXIST && !(flags & O_EXCL))
		return open_existing(call, parent, name, flags, ret, ret_fh, err);
	if (st != MRQ_OK) {
		if (err)
			*err = why;
		return st;
	}
	st = open_made(call, ino, flags, ret, ret_fh, err);
	mrq_attach_put(call->fs, ino);
	if (st != MRQ_OK) {
		unmake(call->fs, parent, name, ino);
		mrq_inode_unref(call->fs, ino, 1);
	}
	return st;
}

/** Answer of an OPEN that waited for a fence: fence.h (4). */
static void
answer_stale(struct mrq_parked *p, struct mrq_inode *ino)
{
	(void)ino;
	(void)fuse_reply_err(p->req, ESTALE);
	free(p);
}

/** Park an OPEN while its inode is fenced; false when it is not. */
static bool
park(fuse_req_t req, struct mrq_inode *ino)
{
	struct mrq_parked *p = calloc(1, sizeof(*p));
	if (!p)
		return false;
	p->req = req;
	p->channel = mrq_loop_channel();
	p->answer = answer_stale;
	if (mrq_fence_park(ino, p))
		return true;
	free(p);
	return false;
}

/** Content changes only through the kernel that caches it, unless other hosts write too. */
static void
cache_flags(const struct mrq_fs *fs, struct fuse_file_info *fi)
{
	fi->keep_cache = !fs->options.shared;
	fi->noflush = !mrq_handle_writes(fi->flags);
}

void
mrq_op_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_inode *ino = mrq_inode_of(call.fs, id);
	struct mrq_fh *fh;
	struct mrq_error err;
	enum mrq_status st = mrq_do_open(&call, ino, fi->flags, &fh, &err);
	if (st == MRQ_E_SYS && err.sys_errno == ESTALE && park(req, ino))
		return;
	if (st != MRQ_OK) {
		mrq_reply_status(req, st, &err);
		return;
	}
	fi->fh = (uintptr_t)fh;
	cache_flags(call.fs, fi);
	if (fuse_reply_open(req, fi) != 0)
		mrq_fh_close(call.fs, fh);
}

void
mrq_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	      struct fuse_file_info *fi)
{
	struct mrq_call call = mrq_call_of(req);
	struct fuse_entry_param e;
	struct mrq_fh *fh;
	struct mrq_error err;
	enum mrq_status st = mrq_do_create(&call, mrq_inode_of(call.fs, parent), name,
					   mode, fi->flags, &e, &fh, &err);
	if (st != MRQ_OK) {
		mrq_reply_status(req, st, &err);
		return;
	}
	fi->fh = (uintptr_t)fh;
	cache_flags(call.fs, fi);
	if (fuse_reply_create(req, &e, fi) != 0) {
		struct mrq_inode *ino = fh->ino;
		mrq_fh_close(call.fs, fh);
		mrq_inode_unref(call.fs, ino, 1);
	}
}

void
mrq_op_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	struct mrq_fh *fh = mrq_fh_of(fi);
	(void)id;
	if (fh->writes)
		mrq_flush_late(fh);
	mrq_fh_close(fs, fh);
	(void)fuse_reply_err(req, 0);
}
