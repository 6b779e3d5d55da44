/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A file of a source that no mount has in hand.  What stays protected gets a new header in place.
 * What changes its nature, or its key, is written into a new inode beside it, which gets all that
 * belongs to the name and then takes its place: whoever looks meets the old file or the new one.
 */
#include "change.h"

#include <sys/random.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/file.h"

struct edit {
	struct mrq_session *session;
	const struct cli_target *target;
	const struct cli_change *change;
	struct mrq_file *file;
	struct mrq_caller caller;
	struct mrq_facts facts;
};

MRQ_DEFINE_CLEANUP(mrq_file_free, struct mrq_file *)

static enum mrq_status
open_target(const struct cli_target *target, int *ret, struct mrq_error *err)
{
	struct stat st;
	int fd MRQ_CLEANUP(mrq_close) =
		openat(target->dirfd, target->name,
		       O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0 || fstat(fd, &st) != 0)
		return mrq_fail_sys(err, "cannot open '%s'", target->path);
	if (!S_ISREG(st.st_mode) || st.st_ino != target->st.st_ino ||
	    st.st_dev != target->st.st_dev)
		return mrq_fail(err, MRQ_E_BUSY, "'%s' was just replaced; try again",
				target->path);
	/* Nobody else may have it open: what they write would be lost, what they read be torn. */
	if (fcntl(fd, F_SETLEASE, F_WRLCK) != 0 && errno == EAGAIN)
		return mrq_fail(err, MRQ_E_BUSY, "'%s' is open in another program",
				target->path);
	*ret = MRQ_STEAL_FD(fd);
	return MRQ_OK;
}

/* ---- a new inode ---- */

struct new_file {
	int dirfd, fd;
	char name[32]; /* "" while it has none */
};

static void
new_file_clear(struct new_file *new)
{
	if (new->name[0])
		(void)unlinkat(new->dirfd, new->name, 0);
	if (new->fd >= 0)
		(void)close(new->fd);
}
MRQ_DEFINE_CLEANUP_VALUE(new_file_clear, struct new_file)

static enum mrq_status
make_name(char ret[static 32], struct mrq_error *err)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return mrq_fail_sys(err, "no random name for a temporary file");
	(void)snprintf(ret, 32, ".marque-%016llx", (unsigned long long)random);
	return MRQ_OK;
}

