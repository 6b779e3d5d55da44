/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime.h"

#include "cleanup.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>

void
mrq_runtime_folder(uid_t uid, char ret[static MRQ_RUNTIME_PATH_MAX])
{
	struct stat st;

	if (uid == 0) {
		(void)snprintf(ret, MRQ_RUNTIME_PATH_MAX, "/run/marque");
		return;
	}
	(void)snprintf(ret, MRQ_RUNTIME_PATH_MAX, "/run/user/%u", (unsigned)uid);
	if (lstat(ret, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == uid)
		(void)snprintf(ret, MRQ_RUNTIME_PATH_MAX, "/run/user/%u/marque",
			       (unsigned)uid);
	else
		(void)snprintf(ret, MRQ_RUNTIME_PATH_MAX, "/tmp/marque-%u",
			       (unsigned)uid);
}

enum mrq_status
mrq_runtime_open(uid_t uid, int *ret, struct mrq_error *err)
{
	char path[MRQ_RUNTIME_PATH_MAX];
	struct stat st;

	mrq_runtime_folder(uid, path);
	int fd MRQ_CLEANUP(mrq_close) =
		open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no folder '%s'", path);
	if (fd < 0)
		return mrq_fail_sys(err, "cannot open the folder '%s'", path);
	if (fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine the folder '%s'", path);
	if (st.st_uid != uid || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return mrq_fail(err, MRQ_E_DENIED,
				"folder '%s' must belong to uid %u and be writable by "
				"nobody else: remove it",
				path, (unsigned)uid);
	*ret = MRQ_STEAL_FD(fd);
	return MRQ_OK;
}

enum mrq_status
mrq_runtime_make(uid_t uid, int *ret, struct mrq_error *err)
{
	char path[MRQ_RUNTIME_PATH_MAX];

	mrq_runtime_folder(uid, path);
	bool made = mkdir(path, 0755) == 0;
	if (!made && errno != EEXIST)
		return mrq_fail_sys(err, "cannot make the folder '%s'", path);
	MRQ_TRY(mrq_runtime_open(uid, ret, err));
	/* The umask may have taken what others need to reach the sockets. */
	if (made && fchmodat(AT_FDCWD, path, 0755, 0) < 0) {
		(void)close(*ret);
		return mrq_fail_sys(err, "cannot open the folder '%s' to others", path);
	}
	return MRQ_OK;
}
