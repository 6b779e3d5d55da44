/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "convert.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "attach.h"
#include "base/file.h"
#include "fence.h"
#include "handle.h"
#include "path.h"
#include "reply.h"

#define TEMP_PREFIX ".marque-"
#define TEMP_TEXT   (sizeof(TEMP_PREFIX) + 16)

/** One conversion: what stands and what is wanted. */
struct conversion {
	const struct mrq_call *call;
	struct mrq_inode *ino, *parent;
	const char *name; /* in parent */
	const char *path; /* below the mount */
	enum mrq_convert direction;
	const char *label;
	const struct mrq_permissions *permissions;
	const struct mrq_change_options *options;
	struct stat before;
};

/** The new file; its passing name is removed by scope unless it took the old one's place. */
struct temp {
	int dirfd; /* borrowed */
	int fd;
	char name[TEMP_TEXT]; /* "" while it has none */
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
temp_name(char ret[static TEMP_TEXT], struct mrq_error *err)
{
	uint64_t r;
	if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return mrq_fail_sys(err, "cannot name a temporary file");
	(void)snprintf(ret, TEMP_TEXT, TEMP_PREFIX "%016llx", (unsigned long long)r);
	return MRQ_OK;
}

/** Without a name where the file system can: then a crash leaves nothing behind. */
static enum mrq_status
temp_make(struct temp *t, struct mrq_error *err)
{
	t->fd = openat(t->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (t->fd >= 0)
		return MRQ_OK;
	char name[TEMP_TEXT];
	MRQ_TRY(temp_name(name, err));
	t->fd = openat(t->dirfd, name,
		       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (t->fd < 0)
		return mrq_fail_sys(err, "cannot make a temporary file");
	memcpy(t->name, name, sizeof(name));
	return MRQ_OK;
}

static enum mrq_status
temp_link(struct temp *t, struct mrq_error *err)
{
	char proc[MRQ_PROC_FD_TEXT], name[TEMP_TEXT];
	if (t->name[0])
		return MRQ_OK;
	MRQ_TRY(temp_name(name, err));
	mrq_path_proc(t->fd, proc);
	if (linkat(AT_FDCWD, proc, t->dirfd, name, AT_SYMLINK_FOLLOW) < 0)
		return mrq_fail_sys(err, "cannot name a temporary file");
	memcpy(t->name, name, sizeof(name));
	return MRQ_OK;
}

static enum mrq_status
copy_xattrs(int from, int to, struct mrq_error *err)
{
	char *names MRQ_CLEANUP(free) = malloc(XATTR_LIST_MAX);
	char *value MRQ_CLEANUP(free) = malloc(XATTR_SIZE_MAX);
	if (!names || !value)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for attributes");
	ssize_t len = flistxattr(from, names, XATTR_LIST_MAX);
	if (len < 0)
		return errno == ENOTSUP
			       ? MRQ_OK
			       : mrq_fail_sys(err, "cannot list the attributes");
	for (const char *n = names; n < names + len; n += strlen(n) + 1) {
		ssize_t size = fgetxattr(from, n, value, XATTR_SIZE_MAX);
		if (size < 0 && errno == ENODATA)
			continue;
		if (size < 0 || fsetxattr(to, n, value, (size_t)size, 0) < 0)
			return mrq_fail_sys(err, "cannot keep the attribute '%s'", n);
	}
	return MRQ_OK;
}

/** Owner, mode, attributes (access lists among them) and times. */
static enum mrq_status
copy_metadata(const struct conversion *c, int to, struct mrq_error *err)
{
	const struct stat *st = &c->before;
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	if (fchown(to, st->st_uid, st->st_gid) < 0 && c->call->fs->root)
		return mrq_fail_sys(err, "cannot keep the owner");
	if (fchmod(to, st->st_mode & 07777) < 0)
		return mrq_fail_sys(err, "cannot keep the mode");
	/* the folder's default list came with the new file */
	(void)fremovexattr(to, "system.posix_acl_access");
	MRQ_TRY(copy_xattrs(mrq_file_fd(c->ino->file), to, err));
	if (futimens(to, times) < 0 || mrq_fsync(to) < 0)
		return mrq_fail_sys(err, "cannot finish the new file");
	return MRQ_OK;
}

/** Take the name over if it still leads to the old file, and that to no other. */
static enum mrq_status
take_name(const struct conversion *c, struct temp *t, struct mrq_error *err)
{
	struct stat now;
	if (fstatat(t->dirfd, c->name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    now.st_dev != c->before.st_dev || now.st_ino != c->before.st_ino ||
	    now.st_nlink > 1)
		return mrq_fail(err, MRQ_E_BUSY,
				"'%s' was renamed meanwhile; try again", c->name);
	if (renameat(t->dirfd, t->name, t->dirfd, c->name) < 0)
		return mrq_fail_sys(err, "cannot put the new file in place of '%s'",
				    c->name);
	t->name[0] = '\0';
	return MRQ_OK;
}

static enum mrq_status
sync_name(const struct conversion *c, struct mrq_error *err)
{
	int dir MRQ_CLEANUP(mrq_close) =
		mrq_path_reopen(c->parent->fd, O_RDONLY | O_DIRECTORY);
	if (dir >= 0 && mrq_fsync(dir) < 0)
		return mrq_fail_sys(err, "cannot make the new name of '%s' durable",
				    c->name);
	return MRQ_OK;
}

/** What stands under the node from now on; made before the name is taken. */
struct successor {
	int handle; /* O_PATH */
	struct stat st;
	struct mrq_file *file;
	struct mrq_retired *old;
};

static void
successor_clear(struct successor *s)
{
	if (s->handle >= 0)
		(void)close(s->handle);
	mrq_file_free(s->file);
	free(s->old);
}
MRQ_DEFINE_CLEANUP_VALUE(successor_clear, struct successor)

static enum mrq_status
successor_make(const struct conversion *c, int fd, struct successor *s,
	       struct mrq_error *err)
{
	int own MRQ_CLEANUP(mrq_close) = mrq_path_reopen(fd, O_RDWR);
	s->handle = mrq_path_reopen(fd, O_PATH);
	if (s->handle < 0 || own < 0 || fstat(s->handle, &s->st) < 0)
		return mrq_fail_errno(err, errno);
	s->old = mrq_retired_new();
	if (!s->old)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to replace a file");
	MRQ_TRY(mrq_file_attach(c->call->fs->session, own, c->path, &s->file, err));
	own = -1;
	return MRQ_OK;
}

/**
 * Put the new file behind the name and under the node, in one step for who looks the name up.
 * (A descriptor under the number of an open one: that cannot fail for want of one.)
 */
static enum mrq_status
replace(const struct conversion *c, struct temp *t, struct successor *s,
	struct mrq_error *err)
{
	struct mrq_table *table = c->call->fs->table;
	MRQ_TRY(temp_link(t, err));
	(void)pthread_rwlock_wrlock(&table->backing);
	enum mrq_status st = take_name(c, t, err);
	if (st == MRQ_OK)
		st = mrq_table_rebase(table, c->ino, s->handle, &s->st, err);
	if (st == MRQ_OK)
		mrq_attach_replace(c->ino, MRQ_STEAL(s->file), MRQ_STEAL(s->old));
	(void)pthread_rwlock_unlock(&table->backing);
	return st;
}

static enum mrq_request
request_again(const struct mrq_fh *fh)
{
	/* what a REPLACE truncated is written to by now */
	return fh->request == MRQ_REQUEST_REPLACE ? MRQ_REQUEST_WRITE : fh->request;
}

/**
 * Decide anew for the files open on it.  This decision is made under ino->io: nothing may be read
 * or written before it.  False when somebody is not entitled any more.
 */
static bool
decide_again(const struct conversion *c)
{
	struct mrq_inode *ino = c->ino;
	bool all = true;
	(void)pthread_mutex_lock(&ino->lock);
	for (struct mrq_fh *fh = ino->handles; fh; fh = fh->next) {
		struct mrq_handle *right = NULL;
		if (mrq_file_open(ino->file, &fh->who, request_again(fh), c->path,
				  &right, NULL) != MRQ_OK)
			all = false;
		if (!fh->checking)
			mrq_handle_free(fh->right);
		fh->right = right;
	}
	(void)pthread_mutex_unlock(&ino->lock);
	return all;
}

/** Open files after the change: bytes that mappings still hold must find the new one unlocked. */
static void
carry_over(const struct conversion *c, struct mrq_handle **ret_keeper,
	   bool *ret_entitled)
{
	(void)pthread_mutex_lock(&c->ino->lock);
	bool open = c->ino->handles != NULL;
	(void)pthread_mutex_unlock(&c->ino->lock);
	if (!open)
		return;
	if (mrq_file_open(c->ino->file, &c->call->who, MRQ_REQUEST_WRITE, c->path,
			  ret_keeper, NULL) != MRQ_OK)
		*ret_keeper = NULL;
	*ret_entitled = decide_again(c);
}

static enum mrq_status
may_convert(struct conversion *c, struct mrq_error *err)
{
	if (c->ino->fence != MRQ_FENCE_NONE)
		return mrq_fence_pass(c->ino, false, err);
	if (fstat(c->ino->fd, &c->before) < 0)
		return mrq_fail_errno(err, errno);
	if (c->before.st_nlink > 1)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' has several names (hard links), which a new file "
				"would part; remove the others first",
				c->path);
	return MRQ_OK;
}

/** Caller holds ino->io exclusively. */
static enum mrq_status
convert_alone(struct conversion *c, struct mrq_handle **ret_keeper, bool *ret_entitled,
	      struct mrq_error *err)
{
	MRQ_TRY(may_convert(c, err));
	struct temp t MRQ_CLEANUP(temp_clear) = { .dirfd = c->parent->fd, .fd = -1 };
	MRQ_TRY(temp_make(&t, err));
	MRQ_TRY(mrq_file_convert(c->ino->file, &c->call->who, c->direction, c->label,
				 c->permissions, c->options, c->path, t.fd, err));
	if (c->options->what_if)
		return MRQ_OK;
	MRQ_TRY(copy_metadata(c, t.fd, err));
	struct successor next MRQ_CLEANUP(successor_clear) = { .handle = -1 };
	MRQ_TRY(successor_make(c, t.fd, &next, err));
	MRQ_TRY(replace(c, &t, &next, err));
	(void)atomic_fetch_add(&c->ino->writes, 1);
	carry_over(c, ret_keeper, ret_entitled);
	return sync_name(c, err);
}

static enum mrq_status
convert_used(struct conversion *c, struct mrq_error *err)
{
	struct mrq_handle *keeper = NULL;
	bool entitled = true;
	(void)pthread_rwlock_wrlock(&c->ino->io);
	enum mrq_status st = convert_alone(c, &keeper, &entitled, err);
	(void)pthread_rwlock_unlock(&c->ino->io);
	if (!entitled)
		mrq_fence_begin(c->call->fs, c->ino, MRQ_E_DENIED, keeper);
	else
		mrq_handle_free(keeper);
	return st;
}

/** For the caller alone: where there is neither a label nor permissions to go by. */
struct own_rights {
	char mail[MRQ_MAIL_MAX + 1];
	struct mrq_permission item;
	struct mrq_permissions list;
};

static enum mrq_status
rights_of_caller(struct conversion *c, struct own_rights *ret, struct mrq_error *err)
{
	if (c->direction != MRQ_CONVERT_PROTECT || c->label || c->permissions)
		return MRQ_OK;
	MRQ_TRY(mrq_session_principal(c->call->fs->session, c->call->who.uid, ret->mail,
				      err));
	ret->item = (struct mrq_permission){ .who = ret->mail,
					     .rights = MRQ_LEVEL_COOWNER };
	ret->list = (struct mrq_permissions){ .items = &ret->item, .n = 1 };
	c->permissions = &ret->list;
	return MRQ_OK;
}

enum mrq_status
mrq_convert(const struct mrq_call *call, struct mrq_inode *ino,
	    enum mrq_convert direction, const char *label,
	    const struct mrq_permissions *permissions,
	    const struct mrq_change_options *options, struct mrq_error *err)
{
	struct mrq_fs *fs = call->fs;
	struct own_rights own;
	struct mrq_file *file;
	char path[MRQ_FS_PATH_MAX];
	char *name MRQ_CLEANUP(free) = NULL;
	struct conversion c = { .call = call,
				.ino = ino,
				.path = path,
				.direction = direction,
				.label = label,
				.permissions = permissions,
				.options = options };
	MRQ_TRY(rights_of_caller(&c, &own, err));
	mrq_path_of(fs->table, ino, path);
	MRQ_TRY(mrq_path_place(fs->table, ino, &c.parent, &name, err));
	c.name = name;
	enum mrq_status st = mrq_attach_get(fs, ino, &file, err);
	if (st == MRQ_OK) {
		st = convert_used(&c, err);
		mrq_attach_put(fs, ino);
	}
	mrq_inode_unref(fs, c.parent, 1);
	return st;
}
