/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "change.h"

#include <sys/xattr.h>

#include <errno.h>
#include <string.h>

#define NAMES_MAX 65536u /* XATTR_LIST_MAX of Linux */
#define VALUE_MAX 65536u /* XATTR_SIZE_MAX */

/* Capabilities belong to the program that the bytes were; a new inode is measured anew. */
static bool
left_behind(const char *name)
{
	return strcmp(name, "security.capability") == 0 ||
	       strcmp(name, "security.ima") == 0 || strcmp(name, "security.evm") == 0;
}

static enum mrq_status
copy_attribute(int from, int to, const char *name, char *value, const char *path,
	       struct mrq_error *err)
{
	ssize_t len = fgetxattr(from, name, value, VALUE_MAX);

	if (len < 0 && (errno == ENODATA || errno == EOPNOTSUPP))
		return MRQ_OK;
	if (len < 0)
		return mrq_fail_sys(err, "cannot read attribute '%s' of '%s'", name,
				    path);
	if (fsetxattr(to, name, value, (size_t)len, 0) == 0)
		return MRQ_OK;
	/* A security module labels the new inode by its own rules. */
	if (strncmp(name, "security.", 9) == 0)
		return MRQ_OK;
	return mrq_fail_sys(err, "cannot keep attribute '%s' of '%s'", name, path);
}

static enum mrq_status
copy_attributes(int from, int to, const char *path, struct mrq_error *err)
{
	char *names MRQ_CLEANUP(free) = malloc(NAMES_MAX);
	char *value MRQ_CLEANUP(free) = malloc(VALUE_MAX);

	if (!names || !value)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the attributes of '%s'", path);
	ssize_t len = flistxattr(from, names, NAMES_MAX);
	if (len < 0 && errno == EOPNOTSUPP)
		return MRQ_OK;
	if (len < 0)
		return mrq_fail_sys(err, "cannot list the attributes of '%s'", path);
	for (const char *at = names; at < names + len; at += strlen(at) + 1) {
		if (!left_behind(at))
			MRQ_TRY(copy_attribute(from, to, at, value, path, err));
	}
	return MRQ_OK;
}

enum mrq_status
cli_copy_meta(int from, const struct stat *st, int to, bool times, const char *path,
	      struct mrq_error *err)
{
	const struct timespec when[2] = { st->st_atim, st->st_mtim };

	if (fchown(to, st->st_uid, st->st_gid) != 0)
		return mrq_fail_sys(err, "cannot keep the owner of '%s'", path);
	if (fchmod(to, st->st_mode & 07777) != 0)
		return mrq_fail_sys(err, "cannot keep the mode of '%s'", path);
	MRQ_TRY(copy_attributes(from, to, path, err));
	if (times && futimens(to, when) != 0)
		return mrq_fail_sys(err, "cannot keep the times of '%s'", path);
	return MRQ_OK;
}
