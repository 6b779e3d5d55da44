/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_OPS_H
#define MRQ_FS_OPS_H

/*
 * The operations.  Each is two functions: mrq_op_x() takes the request apart and replies exactly
 * once; mrq_do_x() does it, returns a status and never sees the request.
 */
#include <sys/statvfs.h>

#include "creds.h"
#include "handle.h"

/* ---- ops-lookup.c ---- */

/** Attributes as the mount shows them: plaintext size, one number space. *st is the backing's. */
MRQ_MUST_CHECK enum mrq_status mrq_entry_stat(struct mrq_fs *fs, struct mrq_inode *ino,
					      struct stat *st, struct mrq_error *err);
/** Entry of an inode; on success the kernel's lookup count is the caller's reference. */
MRQ_MUST_CHECK enum mrq_status mrq_entry_fill(struct mrq_fs *fs, struct mrq_inode *ino,
					      struct fuse_entry_param *ret,
					      struct mrq_error *err);
/** Find name in parent; *ret_ino (may be NULL) borrows the entry's reference. */
MRQ_MUST_CHECK enum mrq_status mrq_do_lookup(struct mrq_fs *fs,
					     struct mrq_inode *parent, const char *name,
					     struct fuse_entry_param *ret,
					     struct mrq_inode **ret_ino,
					     struct mrq_error *err);
/** The inode of name in parent with a reference, without its attributes. */
MRQ_MUST_CHECK enum mrq_status mrq_do_find(struct mrq_fs *fs, struct mrq_inode *parent,
					   const char *name, struct mrq_inode **ret,
					   struct mrq_error *err);
/** Reply with an entry, taking its reference back when the kernel no longer wants it. */
void mrq_reply_entry(fuse_req_t req, enum mrq_status st,
		     const struct fuse_entry_param *e, const struct mrq_error *err);
void mrq_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void mrq_op_forget(fuse_req_t req, fuse_ino_t id, uint64_t n);
void mrq_op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *forgets);

/* ---- ops-attr.c ---- */