/* Nameless where the filesystem can: then a crash leaves nothing behind. */
static enum mrq_status
new_file_open(struct new_file *new, const char *path, struct mrq_error *err)
{
	new->fd = openat(new->dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (new->fd >= 0)
		return MRQ_OK;
	char name[32];
	MRQ_TRY(make_name(name, err));
	new->fd = openat(new->dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (new->fd < 0)
		return mrq_fail_sys(err, "cannot make a temporary file beside '%s'",
				    path);
	memcpy(new->name, name, sizeof(name));
	return MRQ_OK;
}

static enum mrq_status
new_file_name(struct new_file *new, const char *path, struct mrq_error *err)
{
	char link[64], name[32];

	if (new->name[0])
		return MRQ_OK;
	MRQ_TRY(make_name(name, err));
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", new->fd);
	if (linkat(AT_FDCWD, link, new->dirfd, name, AT_SYMLINK_FOLLOW) != 0)
		return mrq_fail_sys(err, "cannot make a temporary file beside '%s'",
				    path);
	memcpy(new->name, name, sizeof(name));
	return MRQ_OK;
}

static bool
same_content(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	       a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Before the rename: is the name still what was converted, and nothing written to it since? */
static enum mrq_status
check_unchanged(const struct edit *e, struct mrq_error *err)
{
	const struct cli_target *t = e->target;
	struct stat now;

	if (fstatat(t->dirfd, t->name, &now, AT_SYMLINK_NOFOLLOW) != 0)
		return mrq_fail_sys(err, "cannot find '%s'", t->path);
	if (!same_content(&now, &t->st))
		return mrq_fail(err, MRQ_E_BUSY,
				"'%s' was changed meanwhile; try again", t->path);
	return MRQ_OK;
}

static enum mrq_status
put_in_place(const struct edit *e, struct new_file *new, struct mrq_error *err)
{
	const struct cli_target *t = e->target;

	MRQ_TRY(cli_copy_meta(mrq_file_fd(e->file), &t->st, new->fd,
			      e->change->preserve, t->path, err));
	if (mrq_fsync(new->fd) != 0)
		return mrq_fail_sys(err, "cannot write the new '%s'", t->path);
	MRQ_TRY(new_file_name(new, t->path, err));
	MRQ_TRY(check_unchanged(e, err));
	if (renameat(new->dirfd, new->name, t->dirfd, t->name) != 0)
		return mrq_fail_sys(err, "cannot replace '%s'", t->path);
	new->name[0] = '\0';
	if (mrq_fsync(new->dirfd) != 0)
		return mrq_fail_sys(err, "cannot sync the folder of '%s'", t->path);
	return MRQ_OK;
}

static enum mrq_status
convert(struct edit *e, enum mrq_convert direction, struct mrq_error *err)
{
	const struct cli_target *t = e->target;
	const struct cli_change *c = e->change;

	if (t->st.st_nlink > 1 && !c->options.what_if)
		return mrq_fail(
			err, MRQ_E_UNSUPPORTED,
			"'%s' has %lu further hard links, which would keep the old "
			"content; remove them first",
			t->path, (unsigned long)t->st.st_nlink - 1);
	/* A descriptor that can be read and synced, where the walk's is O_PATH. */
	int dirfd MRQ_CLEANUP(mrq_close) =
		openat(t->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return mrq_fail_sys(err, "cannot open the folder of '%s'", t->path);
	struct new_file new MRQ_CLEANUP(new_file_clear) = { .dirfd = dirfd, .fd = -1 };
	MRQ_TRY(new_file_open(&new, t->path, err));
	MRQ_TRY(mrq_file_convert(e->file, &e->caller, direction, c->label,
				 c->permissions, &c->options, t->real, new.fd, err));
	return c->options.what_if ? MRQ_OK : put_in_place(e, &new, err);
}

/* ---- the changes ---- */

static bool
is_protected(const struct edit *e)
{
	return e->facts.kind == MRQ_FILE_PROTECTED;
}

static enum mrq_status
plain(const struct edit *e, struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_PLAIN, "'%s' is not protected", e->target->path);
}

static enum mrq_status
change_label(struct edit *e, struct mrq_error *err)
{
	const struct cli_change *c = e->change;
	bool removes = !c->label || c->label_removes;

	if (!is_protected(e))
		return removes ? plain(e, err) : convert(e, MRQ_CONVERT_PROTECT, err);
	if (removes)
		return convert(e, MRQ_CONVERT_UNPROTECT, err);
	if (c->options.new_key)
		return convert(e, MRQ_CONVERT_PROTECT, err);
	return mrq_file_label_set(e->file, &e->caller, c->label, &c->options,
				  e->target->real, err);
}

static enum mrq_status
change_permissions(struct edit *e, struct mrq_error *err)
{
	const struct cli_change *c = e->change;

	if (!is_protected(e) || c->options.new_key)
		return convert(e, MRQ_CONVERT_PROTECT, err);
	return mrq_file_protect(e->file, &e->caller, c->permissions, &c->options,
				e->target->real, err);
}

static enum mrq_status
apply(struct edit *e, struct mrq_error *err)
{
	switch (e->change->kind) {
	case CLI_CHANGE_LABEL:
	case CLI_CHANGE_UNLABEL:
		return change_label(e, err);
	case CLI_CHANGE_PROTECT:
		return change_permissions(e, err);
	case CLI_CHANGE_UNPROTECT:
		return is_protected(e) ? convert(e, MRQ_CONVERT_UNPROTECT, err)
				       : plain(e, err);
	case CLI_CHANGE_REWRAP:
		if (!is_protected(e))
			return plain(e, err);
		if (e->change->options.what_if)
			return MRQ_OK;
		return mrq_file_rewrap(e->file, &e->caller, e->target->real, err);
	}
	return mrq_fail(err, MRQ_E_INVAL, "no such change");
}

/* Header changes move the time of change in place. */
static enum mrq_status
restore_times(const struct edit *e, struct mrq_error *err)
{
	const struct cli_target *t = e->target;
	const struct timespec when[2] = { t->st.st_atim, t->st.st_mtim };

	if (!e->change->preserve || e->change->options.what_if)
		return MRQ_OK;
	if (utimensat(t->dirfd, t->name, when, AT_SYMLINK_NOFOLLOW) != 0)
		return mrq_fail_sys(err, "cannot keep the times of '%s'", t->path);
	return MRQ_OK;
}

enum mrq_status
cli_change_in_source(struct mrq_session *session, const struct cli_target *target,
		     const struct cli_change *change, struct mrq_error *err)
{
	struct edit e = { .session = session,
			  .target = target,
			  .change = change,
			  .caller = mrq_caller_self() };
	int fd MRQ_CLEANUP(mrq_close) = -1;

	MRQ_TRY(open_target(target, &fd, err));
	struct mrq_file *file MRQ_CLEANUP(mrq_file_free) = NULL;
	MRQ_TRY(mrq_file_attach(session, fd, target->real, &file, err));
	fd = -1; /* the file's now */
	e.file = file;
	mrq_file_facts(file, &e.facts);
	MRQ_TRY(apply(&e, err));
	if (!mrq_file_settled(file))
		MRQ_TRY(mrq_file_settle(file, false, err));
	return restore_times(&e, err);
}
