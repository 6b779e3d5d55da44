/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "loop.h"
#include "ops.h"
#include "reply.h"

#define DIR_BUFFER 32768u /* bytes of entries read ahead */

/* Positions are those of the source's file system: as stable as it makes them. */
struct mrq_dir {
	int fd; /* owned */
	struct mrq_inode *ino;
	pthread_mutex_t lock;
	off_t next;     /* position of the entry at `at`; guarded by lock */
	size_t at, len; /* of buf; guarded by lock */
	char buf[DIR_BUFFER] __attribute__((aligned(8)));
};

enum mrq_status
mrq_do_opendir(const struct mrq_call *call, struct mrq_inode *ino, struct mrq_dir **ret,
	       struct mrq_error *err)
{
	MRQ_TRY(mrq_creds_access(call, ino->fd, R_OK, err));
	int fd MRQ_CLEANUP(mrq_close) =
		openat(ino->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return mrq_fail_errno(err, errno);
	struct mrq_dir *dir = malloc(sizeof(*dir));
	if (!dir)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for an open folder");
	dir->fd = MRQ_STEAL_FD(fd);
	dir->ino = ino;
	dir->next = 0;
	dir->at = dir->len = 0;
	(void)pthread_mutex_init(&dir->lock, NULL);
	(void)atomic_fetch_add(&call->fs->handles, 1);
	*ret = dir;
	return MRQ_OK;
}

void
mrq_do_releasedir(struct mrq_fs *fs, struct mrq_dir *dir)
{
	(void)close(dir->fd);
	(void)pthread_mutex_destroy(&dir->lock);
	free(dir);
	(void)atomic_fetch_sub(&fs->handles, 1);
}

/** Go to position off; nothing when the buffer is there. */
static enum mrq_status
seek_to(struct mrq_dir *dir, off_t off, struct mrq_error *err)
{
	if (off == dir->next)
		return MRQ_OK;
	dir->at = dir->len = 0;
	if (lseek(dir->fd, off, SEEK_SET) < 0)
		return mrq_fail_errno(err, errno);
	dir->next = off;
	return MRQ_OK;
}

/** The entry at the present position, NULL at the end. */
static enum mrq_status
peek(struct mrq_dir *dir, const struct dirent64 **ret, struct mrq_error *err)
{
	if (dir->at >= dir->len) {
		ssize_t n = getdents64(dir->fd, dir->buf, sizeof(dir->buf));
		if (n < 0)
			return mrq_fail_errno(err, errno);
		dir->at = 0;
		dir->len = (size_t)n;
	}
	*ret = dir->len == 0 ? NULL : (const void *)(dir->buf + dir->at);
	return MRQ_OK;
}

static bool
is_dots(const char *name)
{
	return name[0] == '.' &&
	       (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static size_t
add_name(const struct dirent64 *d, char *buf, size_t room)
{
	struct stat st = { .st_ino = d->d_ino, .st_mode = (mode_t)d->d_type << 12 };
	return fuse_add_direntry(NULL, buf, room, d->d_name, &st, d->d_off);
}

/** An entry with attributes; one that cannot be looked up any more is only a name. */
static size_t
add_plus(struct mrq_fs *fs, struct mrq_dir *dir, const struct dirent64 *d, char *buf,
	 size_t room)
{
	struct fuse_entry_param e = { .attr.st_ino = d->d_ino,
				      .attr.st_mode = (mode_t)d->d_type << 12 };
	size_t need = fuse_add_direntry_plus(NULL, NULL, 0, d->d_name, NULL, 0);
	if (need > room)
		return need;
	struct fuse_entry_param found;
	/* The kernel knows none of them before it has the reply, and so can forget none. */
	bool crowded = mrq_table_size(fs->table) > mrq_table_comfort(fs->table);
	if (!crowded && !is_dots(d->d_name) &&
	    mrq_do_lookup(fs, dir->ino, d->d_name, &found, NULL, NULL) == MRQ_OK)
		e = found;
	return fuse_add_direntry_plus(NULL, buf, room, d->d_name, &e, d->d_off);
}

static enum mrq_status
fill(struct mrq_fs *fs, struct mrq_dir *dir, enum mrq_readdir how, char *buf,
     size_t size, size_t *ret_len, struct mrq_error *err)
{
	size_t used = 0;
	for (;;) {
		const struct dirent64 *d = NULL;
		enum mrq_status st = peek(dir, &d, err);
		if (st != MRQ_OK && used == 0)
			return st;
		if (st != MRQ_OK || !d)
			break;
		size_t n = how == MRQ_READDIR_PLUS
				   ? add_plus(fs, dir, d, buf + used, size - used)
				   : add_name(d, buf + used, size - used);
		if (n > size - used)
			break;
		used += n;
		dir->at += d->d_reclen;
		dir->next = d->d_off;
	}
	*ret_len = used;
	return MRQ_OK;
}

enum mrq_status
mrq_do_readdir(struct mrq_fs *fs, struct mrq_dir *dir, enum mrq_readdir how, off_t off,
	       char *buf, size_t size, size_t *ret_len, struct mrq_error *err)
{
	(void)pthread_mutex_lock(&dir->lock);
	enum mrq_status st = seek_to(dir, off, err);
	if (st == MRQ_OK)
		st = fill(fs, dir, how, buf, size, ret_len, err);
	(void)pthread_mutex_unlock(&dir->lock);
	return st;
}

static struct mrq_dir *
dir_of(const struct fuse_file_info *fi)
{
	return (struct mrq_dir *)(uintptr_t)fi->fh;
}

void
mrq_op_opendir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_dir *dir;
	struct mrq_error err;
	enum mrq_status st =
		mrq_do_opendir(&call, mrq_inode_of(call.fs, id), &dir, &err);
	if (st != MRQ_OK) {
		mrq_reply_status(req, st, &err);
		return;
	}
	fi->fh = (uintptr_t)dir;
	if (fuse_reply_open(req, fi) != 0)
		mrq_do_releasedir(call.fs, dir);
}

/** Take back the lookups of a reply that the kernel did not take. */
static void
forget_reply(struct mrq_fs *fs, const char *buf, size_t len)
{
	size_t header = fuse_add_direntry_plus(NULL, NULL, 0, "", NULL, 0);
	size_t at = 0;
	while (len - at >= header) {
		/* struct fuse_direntplus: the node id first, the length of the name 8 before it */
		uint64_t id;
		uint32_t name_len;
		memcpy(&id, buf + at, sizeof(id));
		memcpy(&name_len, buf + at + header - 8, sizeof(name_len));
		if (id != 0)
			mrq_inode_unref(fs, mrq_inode_of(fs, id), 1);
		at += (header + name_len + 7) & ~(size_t)7;
		if (at > len)
			return;
	}
}

static void
reply_entries(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi,
	      enum mrq_readdir how)
{
	struct mrq_fs *fs = fuse_req_userdata(req);
	struct mrq_error err;
	size_t len = 0;
	if (size > MRQ_FS_IO_MAX)
		size = MRQ_FS_IO_MAX;
	char *buf = mrq_loop_buffer();
	enum mrq_status st =
		buf ? mrq_do_readdir(fs, dir_of(fi), how, off, buf, size, &len, &err)
		    : MRQ_E_NOMEM;
	if (st != MRQ_OK)
		mrq_reply_status(req, st, st == MRQ_E_NOMEM ? NULL : &err);
	else if (fuse_reply_buf(req, buf, len) != 0 && how == MRQ_READDIR_PLUS)
		forget_reply(fs, buf, len);
}

void
mrq_op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
	       struct fuse_file_info *fi)
{
	(void)id;
	reply_entries(req, size, off, fi, MRQ_READDIR_NAMES);
}

void
mrq_op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	(void)id;
	reply_entries(req, size, off, fi, MRQ_READDIR_PLUS);
}

void
mrq_op_releasedir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi)
{
	(void)id;
	mrq_do_releasedir(fuse_req_userdata(req), dir_of(fi));
	(void)fuse_reply_err(req, 0);
}

void
mrq_op_fsyncdir(fuse_req_t req, fuse_ino_t id, int datasync, struct fuse_file_info *fi)
{
	(void)id;
	int r = datasync ? mrq_fdatasync(dir_of(fi)->fd) : mrq_fsync(dir_of(fi)->fd);
	(void)fuse_reply_err(req, r < 0 ? errno : 0);
}
