/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "base/file.h"
#include "fence.h"
#include "loop.h"
#include "ops.h"
#include "reply.h"

#define COPY_MAX                                                                       \
	(16u * 1024u * 1024u) /* bytes per COPY_FILE_RANGE: programs ask again */

enum mrq_status
mrq_do_read(struct mrq_fh *fh, void *buf, size_t size, off_t off, size_t *ret_len,
	    struct mrq_error *err)
{
	struct mrq_inode *ino = fh->ino;
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = mrq_fence_pass(ino, false, err);
	if (st == MRQ_OK)
		st = mrq_file_read(ino->file, buf, size, (uint64_t)off, ret_len, err);
	(void)pthread_rwlock_unlock(&ino->io);
	return st;
}

/**
 * A program's own write takes set-user-ID away, except for root.  Never for the page cache: there
 * the kernel writes through while the bits are set.
 */
static void
drop_priv(const struct mrq_call *call, struct mrq_inode *ino)
{
	if (call->who.uid != 0)
		mrq_creds_kill_priv(call, ino->fd);
}

enum mrq_status
mrq_do_write(const struct mrq_call *call, struct mrq_fh *fh, enum mrq_write_from from,
	     const void *buf, size_t size, off_t off, struct mrq_error *err)
{
	struct mrq_inode *ino = fh->ino;
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = mrq_fence_pass(ino, from == MRQ_WRITE_CACHE, err);
	if (st == MRQ_OK) {
		(void)atomic_fetch_add(&ino->writes, 1);
		st = mrq_file_write(ino->file, buf, size, (uint64_t)off, err);
	}
	(void)pthread_rwlock_unlock(&ino->io);
	if (st == MRQ_OK && from == MRQ_WRITE_PROGRAM)
		drop_priv(call, ino);
	return st;
}

/** A failure that nobody has been told of yet. */
static enum mrq_status
take_late(struct mrq_inode *ino, struct mrq_error *err)
{
	(void)pthread_mutex_lock(&ino->lock);
	struct mrq_error *late = MRQ_STEAL(ino->late);
	(void)pthread_mutex_unlock(&ino->lock);
	if (!late)
		return MRQ_OK;
	enum mrq_status st = late->status;
	if (err)
		*err = *late;
	free(late);
	return st;
}

/** Keep a failure for the next flush or fsync. */
static void
keep_late(struct mrq_inode *ino, const struct mrq_error *err)
{
	struct mrq_error *late = malloc(sizeof(*late));
	if (!late)
		return;
	*late = *err;
	(void)pthread_mutex_lock(&ino->lock);
	struct mrq_error *old = ino->late;
	ino->late = late;
	(void)pthread_mutex_unlock(&ino->lock);
	free(old);
}

static enum mrq_status
commit(struct mrq_inode *ino, bool durable, struct mrq_error *err)
{
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = MRQ_OK;
	if (ino->fence != MRQ_FENCE_CLOSED) { /* else it went to rest when it closed */
		(void)atomic_fetch_add(&ino->writes, 1);
		st = mrq_file_commit(ino->file, durable, err);
		/* what the kernel set, it set before it asked for this */
		(void)mrq_attach_restore_mtime(ino);
	}
	(void)pthread_rwlock_unlock(&ino->io);
	return st;
}

enum mrq_status
mrq_do_flush(struct mrq_fh *fh, struct mrq_error *err)
{
	if (!fh->writes)
		return MRQ_OK;
	MRQ_TRY(take_late(fh->ino, err));
	return commit(fh->ino, false, err);
}

void
mrq_flush_late(struct mrq_fh *fh)
{
	struct mrq_error err = { 0 };
	if (commit(fh->ino, false, &err) != MRQ_OK)
		keep_late(fh->ino, &err);
}

