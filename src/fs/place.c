/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/place.h"

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mountinfo.h"
#include "base/runtime.h"
#include "fs/unmounter.h"

#define STALE_MAX     8 /* mounts on top of one another, each left by a crash */
#define DEPTH_MAX     PATH_MAX
#define FUSE_CONF     "/etc/fuse.conf"
#define FUSE_CONF_MAX 65536u
#define LOCK_NAME_MAX 64

void
mrq_place_clear(struct mrq_place *place)
{
	if (place->source_fd >= 0)
		(void)close(place->source_fd);
	if (place->lock_fd >= 0)
		(void)close(place->lock_fd);
	free(place->source);
	free(place->mount_point);
	*place = (struct mrq_place){ .source_fd = -1, .lock_fd = -1 };
}

bool
mrq_place_is_below(const char *folder, const char *path)
{
	size_t n = strlen(folder);

	while (n > 0 && folder[n - 1] == '/')
		n--;
	return strncmp(folder, path, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

bool
mrq_place_allows_other(const char *fuse_conf)
{
	static const char word[] = "user_allow_other";

	for (const char *line = fuse_conf; line;) {
		line += strspn(line, " \t");
		size_t n = strcspn(line, "#\n");
		while (n > 0 && strchr(" \t\r", line[n - 1]))
			n--;
		if (n == sizeof(word) - 1 && memcmp(line, word, n) == 0)
			return true;
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return false;
}

/* ---- what must be there at all ---- */

static enum mrq_status
check_device(struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return MRQ_OK;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return mrq_fail(
			err, MRQ_E_NOT_FOUND,
			"there is no /dev/fuse: load it with 'modprobe fuse'; a "
			"container must be given the device");
	if (errno == EACCES || errno == EPERM)
		return mrq_fail(err, MRQ_E_DENIED,
				"/dev/fuse may not be opened: ask root for access to "
				"it, or mount as root");
	return mrq_fail_sys(err, "cannot open /dev/fuse");
}

static enum mrq_status
check_allow_other(const struct mrq_place_wish *wish, struct mrq_error *err)
{
	uint8_t *text MRQ_CLEANUP(free) = NULL;
	size_t len;

	if (wish->root || !wish->allow_other)
		return MRQ_OK;
	if (mrq_file_load(AT_FDCWD, FUSE_CONF, FUSE_CONF_MAX, &text, &len, NULL) ==
		    MRQ_OK &&
	    mrq_place_allows_other((const char *)text))
		return MRQ_OK;
	return mrq_fail(
		err, MRQ_E_DENIED,
		"option 'allow_other' needs a line 'user_allow_other' in " FUSE_CONF
		": ask root for it, or mount without");
}

/* ---- the two folders ---- */

static enum mrq_status
fail_folder(const char *what, const char *path, struct mrq_error *err)
{
	switch (errno) {
	case ENOENT:
		return mrq_fail(err, MRQ_E_NOT_FOUND,
				"%s '%s' does not exist: make the folder first", what,
				path);
	case ENOTDIR:
		return mrq_fail(err, MRQ_E_UNSUPPORTED, "%s '%s' is not a folder", what,
				path);
	case ENOTCONN:
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"%s '%s' is in a mount whose program has ended: "
				"unmount that first",
				what, path);
	case EACCES:
		return mrq_fail(err, MRQ_E_DENIED, "%s '%s' may not be entered", what,
				path);
	default:
		return mrq_fail_sys(err, "cannot use %s '%s'", what, path);
	}
}

static enum mrq_status
take_source(const char *path, struct mrq_place *p, struct mrq_error *err)
{
	p->source = realpath(path, NULL);
	if (!p->source)
		return fail_folder("source", path, err);
	p->source_fd = open(p->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (p->source_fd < 0)
		return fail_folder("source", path, err);
	struct stat st;
	if (fstat(p->source_fd, &st) < 0)
		return fail_folder("source", path, err);
	return MRQ_OK;
}

/* Not through realpath alone: that may or may not stumble over a dead mount at the end. */
static char *
resolve_mount_point(const char *path)
{
	char *whole = realpath(path, NULL);

	if (whole || errno != ENOTCONN)
		return whole;
	char *copy MRQ_CLEANUP(free) = strdup(path);
	if (!copy)
		return NULL;
	size_t n = strlen(copy);
	while (n > 1 && copy[n - 1] == '/')
		copy[--n] = '\0';
	char *slash = strrchr(copy, '/');
	const char *last = slash ? slash + 1 : copy;
	if (slash)
		*slash = '\0';
	char *folder MRQ_CLEANUP(free) = realpath(!slash  ? "."
						  : *copy ? copy
							  : "/",
						  NULL);
	if (!folder)
		return NULL;
	if (asprintf(&whole, "%s/%s", strcmp(folder, "/") == 0 ? "" : folder, last) < 0)
		return NULL;
	return whole;
}

/* One mount whose program has ended, at exactly this path. */
static enum mrq_status
clean_one(const char *path, bool root, struct mrq_error *err)
{
	struct mrq_mounts mounts MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	struct mrq_unmounter *u MRQ_CLEANUP(mrq_unmounter_free) = NULL;

	MRQ_TRY(mrq_mounts_load(&mounts, err));
	const struct mrq_mount *m = mrq_mounts_at(&mounts, path);
	if (!m)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' is in a mount whose program has ended: unmount "
				"that first",
				path);
	if (strcmp(m->type, MRQ_MOUNT_TYPE) != 0)
		return mrq_fail(
			err, MRQ_E_UNSUPPORTED,
			"'%s' holds a %s mount whose program has ended: unmount "
			"it first",
			path, m->type);
	mrq_log(MRQ_LOG_NOTICE,
		"'%s' was left behind by a marquefs that did not end well: unmounting "
		"it",
		path);
	MRQ_TRY(mrq_unmounter_new(path, root, &u, err));
	return mrq_unmounter_run(u, MRQ_UNMOUNT_LAZY, err);
}

static enum mrq_status
take_mount_point(const struct mrq_place_wish *wish, struct mrq_place *p,
		 struct stat *ret, struct mrq_error *err)
{
	p->mount_point = resolve_mount_point(wish->mount_point);
	if (!p->mount_point)
		return fail_folder("mount point", wish->mount_point, err);
	for (int i = 0; i < STALE_MAX; i++) {
		if (stat(p->mount_point, ret) == 0)
			break;
		if (errno != ENOTCONN)
			return fail_folder("mount point", p->mount_point, err);
		MRQ_TRY(clean_one(p->mount_point, wish->root, err));
	}
	if (!S_ISDIR(ret->st_mode))
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"mount point '%s' is not a folder", p->mount_point);
	if (!wish->root && access(p->mount_point, W_OK) < 0)
		return mrq_fail(err, MRQ_E_DENIED,
				"mount point '%s' must be writable by who mounts",
				p->mount_point);
	return MRQ_OK;
}

/* ---- do they fit? ---- */

static bool
same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Up by "..": finds it also when a bind mount shows the folder under another path. */
static enum mrq_status
is_inside(const char *path, const struct stat *folder, bool *ret, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat here, above;

	if (fd < 0 || fstat(fd, &here) < 0)
		return mrq_fail_sys(err, "cannot examine '%s'", path);
	*ret = false;
	for (int i = 0; i < DEPTH_MAX && !*ret; i++) {
		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0 || fstat(up, &above) < 0) {
			if (up >= 0)
				(void)close(up);
			return mrq_fail_sys(err, "cannot examine what '%s' is in",
					    path);
		}
		(void)close(fd);
		fd = up;
		if (same(&above, &here))
			break;
		here = above;
		*ret = same(&here, folder);
	}
	return MRQ_OK;
}

