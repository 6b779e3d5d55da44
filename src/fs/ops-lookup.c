/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "ops.h"
#include "path.h"
#include "reply.h"

#define BLOCK_SIZE    4096
#define FOREIGN_SHIFT 40 /* where the file system's number goes into an inode number */

/** Numbers of file systems mounted inside the source must not meet those of its own. */
static ino_t
shown_number(const struct mrq_fs *fs, const struct stat *st)
{
	uint64_t dev = (uint64_t)st->st_dev ^ (uint64_t)fs->table->root->dev;
	return st->st_ino ^ (ino_t)(dev << FOREIGN_SHIFT);
}

enum mrq_status
mrq_entry_stat(struct mrq_fs *fs, struct mrq_inode *ino, struct stat *st,
	       struct mrq_error *err)
{
	if (S_ISREG(st->st_mode)) {
		enum mrq_file_kind kind;
		MRQ_TRY(mrq_attach_facts(fs, ino, st, &kind, err));
	}
	st->st_ino = shown_number(fs, st);
	st->st_blksize = BLOCK_SIZE;
	return MRQ_OK;
}

static void
entry_make(struct mrq_fs *fs, struct mrq_inode *ino, const struct stat *st,
	   struct fuse_entry_param *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->ino = mrq_inode_id(fs, ino);
	ret->generation = ino->generation;
	ret->attr = *st;
	mrq_attach_tell(fs, ino, &ret->attr.st_mtim);
	ret->attr_timeout = fs->options.attr_timeout;
	ret->entry_timeout = fs->options.entry_timeout;
}

enum mrq_status
mrq_entry_fill(struct mrq_fs *fs, struct mrq_inode *ino, struct fuse_entry_param *ret,
	       struct mrq_error *err)
{
	struct stat st;
	if (fstat(ino->fd, &st) < 0)
		return mrq_fail_errno(err, errno);
	MRQ_TRY(mrq_entry_stat(fs, ino, &st, err));
	entry_make(fs, ino, &st, ret);
	return MRQ_OK;
}

static enum mrq_status
find(struct mrq_fs *fs, struct mrq_inode *parent, const char *name, struct stat *st,
     struct mrq_inode **ret, struct mrq_error *err)
{
	int fd;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return mrq_fail_errno(err, ESTALE); /* only an export asks for these */
	(void)pthread_rwlock_rdlock(&fs->table->backing);
	enum mrq_status s = mrq_path_open(parent, name, &fd, st, err);
	if (s == MRQ_OK)
		s = mrq_table_intern(fs->table, fd, st, parent, name, ret, err);
	(void)pthread_rwlock_unlock(&fs->table->backing);
	return s;
}

enum mrq_status
mrq_do_find(struct mrq_fs *fs, struct mrq_inode *parent, const char *name,
	    struct mrq_inode **ret, struct mrq_error *err)
{
	struct stat st;
	return find(fs, parent, name, &st, ret, err);
}

enum mrq_status
mrq_do_lookup(struct mrq_fs *fs, struct mrq_inode *parent, const char *name,
	      struct fuse_entry_param *ret, struct mrq_inode **ret_ino,
	      struct mrq_error *err)
{
	struct stat st;
	struct mrq_inode *ino;
	MRQ_TRY(find(fs, parent, name, &st, &ino, err));
	enum mrq_status s = mrq_entry_stat(fs, ino, &st, err);
	if (s != MRQ_OK) {
		mrq_inode_unref(fs, ino, 1);
		return s;
	}
	entry_make(fs, ino, &st, ret);
	if (ret_ino)
		*ret_ino = ino;
	return MRQ_OK;
}

void
mrq_reply_entry(fuse_req_t req, enum mrq_status st, const struct fuse_entry_param *e,
		const struct mrq_error *err)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	if (st != MRQ_OK)
		mrq_reply_status(req, st, err);
	else if (fuse_reply_entry(req, e) != 0 && e->ino != 0)
		mrq_inode_unref(fs, mrq_inode_of(fs, e->ino), 1);
}

void
mrq_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	struct fuse_entry_param e;
	struct mrq_error err;
	enum mrq_status st =
		mrq_do_lookup(fs, mrq_inode_of(fs, parent), name, &e, NULL, &err);
	if (st == MRQ_E_SYS && err.sys_errno == ENOENT &&
	    fs->options.entry_timeout > 0) {
		e = (struct fuse_entry_param){ .entry_timeout =
						       fs->options.entry_timeout };
		st = MRQ_OK; /* a name that is known not to exist */
	}
	mrq_reply_entry(req, st, &e, &err);
}

void
mrq_op_forget(fuse_req_t req, fuse_ino_t id, uint64_t n)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	mrq_inode_unref(fs, mrq_inode_of(fs, id), n);
	fuse_reply_none(req);
}

void
mrq_op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *forgets)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	for (size_t i = 0; i < n; i++)
		mrq_inode_unref(fs, mrq_inode_of(fs, forgets[i].ino),
				forgets[i].nlookup);
	fuse_reply_none(req);
}