MRQ_MUST_CHECK enum mrq_status mrq_do_getattr(struct mrq_fs *fs, struct mrq_inode *ino,
					      struct stat *ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_setattr(const struct mrq_call *call,
					      struct mrq_inode *ino, struct mrq_fh *fh,
					      const struct stat *attr, int to_set,
					      struct stat *ret, struct mrq_error *err);
void mrq_op_getattr(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void mrq_op_setattr(fuse_req_t req, fuse_ino_t id, struct stat *attr, int to_set,
		    struct fuse_file_info *fi);

/* ---- ops-dir.c ---- */

struct mrq_dir;
MRQ_MUST_CHECK enum mrq_status mrq_do_opendir(const struct mrq_call *call,
					      struct mrq_inode *ino,
					      struct mrq_dir **ret,
					      struct mrq_error *err);
enum mrq_readdir { MRQ_READDIR_NAMES, MRQ_READDIR_PLUS };
/** Fill buf with entries after the position off; *ret_len 0 at the end. */
MRQ_MUST_CHECK enum mrq_status mrq_do_readdir(struct mrq_fs *fs, struct mrq_dir *dir,
					      enum mrq_readdir how, off_t off,
					      char *buf, size_t size, size_t *ret_len,
					      struct mrq_error *err);
void mrq_do_releasedir(struct mrq_fs *fs, struct mrq_dir *dir);
void mrq_op_opendir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void mrq_op_readdir(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
		    struct fuse_file_info *fi);
void mrq_op_readdirplus(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
			struct fuse_file_info *fi);
void mrq_op_releasedir(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void mrq_op_fsyncdir(fuse_req_t req, fuse_ino_t id, int datasync,
		     struct fuse_file_info *fi);

/* ---- ops-name.c, rename.c ---- */

MRQ_MUST_CHECK enum mrq_status mrq_do_mkdir(const struct mrq_call *call,
					    struct mrq_inode *parent, const char *name,
					    mode_t mode, struct fuse_entry_param *ret,
					    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_mknod(const struct mrq_call *call,
					    struct mrq_inode *parent, const char *name,
					    mode_t mode, dev_t rdev,
					    struct fuse_entry_param *ret,
					    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status
mrq_do_symlink(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	       const char *target, struct fuse_entry_param *ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status
mrq_do_link(const struct mrq_call *call, struct mrq_inode *ino,
	    struct mrq_inode *new_parent, const char *new_name,
	    struct fuse_entry_param *ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_unlink(const struct mrq_call *call,
					     struct mrq_inode *parent, const char *name,
					     struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_rmdir(const struct mrq_call *call,
					    struct mrq_inode *parent, const char *name,
					    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_rename(const struct mrq_call *call,
					     struct mrq_inode *parent, const char *name,
					     struct mrq_inode *new_parent,
					     const char *new_name, unsigned flags,
					     struct mrq_error *err);
void mrq_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void mrq_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		  dev_t rdev);
void mrq_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		    const char *name);
void mrq_op_readlink(fuse_req_t req, fuse_ino_t id);
void mrq_op_link(fuse_req_t req, fuse_ino_t id, fuse_ino_t new_parent,
		 const char *new_name);
void mrq_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void mrq_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void mrq_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		   fuse_ino_t new_parent, const char *new_name, unsigned flags);

/* ---- ops-open.c ---- */

MRQ_MUST_CHECK enum mrq_status mrq_do_open(const struct mrq_call *call,
					   struct mrq_inode *ino, int flags,
					   struct mrq_fh **ret, struct mrq_error *err);
/** name "/": an unnamed file in parent (O_TMPFILE). */
MRQ_MUST_CHECK enum mrq_status
mrq_do_create(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	      mode_t mode, int flags, struct fuse_entry_param *ret,
	      struct mrq_fh **ret_fh, struct mrq_error *err);
/** A new regular file, labelled by the rules, in use (mrq_attach_put) and referred to. */
MRQ_MUST_CHECK enum mrq_status mrq_do_make(const struct mrq_call *call,
					   struct mrq_inode *parent, const char *name,
					   mode_t mode, struct mrq_inode **ret,
					   struct mrq_error *err);
void mrq_op_open(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void mrq_op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		   struct fuse_file_info *fi);
void mrq_op_release(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);

/* ---- ops-io.c ---- */

MRQ_MUST_CHECK enum mrq_status mrq_do_read(struct mrq_fh *fh, void *buf, size_t size,
					   off_t off, size_t *ret_len,
					   struct mrq_error *err);
enum mrq_write_from { MRQ_WRITE_PROGRAM, MRQ_WRITE_CACHE };
MRQ_MUST_CHECK enum mrq_status mrq_do_write(const struct mrq_call *call,
					    struct mrq_fh *fh, enum mrq_write_from from,
					    const void *buf, size_t size, off_t off,
					    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_flush(struct mrq_fh *fh, struct mrq_error *err);
/** At release: WRITEs after the last FLUSH (of a mapping); a failure waits for the next one. */
void mrq_flush_late(struct mrq_fh *fh);
MRQ_MUST_CHECK enum mrq_status mrq_do_fsync(struct mrq_fh *fh, bool datasync,
					    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_fallocate(const struct mrq_call *call,
						struct mrq_fh *fh, int mode, off_t off,
						off_t len, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_lseek(struct mrq_fh *fh, off_t off, int whence,
					    off_t *ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_copy(const struct mrq_call *call,
					   struct mrq_fh *in, off_t off_in,
					   struct mrq_fh *out, off_t off_out,
					   size_t len, size_t *ret_len,
					   struct mrq_error *err);
void mrq_op_read(fuse_req_t req, fuse_ino_t id, size_t size, off_t off,
		 struct fuse_file_info *fi);
void mrq_op_write(fuse_req_t req, fuse_ino_t id, const char *buf, size_t size,
		  off_t off, struct fuse_file_info *fi);
void mrq_op_flush(fuse_req_t req, fuse_ino_t id, struct fuse_file_info *fi);
void mrq_op_fsync(fuse_req_t req, fuse_ino_t id, int datasync,
		  struct fuse_file_info *fi);
void mrq_op_fallocate(fuse_req_t req, fuse_ino_t id, int mode, off_t off, off_t len,
		      struct fuse_file_info *fi);
void mrq_op_lseek(fuse_req_t req, fuse_ino_t id, off_t off, int whence,
		  struct fuse_file_info *fi);
void mrq_op_copy_file_range(fuse_req_t req, fuse_ino_t id_in, off_t off_in,
			    struct fuse_file_info *fi_in, fuse_ino_t id_out,
			    off_t off_out, struct fuse_file_info *fi_out, size_t len,
			    int flags);

/* ---- ops-xattr.c ---- */

/** Value of an attribute, malloc'ed. */
MRQ_MUST_CHECK enum mrq_status mrq_do_getxattr(const struct mrq_call *call,
					       struct mrq_inode *ino, const char *name,
					       char **ret, size_t *ret_len,
					       struct mrq_error *err);
/** Names, each with its NUL, malloc'ed. */
MRQ_MUST_CHECK enum mrq_status mrq_do_listxattr(const struct mrq_call *call,
						struct mrq_inode *ino, char **ret,
						size_t *ret_len, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_setxattr(const struct mrq_call *call,
					       struct mrq_inode *ino, const char *name,
					       const char *value, size_t len, int flags,
					       struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_do_removexattr(const struct mrq_call *call,
						  struct mrq_inode *ino,
						  const char *name,
						  struct mrq_error *err);
void mrq_op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size);
void mrq_op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size);
void mrq_op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value,
		     size_t len, int flags);
void mrq_op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name);

/* ---- ops-misc.c ---- */

void mrq_op_init(void *userdata, struct fuse_conn_info *conn);
void mrq_op_statfs(fuse_req_t req, fuse_ino_t id);

#endif