static enum mrq_status
check_relation(const struct mrq_place *p, const struct stat *source,
	       const struct stat *point, struct mrq_error *err)
{
	bool inside = false;

	if (same(source, point))
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"'%s' cannot be mounted over itself: give another "
				"mount point",
				p->source);
	MRQ_TRY(is_inside(p->mount_point, source, &inside, err));
	if (inside)
		return mrq_fail(
			err, MRQ_E_UNSUPPORTED,
			"mount point '%s' is inside the source '%s', which would "
			"show itself: give one outside",
			p->mount_point, p->source);
	MRQ_TRY(is_inside(p->source, point, &inside, err));
	if (inside)
		return mrq_fail(
			err, MRQ_E_UNSUPPORTED,
			"source '%s' is inside the mount point '%s', which would "
			"hide it: give another",
			p->source, p->mount_point);
	return MRQ_OK;
}

static enum mrq_status
check_nested(const struct mrq_mounts *mounts, const struct mrq_place *p,
	     const struct stat *source, const struct stat *point, struct mrq_error *err)
{
	const struct mrq_mount *m =
		mrq_mounts_of(mounts, source->st_dev, MRQ_MOUNT_TYPE);

	if (m)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"source '%s' is inside the marque mount '%s': marque "
				"does not protect twice",
				p->source, m->point);
	m = mrq_mounts_of(mounts, point->st_dev, MRQ_MOUNT_TYPE);
	if (!m)
		return MRQ_OK;
	if (strcmp(m->point, p->mount_point) == 0)
		return mrq_fail(
			err, MRQ_E_BUSY,
			"'%s' is mounted on '%s' already: unmount it first with "
			"'marque umount %s'",
			m->source, m->point, m->point);
	return mrq_fail(err, MRQ_E_UNSUPPORTED,
			"mount point '%s' is inside the marque mount '%s': give one "
			"outside",
			p->mount_point, m->point);
}