enum mrq_status
mrq_do_fsync(struct mrq_fh *fh, bool datasync, struct mrq_error *err)
{
	struct mrq_inode *ino = fh->ino;
	MRQ_TRY(take_late(ino, err));
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = mrq_fence_pass(ino, false, err);
	(void)pthread_rwlock_unlock(&ino->io);
	MRQ_TRY(st);
	MRQ_TRY(commit(ino, true, err));
	/* The commit made content and size durable; owner, mode and attributes need this. */
	if (datasync || !atomic_exchange(&ino->metadata, false))
		return MRQ_OK;
	(void)pthread_rwlock_rdlock(&ino->io);
	int r = mrq_fsync(mrq_file_fd(ino->file));
	int e = errno;
	(void)pthread_rwlock_unlock(&ino->io);
	return r < 0 ? mrq_fail_errno(err, e) : MRQ_OK;
}

enum mrq_status
mrq_do_fallocate(const struct mrq_call *call, struct mrq_fh *fh, int mode, off_t off,
		 off_t len, struct mrq_error *err)
{
	struct mrq_inode *ino = fh->ino;
	if (!fh->writes)
		return mrq_fail_errno(err, EBADF);
	if (off < 0 || len <= 0)
		return mrq_fail_errno(err, EINVAL);
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = mrq_fence_pass(ino, false, err);
	if (st == MRQ_OK) {
		(void)atomic_fetch_add(&ino->writes, 1);
		st = mrq_file_allocate(ino->file, mode, (uint64_t)off, (uint64_t)len,
				       err);
	}
	/* where the kernel does not tell the time, the punch is to be seen now and not at a sync */
	if (st == MRQ_OK && !atomic_load(&call->fs->writeback))
		st = mrq_file_commit(ino->file, false, err);
	if (st == MRQ_OK)
		mrq_attach_touch(call->fs, ino);
	(void)pthread_rwlock_unlock(&ino->io);
	if (st == MRQ_OK)
		drop_priv(call, ino);
	return st;
}

enum mrq_status
mrq_do_lseek(struct mrq_fh *fh, off_t off, int whence, off_t *ret,
	     struct mrq_error *err)
{
	struct mrq_inode *ino = fh->ino;
	uint64_t at = 0;
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		return mrq_fail_errno(err, EINVAL);
	if (off < 0)
		return mrq_fail_errno(err, ENXIO);
	(void)pthread_rwlock_rdlock(&ino->io);
	enum mrq_status st = mrq_fence_pass(ino, false, err);
	if (st == MRQ_OK)
		st = mrq_file_seek(ino->file, (uint64_t)off, whence, &at, err);
	(void)pthread_rwlock_unlock(&ino->io);
	if (st == MRQ_E_NOT_FOUND)
		return mrq_fail_errno(err, ENXIO);
	*ret = (off_t)at;
	return st;
}

enum mrq_status
mrq_do_copy(const struct mrq_call *call, struct mrq_fh *in, off_t off_in,
	    struct mrq_fh *out, off_t off_out, size_t len, size_t *ret_len,
	    struct mrq_error *err)
{
	char *buf = mrq_loop_buffer();
	if (!buf)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to copy");
	if (!out->writes)
		return mrq_fail_errno(err, EBADF);
	size_t done = 0, want = len < COPY_MAX ? len : COPY_MAX;
	enum mrq_status st = MRQ_OK;
	while (done < want) {
		size_t n = want - done < MRQ_FS_IO_MAX ? want - done : MRQ_FS_IO_MAX;
		size_t got = 0;
		st = mrq_do_read(in, buf, n, off_in + (off_t)done, &got, err);
		if (st != MRQ_OK || got == 0)
			break;
		st = mrq_do_write(call, out, MRQ_WRITE_PROGRAM, buf, got,
				  off_out + (off_t)done, err);
		if (st != MRQ_OK)
			break;
		done += got;
	}
	mrq_loop_wipe(want);
	*ret_len = done;
	return done > 0 ? MRQ_OK : st;
}

