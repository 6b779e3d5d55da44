/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Extended attributes.  Those below user.marque. are the mount's own and never reach the source;
 * the others are the backing file's, reached through /proc since a handle is O_PATH.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <time.h>

#include "attach.h"
#include "change-value.h"
#include "convert.h"
#include "notify.h"
#include "ops.h"
#include "path.h"
#include "reply.h"
#include "settle.h"

#define OWN            "user.marque."
#define OWN_LEN        (sizeof(OWN) - 1)
#define LABEL          "user.marque.label"
#define TRUSTED        "trusted."
#define XATTR_SIZE_LIM 65536u

static bool
is_own(const char *name)
{
	return strncmp(name, OWN, OWN_LEN) == 0;
}

/** Not what somebody put into the source as if it were ours, and trusted ones for root alone. */
static bool
is_shown(const struct mrq_call *call, const char *name)
{
	return !is_own(name) &&
	       (call->who.uid == 0 || strncmp(name, TRUSTED, sizeof(TRUSTED) - 1) != 0);
}

/* ---- reading ---- */

static enum mrq_status
get_own(const struct mrq_call *call, struct mrq_inode *ino, const char *name,
	char **ret, size_t *ret_len, struct mrq_error *err)
{
	struct mrq_file *file;
	char path[MRQ_FS_PATH_MAX];
	if (!S_ISREG(ino->type))
		return mrq_fail_errno(err, ENODATA);
	MRQ_TRY(mrq_attach_get(call->fs, ino, &file, err));
	mrq_path_of(call->fs->table, ino, path);
	enum mrq_status st = mrq_file_attribute(file, &call->who, name, path, ret, err);
	mrq_attach_put(call->fs, ino);
	if (st == MRQ_E_NOT_FOUND)
		return mrq_fail_errno(err, ENODATA);
	if (st == MRQ_OK)
		*ret_len = strlen(*ret);
	return st;
}

enum mrq_status
mrq_do_getxattr(const struct mrq_call *call, struct mrq_inode *ino, const char *name,
		char **ret, size_t *ret_len, struct mrq_error *err)
{
	char path[MRQ_PROC_FD_TEXT], small[512];
	if (is_own(name))
		return get_own(call, ino, name + OWN_LEN, ret, ret_len, err);
	mrq_path_proc(ino->fd, path);
	ssize_t n = getxattr(path, name, small, sizeof(small));
	if (n < 0 && errno != ERANGE)
		return mrq_fail_errno(err, errno);
	char *value = malloc(n < 0 ? XATTR_SIZE_LIM : (size_t)n + 1);
	if (!value)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for an attribute");
	if (n < 0)
		n = getxattr(path, name, value, XATTR_SIZE_LIM);
	else
		memcpy(value, small, (size_t)n);
	if (n < 0) {
		int e = errno;
		free(value);
		return mrq_fail_errno(err, e);
	}
	*ret = value;
	*ret_len = (size_t)n;
	return MRQ_OK;
}

/* Our own names are to be asked for, not listed: rsync -X takes away what the source has not. */
enum mrq_status
mrq_do_listxattr(const struct mrq_call *call, struct mrq_inode *ino, char **ret,
		 size_t *ret_len, struct mrq_error *err)
{
	char path[MRQ_PROC_FD_TEXT];
	char *list MRQ_CLEANUP(free) = malloc(XATTR_SIZE_LIM);
	if (!list)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for attributes");
	mrq_path_proc(ino->fd, path);
	ssize_t n = listxattr(path, list, XATTR_SIZE_LIM);
	if (n < 0 && errno != ENOTSUP)
		return mrq_fail_errno(err, errno);
	size_t len = 0, have = n > 0 ? (size_t)n : 0;
	for (size_t at = 0; at < have;) {
		size_t one = strnlen(list + at, have - at) + 1;
		if (is_shown(call, list + at)) {
			memmove(list + len, list + at, one);
			len += one;
		}
		at += one;
	}
	*ret = MRQ_STEAL(list);
	*ret_len = len;
	return MRQ_OK;
}

/* ---- changing labels and protection ---- */

static enum mrq_status
change_in_place(const struct mrq_call *call, struct mrq_inode *ino,
		const struct mrq_change_value *v, const char *path,
		struct mrq_error *err)
{
	struct mrq_file *file;
	MRQ_TRY(mrq_attach_get(call->fs, ino, &file, err));
	enum mrq_status st =
		v->permissions.n ? mrq_file_protect(file, &call->who, &v->permissions,
						    &v->options, path, err)
				 : mrq_file_label_set(file, &call->who,
						      *v->name ? v->name : NULL,
						      &v->options, path, err);
	(void)atomic_fetch_add(&ino->writes, 1);
	mrq_attach_put(call->fs, ino);
	mrq_settle_later(call->fs, ino);
	return st;
}

/** In place when the file stays protected, else into a new backing inode. */
static enum mrq_status
change(const struct mrq_call *call, struct mrq_inode *ino,
       const struct mrq_change_value *v, const char *path, struct mrq_error *err)
{
	struct mrq_facts before;
	enum mrq_status st = change_in_place(call, ino, v, path, err);
	if (st != MRQ_E_UNSUPPORTED)
		return st;
	MRQ_TRY(mrq_attach_all_facts(call->fs, ino, &before, err));
	bool removes = !v->permissions.n && !*v->name;
	bool protected = before.kind == MRQ_FILE_PROTECTED;
	/* what label_set refuses although it protects is a new key, or a label that removes */
	bool unprotect =
		removes || (protected && !v->permissions.n && !v->options.new_key);
	return mrq_convert(call, ino,
			   unprotect ? MRQ_CONVERT_UNPROTECT : MRQ_CONVERT_PROTECT,
			   v->permissions.n || removes ? NULL : v->name,
			   v->permissions.n ? &v->permissions : NULL, &v->options, err);
}