/* ---- is the source ours alone? ---- */

/* The lock of a source in the folder of who mounts; *ret_held when it can be had. */
static enum mrq_status
try_lock(const char *source, const struct stat *st, bool shared, int *ret_fd,
	 bool *ret_held, struct mrq_error *err)
{
	int folder MRQ_CLEANUP(mrq_close) = -1;
	char name[LOCK_NAME_MAX];

	MRQ_TRY(mrq_runtime_make(geteuid(), &folder, err));
	(void)snprintf(name, sizeof(name), "source-%u-%u-%llu.lock", major(st->st_dev),
		       minor(st->st_dev), (unsigned long long)st->st_ino);
	int fd MRQ_CLEANUP(mrq_close) =
		openat(folder, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot make the lock of source '%s'", source);
	*ret_held = flock(fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0;
	if (!*ret_held && errno != EWOULDBLOCK)
		return mrq_fail_sys(err, "cannot lock source '%s'", source);
	*ret_fd = MRQ_STEAL_FD(fd);
	return MRQ_OK;
}

/* Its lock tells whether a mount is shared, and is given back at once. */
static enum mrq_status
is_shared(const struct mrq_mount *m, bool *ret, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = -1;
	struct stat st;

	if (stat(m->source, &st) < 0)
		return mrq_fail_sys(err,
				    "cannot examine '%s', which is mounted on '%s'",
				    m->source, m->point);
	return try_lock(m->source, &st, true, &fd, ret, err);
}

/* What a crash left serves nobody. */
static bool
is_dead(const struct mrq_mount *m)
{
	struct stat st;

	return stat(m->point, &st) < 0 && errno == ENOTCONN;
}

/* Also those of other users, and of folders around or inside ours. */
static enum mrq_status
check_other_mounts(const struct mrq_mounts *mounts, const struct mrq_place *p,
		   bool shared, struct mrq_error *err)
{
	for (size_t i = 0; i < mounts->n; i++) {
		const struct mrq_mount *m = &mounts->items[i];
		bool both = false;
		if (strcmp(m->type, MRQ_MOUNT_TYPE) != 0 ||
		    (!mrq_place_is_below(m->source, p->source) &&
		     !mrq_place_is_below(p->source, m->source)) ||
		    is_dead(m))
			continue;
		if (shared)
			MRQ_TRY(is_shared(m, &both, err));
		if (both)
			continue;
		return mrq_fail(
			err, MRQ_E_BUSY,
			"source '%s' is in use: '%s' is mounted on '%s'; unmount "
			"that first, or mount both with -o shared",
			p->source, m->source, m->point);
	}
	return MRQ_OK;
}

static enum mrq_status
lock_source(struct mrq_place *p, const struct stat *source, bool shared,
	    struct mrq_error *err)
{
	bool held = false;

	MRQ_TRY(try_lock(p->source, source, shared, &p->lock_fd, &held, err));
	if (held)
		return MRQ_OK;
	return mrq_fail(err, MRQ_E_BUSY,
			"source '%s' is mounted by another marquefs: unmount that "
			"first, or mount both with -o shared",
			p->source);
}

/* A program that wrote there while nothing was mounted would look for it in vain. */
static void
note_hidden(const struct mrq_place *p)
{
	DIR *dir MRQ_CLEANUP(closedir) = opendir(p->mount_point);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		mrq_log(MRQ_LOG_WARNING,
			"mount point '%s' is not empty: what is in it stays hidden "
			"until it is unmounted",
			p->mount_point);
		return;
	}
}

enum mrq_status
mrq_place_take(const struct mrq_place_wish *wish, struct mrq_place *ret,
	       struct mrq_error *err)
{
	struct mrq_mounts mounts MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	struct stat source, point = { 0 };

	MRQ_TRY(check_allow_other(wish, err));
	MRQ_TRY(check_device(err));
	MRQ_TRY(take_source(wish->source, ret, err));
	MRQ_TRY(take_mount_point(wish, ret, &point, err));
	if (fstat(ret->source_fd, &source) < 0)
		return mrq_fail_sys(err, "cannot examine '%s'", ret->source);
	MRQ_TRY(mrq_mounts_load(&mounts, err));
	MRQ_TRY(check_nested(&mounts, ret, &source, &point, err));
	MRQ_TRY(check_relation(ret, &source, &point, err));
	MRQ_TRY(check_other_mounts(&mounts, ret, wish->shared, err));
	MRQ_TRY(lock_source(ret, &source, wish->shared, err));
	note_hidden(ret);
	return MRQ_OK;
}
