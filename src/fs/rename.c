/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Renaming.  A name that moves onto a protected file takes over that file's label, owner and
 * content id (an editor's save), which needs EDIT there; so before the names change, the contents
 * are brought under the right protection.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attach.h"
#include "audit.h"
#include "base/guid.h"
#include "convert.h"
#include "ops.h"
#include "path.h"
#include "reply.h"
#include "settle.h"

#define RENAME_TRIES 16 /* while others rename the same names */

/** One name of a rename and what it leads to. */
struct side {
	struct mrq_inode *parent;
	const char *name;
	struct mrq_inode *ino; /* referred to; NULL: nothing there */
};

static enum mrq_status
side_find(struct mrq_fs *fs, struct side *side, bool must_exist, struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	enum mrq_status st =
		mrq_do_find(fs, side->parent, side->name, &side->ino, &why);
	if (st == MRQ_E_SYS && why.sys_errno == ENOENT && !must_exist)
		return MRQ_OK;
	if (st != MRQ_OK && err)
		*err = why;
	return st;
}

static bool
regular(const struct side *side)
{
	return side->ino && S_ISREG(side->ino->type);
}

/** Protect a plain file like the one whose name it is about to take. */
static enum mrq_status
protect_like(const struct mrq_call *call, struct mrq_inode *moved,
	     struct mrq_inode *target, struct mrq_error *err)
{
	static const struct mrq_change_options plainly = { .justification = NULL };
	struct mrq_facts facts;
	char label[MRQ_GUID_TEXT];
	MRQ_TRY(mrq_attach_all_facts(call->fs, target, &facts, err));
	mrq_guid_format(&facts.label_id, label);
	return mrq_convert(call, moved, MRQ_CONVERT_PROTECT,
			   mrq_guid_is_nil(&facts.label_id) ? NULL : label, NULL,
			   &plainly, err);
}

/** `moved` comes under the protection of `target`, whose name it is about to take. */
static enum mrq_status
succeed_once(const struct mrq_call *call, struct mrq_inode *moved,
	     struct mrq_inode *target, const char *path, struct mrq_error *err)
{
	struct mrq_file *from, *onto;
	MRQ_TRY(mrq_attach_get(call->fs, moved, &from, err));
	enum mrq_status st = mrq_attach_get(call->fs, target, &onto, err);
	if (st == MRQ_OK) {
		st = mrq_file_succeed(from, onto, &call->who, path, err);
		(void)atomic_fetch_add(&moved->writes, 1);
		mrq_attach_put(call->fs, target);
	}
	mrq_attach_put(call->fs, moved);
	if (st == MRQ_OK)
		mrq_settle_later(call->fs, moved);
	return st;
}

static enum mrq_status
succeed(const struct mrq_call *call, const struct side *moved,
	const struct side *target, struct mrq_error *err)
{
	char path[MRQ_FS_PATH_MAX];
	if (!regular(moved) || !regular(target) || moved->ino == target->ino)
		return MRQ_OK;
	mrq_path_child(call->fs->table, target->parent, target->name, path);
	enum mrq_status st = succeed_once(call, moved->ino, target->ino, path, err);
	if (st != MRQ_E_UNSUPPORTED)
		return st;
	/* a plain file onto a protected one: it gets that one's label, then its licence */
	MRQ_TRY(protect_like(call, moved->ino, target->ino, err));
	return succeed_once(call, moved->ino, target->ino, path, err);
}

/** Does the name still lead where it did when that was brought under protection? */
static bool
unmoved(const struct side *side)
{
	struct stat st;
	if (fstatat(side->parent->fd, side->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT || !side->ino; /* the rename gives the error */
	return side->ino && st.st_dev == side->ino->dev && st.st_ino == side->ino->nr;
}

/** MRQ_E_BUSY: a name leads elsewhere by now. */
static enum mrq_status
rename_names(const struct mrq_call *call, const struct side *from,
	     const struct side *to, unsigned flags, struct mrq_error *err)
{
	pthread_rwlock_t *backing = &call->fs->table->backing;
	(void)pthread_rwlock_wrlock(backing);
	bool same = unmoved(from) && unmoved(to);
	int r = same ? MRQ_AS_CALLER(call, MRQ_CREDS_GROUPS,
				     (int)syscall(SYS_renameat2, from->parent->fd,
						  from->name, to->parent->fd, to->name,
						  flags))
		     : 0;
	int e = errno;
	(void)pthread_rwlock_unlock(backing);
	if (!same)
		return mrq_fail(err, MRQ_E_BUSY, "'%s' or '%s' was renamed meanwhile",
				from->name, to->name);
	return r < 0 ? mrq_fail_errno(err, e) : MRQ_OK;
}

static enum mrq_status
rename_found(const struct mrq_call *call, const struct side *from,
	     const struct side *to, unsigned flags, struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	struct mrq_facts facts;
	if (!(flags & RENAME_NOREPLACE))
		MRQ_TRY(succeed(call, from, to, err));
	if (flags & RENAME_EXCHANGE)
		MRQ_TRY(succeed(call, to, from, err));
	bool told = regular(from) && mrq_audit_facts(fs, from->ino, &facts);
	mrq_attach_hold(from->ino);
	if (to->ino && to->ino != from->ino)
		mrq_attach_hold(to->ino);
	enum mrq_status st = rename_names(call, from, to, flags, err);
	if (to->ino && to->ino != from->ino)
		mrq_attach_put(fs, to->ino);
	mrq_attach_put(fs, from->ino);
	if (st != MRQ_OK)
		return st;
	mrq_path_renamed(fs->table, from->ino, to->parent, to->name);
	if (flags & RENAME_EXCHANGE)
		mrq_path_renamed(fs->table, to->ino, from->parent, from->name);
	if (told)
		mrq_audit_name(call, MRQ_AUDIT_RENAME, &facts, from->parent, from->name,
			       to->parent, to->name);
	return MRQ_OK;
}

static enum mrq_status
rename_once(const struct mrq_call *call, struct side from, struct side to,
	    unsigned flags, struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	MRQ_TRY(side_find(fs, &from, true, err));
	enum mrq_status st = side_find(fs, &to, (flags & RENAME_EXCHANGE) != 0, err);
	if (st == MRQ_OK)
		st = rename_found(call, &from, &to, flags, err);
	if (to.ino)
		mrq_inode_unref(fs, to.ino, 1);
	mrq_inode_unref(fs, from.ino, 1);
	return st;
}

enum mrq_status
mrq_do_rename(const struct mrq_call *call, struct mrq_inode *parent, const char *name,
	      struct mrq_inode *new_parent, const char *new_name, unsigned flags,
	      struct mrq_error *err)
{
	const struct side from = { .parent = parent, .name = name };
	const struct side to = { .parent = new_parent, .name = new_name };
	if (flags & ~(unsigned)(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT))
		return mrq_fail_errno(err, EINVAL);
	if (call->fs->options.read_only)
		return mrq_fail_errno(err, EROFS);
	enum mrq_status st = MRQ_E_BUSY;
	for (unsigned i = 0; st == MRQ_E_BUSY && i < RENAME_TRIES; i++)
		st = rename_once(call, from, to, flags, err);
	return st;
}
