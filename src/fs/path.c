/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "reply.h"

enum mrq_status
mrq_path_open(const struct mrq_inode *parent, const char *name, int *ret_fd,
	      struct stat *ret_st, struct mrq_error *err)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve =
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd MRQ_CLEANUP(mrq_close) =
		(int)syscall(SYS_openat2, parent->fd, name, &how, sizeof(how));
	if (fd < 0)
		return mrq_fail_errno(err, errno == EXDEV ? ENOENT : errno);
	if (fstat(fd, ret_st) < 0)
		return mrq_fail_errno(err, errno);
	*ret_fd = MRQ_STEAL_FD(fd);
	return MRQ_OK;
}

void
mrq_path_proc(int fd, char ret[static MRQ_PROC_FD_TEXT])
{
	static const char prefix[] = "/proc/self/fd/";
	char digits[12];
	size_t n = 0;
	for (unsigned v = (unsigned)fd; n == 0 || v > 0; v /= 10)
		digits[n++] = (char)('0' + v % 10);
	memcpy(ret, prefix, sizeof(prefix) - 1);
	char *at = ret + sizeof(prefix) - 1;
	while (n > 0)
		*at++ = digits[--n];
	*at = '\0';
}

int
mrq_path_reopen(int fd, int flags)
{
	char path[MRQ_PROC_FD_TEXT];
	mrq_path_proc(fd, path);
	return open(path, (flags & ~O_NOFOLLOW) | O_CLOEXEC);
}

static bool
same_name(const struct mrq_inode *ino, const struct mrq_inode *parent, const char *name)
{
	return ino->parent == parent && ino->name && strcmp(ino->name, name) == 0;
}

void
mrq_path_name(struct mrq_table *t, struct mrq_inode *ino, struct mrq_inode *parent,
	      const char *name)
{
	if (ino == t->root || ino == parent)
		return;
	(void)pthread_rwlock_rdlock(&t->names);
	bool same = same_name(ino, parent, name);
	(void)pthread_rwlock_unlock(&t->names);
	if (same)
		return;

	char *copy = strdup(name);
	if (!copy)
		return; /* the old name serves for messages */
	mrq_inode_ref(parent);
	(void)pthread_rwlock_wrlock(&t->names);
	struct mrq_inode *old_parent = ino->parent;
	char *old = ino->name;
	ino->parent = parent;
	ino->name = copy;
	(void)pthread_rwlock_unlock(&t->names);
	free(old);
	if (old_parent)
		mrq_inode_unref(t->fs, old_parent, 1);
}

void
mrq_path_renamed(struct mrq_table *t, struct mrq_inode *ino, struct mrq_inode *parent,
		 const char *name)
{
	if (ino)
		mrq_path_name(t, ino, parent, name);
}

enum mrq_status
mrq_path_place(struct mrq_table *t, struct mrq_inode *ino,
	       struct mrq_inode **ret_parent, char **ret_name, struct mrq_error *err)
{
	(void)pthread_rwlock_rdlock(&t->names);
	struct mrq_inode *parent = ino->parent;
	char *name = ino->name ? strdup(ino->name) : NULL;
	if (parent && name)
		mrq_inode_ref(parent);
	(void)pthread_rwlock_unlock(&t->names);
	if (!parent || !name) {
		free(name);
		return mrq_fail(err, MRQ_E_NOT_FOUND, "the file has no name any more");
	}
	*ret_parent = parent;
	*ret_name = name;
	return MRQ_OK;
}

/** Put "/" and text in front of *at; false when that leaves no room for "...". */
static bool
prepend(char *start, char **at, const char *text)
{
	size_t len = strlen(text);
	if ((size_t)(*at - start) < len + 4)
		return false;
	*at -= len;
	memcpy(*at, text, len);
	*--*at = '/';
	return true;
}

/** Caller holds names for reading; at points into ret, at what is below ino. */
static void
path_walk(const struct mrq_table *t, const struct mrq_inode *ino, char *ret, char *at)
{
	for (; ino && ino != t->root && ino->name; ino = ino->parent)
		if (!prepend(ret, &at, ino->name)) {
			at -= 3;
			memcpy(at, "...", 3);
			break;
		}
	if (*at == '\0')
		*--at = '/';
	memmove(ret, at, strlen(at) + 1);
}

void
mrq_path_of(struct mrq_table *t, struct mrq_inode *ino,
	    char ret[static MRQ_FS_PATH_MAX])
{
	char *at = ret + MRQ_FS_PATH_MAX - 1;
	*at = '\0';
	(void)pthread_rwlock_rdlock(&t->names);
	path_walk(t, ino, ret, at);
	(void)pthread_rwlock_unlock(&t->names);
}

void
mrq_path_child(struct mrq_table *t, struct mrq_inode *parent, const char *name,
	       char ret[static MRQ_FS_PATH_MAX])
{
	char *at = ret + MRQ_FS_PATH_MAX - 1;
	*at = '\0';
	(void)prepend(ret, &at, name); /* a name is far shorter than a path */
	(void)pthread_rwlock_rdlock(&t->names);
	path_walk(t, parent, ret, at);
	(void)pthread_rwlock_unlock(&t->names);
}