void
mrq_op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
	    struct fuse_file_info *fi)
{
	struct mrq_error err;
	size_t len = 0;
	char *buf = mrq_loop_buffer();
	(void)id;
	if (!buf) {
		(void)fuse_reply_err(req, ENOMEM);
		return;
	}
	if (size > MRQ_FS_IO_MAX)
		size = MRQ_FS_IO_MAX;
	enum mrq_status st = mrq_do_read(mrq_fh_of(fi), buf, size, off, &len, &err);
	if (st == MRQ_OK)
		(void)fuse_reply_buf(req, buf, len);
	else
		mrq_reply_status(req, st, &err);
	mrq_loop_wipe(st == MRQ_OK ? len : size);
}

void
mrq_op_write(fuse_req_t req, fuse_ino_t id, const char *buf, size_t size, off_t off,
	     struct fuse_file_info *fi)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	(void)id;
	enum mrq_status st =
		mrq_do_write(&call, mrq_fh_of(fi),
			     fi->writepage ? MRQ_WRITE_CACHE : MRQ_WRITE_PROGRAM, buf,
			     size, off, &err);
	if (st == MRQ_OK)
		(void)fuse_reply_write(req, size);
	else
		mrq_reply_status(req, st, &err);
}

void
mrq_op_flush(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mrq_error err;
	(void)id;
	enum mrq_status st = mrq_do_flush(mrq_fh_of(fi), &err);
	mrq_reply_status(req, st, &err);
}

void
mrq_op_fsync(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi)
{
	struct mrq_error err;
	(void)id;
	enum mrq_status st = mrq_do_fsync(mrq_fh_of(fi), datasync != 0, &err);
	mrq_reply_status(req, st, &err);
}

void
mrq_op_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t off, off_t len,
		 struct fuse_file_info *fi)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	(void)id;
	enum mrq_status st =
		mrq_do_fallocate(&call, mrq_fh_of(fi), mode, off, len, &err);
	mrq_reply_status(req, st, &err);
}

static void
reply_lseek(fuse_req_t req, struct mrq_fh *fh, off_t off, int whence)
{
	struct mrq_error err;
	off_t at = 0;
	enum mrq_status st = mrq_do_lseek(fh, off, whence, &at, &err);
	if (st == MRQ_OK)
		(void)fuse_reply_lseek(req, at);
	else
		mrq_reply_status(req, st, &err);
}

static void
answer_lseek(struct mrq_parked *p, struct mrq_inode *ino)
{
	(void)ino;
	reply_lseek(p->req, p->fh, p->off, p->whence);
	free(p);
}

void
mrq_op_lseek(fuse_req_t req, fuse_ino_t id, off_t off, int whence,
	     struct fuse_file_info *fi)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	struct mrq_fh *fh = mrq_fh_of(fi);
	(void)id;
	(void)pthread_mutex_lock(&fh->ino->lock);
	bool dirty = fh->ino->writers > 0;
	(void)pthread_mutex_unlock(&fh->ino->lock);
	/* Data that only the page cache holds would be taken for a hole: have it written first. */
	struct mrq_parked *p =
		dirty && atomic_load(&fs->writeback) ? calloc(1, sizeof(*p)) : NULL;
	if (!p) {
		reply_lseek(req, fh, off, whence);
		return;
	}
	*p = (struct mrq_parked){ .req = req,
				  .channel = mrq_loop_channel(),
				  .answer = answer_lseek,
				  .fh = fh,
				  .off = off,
				  .whence = whence };
	mrq_notify_flush(fs, fh->ino, p);
}

void
mrq_op_copy_file_range(fuse_req_t req, fuse_ino_t id_in, off_t off_in,
		       struct fuse_file_info *fi_in, fuse_ino_t id_out, off_t off_out,
		       struct fuse_file_info *fi_out, size_t len, int flags)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	size_t done = 0;
	(void)id_in;
	(void)id_out;
	enum mrq_status st =
		flags != 0 ? mrq_fail_errno(&err, EINVAL)
			   : mrq_do_copy(&call, mrq_fh_of(fi_in), off_in,
					 mrq_fh_of(fi_out), off_out, len, &done, &err);
	if (st == MRQ_OK)
		(void)fuse_reply_write(req, done);
	else
		mrq_reply_status(req, st, &err);
}
