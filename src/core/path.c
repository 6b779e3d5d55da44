/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Whole paths of a source tree, for commands: status and fsck. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <marque/control.h>

#include "base/json-doc.h"
#include "core/internal.h"
#include "core/status.h"

#define STATUS_XATTR "user.marque.status"
#define STATUS_MAX   65536

/** Inside a mount the mount answers; false when path is in none. */
static bool
ask_mount(const char *path, char **ret)
{
	char *text = calloc(1, STATUS_MAX + 1);
	char socket[PATH_MAX];
	ssize_t n = text ? getxattr(path, STATUS_XATTR, text, STATUS_MAX) : -1;
	/* elsewhere an attribute of that name is whatever somebody wrote there */
	if (n <= 0 || mrq_control_path(path, socket, sizeof(socket), NULL) != MRQ_OK) {
		free(text);
		return false;
	}
	text[n] = 0;
	*ret = text;
	return true;
}

static enum mrq_status
open_regular(const char *path, int flags, int *ret, struct mrq_error *err)
{
	struct stat st;
	int fd MRQ_CLEANUP(mrq_close) =
		open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot open '%s'", path);
	if (!S_ISREG(st.st_mode))
		return mrq_fail(err, MRQ_E_INVAL, "'%s' is not a regular file", path);
	*ret = MRQ_STEAL_FD(fd);
	return MRQ_OK;
}

enum mrq_status
mrq_path_status(struct mrq_session *s, const char *path, char **ret,
		struct mrq_error *err)
{
	if (ask_mount(path, ret))
		return MRQ_OK;
	int fd MRQ_CLEANUP(mrq_close) = -1;
	MRQ_TRY(open_regular(path, O_RDONLY, &fd, err));
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct mrq_error why = { 0 };
	enum mrq_status st =
		mrq_container_attach(fd, MRQ_ATTACH_READ_ONLY, path, &c, &why);
	if (st == MRQ_E_PLAIN)
		st = mrq_file_look_again(fd, path, &why);
	if (st != MRQ_OK && st != MRQ_E_PLAIN) {
		if (err)
			*err = why;
		return st;
	}
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_path(&out, "path", path);
	mrq_status_write(s, c, &out);
	mrq_json_out_end(&out, '}');
	return mrq_json_out_finish(&out, ret, err);
}

/* ---- fsck ---- */

/** Unlock with the owner's licence, when this session has the organisation's key. */
static enum mrq_status
unlock(struct mrq_file *f, enum mrq_fsck mode, struct mrq_fsck_result *ret,
       struct mrq_error *err)
{
	struct mrq_session *s = f->session;
	struct mrq_use_licence use MRQ_CLEANUP(mrq_use_licence_wipe) = { .rights = 0 };
	struct mrq_container_facts facts;
	if (s->keys != MRQ_SESSION_KEYS || !s->provider)
		return MRQ_OK;
	MRQ_TRY(mrq_session_admin_use(f, &use, err));
	mrq_container_facts_get(f->container, &facts);
	if (mode == MRQ_FSCK_ACCEPT)
		MRQ_TRY(mrq_sequences_accept(s->sequences, &facts.file_id,
					     facts.sequence, err));
	enum mrq_status st = mrq_sequences_check(s->sequences, &facts.file_id,
						 facts.sequence, f->what, err);
	ret->rolled_back = st == MRQ_E_ROLLBACK;
	MRQ_TRY(st);
	return mrq_container_unlock(f->container, &use.key, err);
}

static enum mrq_status
check(struct mrq_file *f, enum mrq_fsck mode, mrq_fsck_report report, void *arg,
      struct mrq_fsck_result *ret, struct mrq_error *err)
{
	MRQ_TRY(unlock(f, mode, ret, err));
	struct mrq_check found = { 0 };
	enum mrq_status st =
		mrq_container_check(f->container, report, arg, &found, err);
	ret->keyed = found.keyed;
	ret->journal_replayed = found.journal_replayed;
	ret->blocks = found.blocks;
	ret->holes = found.holes;
	ret->damaged = found.damaged;
	ret->lost = found.lost;
	MRQ_TRY(st);
	if (mode != MRQ_FSCK_REPAIR || !found.unfinished)
		return MRQ_OK;
	if (!found.keyed)
		return mrq_fail(
			err, MRQ_E_NO_KEY,
			"'%s' was left by a stopped writer and is read as it is; "
			"without the authority's keys nobody can tell whether its "
			"journal is genuine: repair it with them",
			f->what);
	return mrq_file_settle(f, false, err);
}

enum mrq_status
mrq_fsck(struct mrq_session *s, const char *path, enum mrq_fsck mode,
	 mrq_fsck_report report, void *arg, struct mrq_fsck_result *ret,
	 struct mrq_error *err)
{
	*ret = (struct mrq_fsck_result){ .kind = MRQ_FILE_PLAIN };
	int fd MRQ_CLEANUP(mrq_close) = -1;
	MRQ_TRY(open_regular(path, mode == MRQ_FSCK_REPAIR ? O_RDWR : O_RDONLY, &fd,
			     err));
	struct mrq_file *f = NULL;
	MRQ_TRY(mrq_file_attach(s, fd, path, &f, err));
	fd = -1; /* the file's now */
	ret->kind = mrq_file_kind_get(f);
	enum mrq_status st = MRQ_OK;
	if (ret->kind == MRQ_FILE_DAMAGED) {
		if (err)
			*err = f->damage;
		st = f->damage.status;
	} else if (ret->kind == MRQ_FILE_PROTECTED) {
		st = check(f, mode, report, arg, ret, err);
	}
	mrq_file_free(f);
	return st;
}