static enum mrq_status
rewrap(const struct mrq_call *call, struct mrq_inode *ino, const char *path,
       struct mrq_error *err)
{
	struct mrq_file *file;
	MRQ_TRY(mrq_attach_get(call->fs, ino, &file, err));
	enum mrq_status st = mrq_file_rewrap(file, &call->who, path, err);
	(void)atomic_fetch_add(&ino->writes, 1);
	mrq_attach_put(call->fs, ino);
	mrq_settle_later(call->fs, ino);
	return st;
}

static enum mrq_status
set_own(const struct mrq_call *call, struct mrq_inode *ino, const char *name,
	const char *value, size_t len, struct mrq_error *err)
{
	char path[MRQ_FS_PATH_MAX];
	bool label = strcmp(name, "label") == 0, protect = strcmp(name, "protect") == 0;
	if (!S_ISREG(ino->type))
		return mrq_fail_errno(err, EOPNOTSUPP);
	if (call->fs->options.read_only)
		return mrq_fail_errno(err, EROFS);
	MRQ_TRY(mrq_creds_access(call, ino->fd, W_OK, err));
	mrq_path_of(call->fs->table, ino, path);
	if (strcmp(name, "rewrap") == 0)
		return rewrap(call, ino, path, err);
	if (!label && !protect)
		return mrq_fail(err, MRQ_E_POLICY, "user.marque.%s cannot be set",
				name);
	struct mrq_change_value v MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	MRQ_TRY(mrq_change_value_parse(value, len, time(NULL), &v, err));
	if (label && v.permissions.n)
		return mrq_fail(err, MRQ_E_INVAL, "a label is a name, not permissions");
	if (protect && v.name && strcmp(v.name, "none") != 0)
		return mrq_fail(err, MRQ_E_INVAL,
				"protection is 'none' or an object with grants");
	if (!protect || v.permissions.n)
		return change(call, ino, &v, path, err);
	return mrq_convert(call, ino, MRQ_CONVERT_UNPROTECT, NULL, NULL, &v.options,
			   err);
}

enum mrq_status
mrq_do_setxattr(const struct mrq_call *call, struct mrq_inode *ino, const char *name,
		const char *value, size_t len, int flags, struct mrq_error *err)
{
	char path[MRQ_PROC_FD_TEXT];
	if (is_own(name))
		return set_own(call, ino, name + OWN_LEN, value, len, err);
	mrq_path_proc(ino->fd, path);
	mrq_attach_hold(ino);
	atomic_store(&ino->metadata, true);
	int r = MRQ_AS_CALLER(call, MRQ_CREDS_GROUPS,
			      setxattr(path, name, value, len, flags));
	enum mrq_status st = r < 0 ? mrq_fail_errno(err, errno) : MRQ_OK;
	mrq_attach_put(call->fs, ino);
	return st;
}

enum mrq_status
mrq_do_removexattr(const struct mrq_call *call, struct mrq_inode *ino, const char *name,
		   struct mrq_error *err)
{
	char path[MRQ_PROC_FD_TEXT];
	if (strcmp(name, LABEL) == 0)
		return set_own(call, ino, "label", "", 0, err);
	if (is_own(name))
		return mrq_fail(err, MRQ_E_POLICY, "%s cannot be removed", name);
	mrq_path_proc(ino->fd, path);
	mrq_attach_hold(ino);
	atomic_store(&ino->metadata, true);
	int r = MRQ_AS_CALLER(call, MRQ_CREDS_GROUPS, removexattr(path, name));
	enum mrq_status st = r < 0 ? mrq_fail_errno(err, errno) : MRQ_OK;
	mrq_attach_put(call->fs, ino);
	return st;
}

/* ---- requests ---- */

/** size 0 asks for the length alone. */
static void
reply_value(fuse_req_t req, enum mrq_status st, const char *value, size_t len,
	    size_t size, const struct mrq_error *err)
{
	if (st != MRQ_OK)
		mrq_reply_status(req, st, err);
	else if (size == 0)
		(void)fuse_reply_xattr(req, len);
	else if (len > size)
		(void)fuse_reply_err(req, ERANGE);
	else
		(void)fuse_reply_buf(req, value, len);
}

void
mrq_op_getxattr(fuse_req_t req, fuse_ino_t id, const char *name, size_t size)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	char *value MRQ_CLEANUP(free) = NULL;
	size_t len = 0;
	enum mrq_status st = mrq_do_getxattr(&call, mrq_inode_of(call.fs, id), name,
					     &value, &len, &err);
	reply_value(req, st, value, len, size, &err);
}

void
mrq_op_listxattr(fuse_req_t req, fuse_ino_t id, size_t size)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	char *list MRQ_CLEANUP(free) = NULL;
	size_t len = 0;
	enum mrq_status st =
		mrq_do_listxattr(&call, mrq_inode_of(call.fs, id), &list, &len, &err);
	reply_value(req, st, list, len, size, &err);
}

void
mrq_op_setxattr(fuse_req_t req, fuse_ino_t id, const char *name, const char *value,
		size_t len, int flags)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	mrq_reply_status(req,
			 mrq_do_setxattr(&call, mrq_inode_of(call.fs, id), name, value,
					 len, flags, &err),
			 &err);
}

void
mrq_op_removexattr(fuse_req_t req, fuse_ino_t id, const char *name)
{
	struct mrq_call call = mrq_call_of(req);
	struct mrq_error err;
	mrq_reply_status(
		req, mrq_do_removexattr(&call, mrq_inode_of(call.fs, id), name, &err),
		&err);
}
