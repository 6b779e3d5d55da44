/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "rig.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/reply.h"

static void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
open_session(struct rig *r)
{
	struct mrq_error err = { 0 };
	const struct mrq_session_options o = {
		.state_dir = r->state,
		.config_file = r->conf,
		.keys = MRQ_SESSION_KEYS,
		.mount_point = "/mnt/test",
		.source = r->source,
	};
	check_ok(mrq_session_open(&o, &r->session, &err), &err);
}

static void
open_fs(struct rig *r)
{
	struct mrq_error err = { 0 };
	const struct mrq_fs_options o = { .attr_timeout = -1, .entry_timeout = -1 };
	int fd = open(r->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	check_ok(mrq_fs_new(r->session, fd, r->source, "/mnt/test", &o, &r->fs, &err),
		 &err);
}

int
rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct mrq_error err = { 0 };
	char conf_dir[96];
	assert_non_null(r);
	(void)snprintf(r->dir, sizeof(r->dir), "/tmp/marque-rig-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	(void)chmod(r->dir, 0755);
	(void)snprintf(r->state, sizeof(r->state), "%s/state", r->dir);
	(void)snprintf(r->source, sizeof(r->source), "%s/source", r->dir);
	(void)snprintf(conf_dir, sizeof(conf_dir), "%s/etc", r->dir);
	(void)snprintf(r->conf, sizeof(r->conf), "%s/marque.conf", conf_dir);
	assert_int_equal(mkdir(r->source, 0777), 0);
	(void)chmod(r->source, 0777);
	const struct mrq_init_options init = { .state_dir = r->state,
					       .config_dir = conf_dir,
					       .org = "example.org" };
	check_ok(mrq_init(&init, &err), &err);
	write_text(r->conf,
		   "[identity]\nuid.0 = root@example.org\n"
		   "uid.70001 = ann@example.org\nuid.70002 = bob@example.org\n");
	open_session(r);
	open_fs(r);
	*state = r;
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int
rig_teardown(void **state)
{
	struct rig *r = *state;
	mrq_fs_free(r->fs);
	mrq_session_free(r->session);
	(void)nftw(r->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(r);
	return 0;
}

struct mrq_inode *
rig_root(const struct rig *r)
{
	return r->fs->table->root;
}

struct mrq_call
rig_call(const struct rig *r, uid_t uid)
{
	/* a test that is not run by root cannot act as others: it is everybody then */
	return (struct mrq_call){ .fs = r->fs,
				  .who = { .uid = uid, .gid = uid, .pid = getpid() },
				  .umask = 022 };
}

void
rig_behind(const struct rig *r, const char *name, const char *text)
{
	char path[512];
	(void)snprintf(path, sizeof(path), "%s/%s", r->source, name);
	write_text(path, text);
	(void)chmod(path, 0666);
}

struct mrq_inode *
rig_make(const struct rig *r, uid_t uid, const char *name, const char *text)
{
	struct mrq_call call = rig_call(r, uid);
	struct fuse_entry_param e;
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	check_ok(mrq_do_create(&call, rig_root(r), name, 0666, O_RDWR, &e, &fh, &err),
		 &err);
	struct mrq_inode *ino = fh->ino;
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, text, strlen(text), 0, &err),
		 &err);
	check_ok(mrq_do_flush(fh, &err), &err);
	mrq_fh_close(r->fs, fh);
	return ino;
}

char *
rig_content(const struct rig *r, uid_t uid, const char *name, int *ret_errno)
{
	struct mrq_call call = rig_call(r, uid);
	struct mrq_error err = { 0 };
	struct mrq_fh *fh;
	struct mrq_inode *ino = rig_find(r, name);
	*ret_errno = 0;
	enum mrq_status st = mrq_do_open(&call, ino, O_RDONLY, &fh, &err);
	if (st != MRQ_OK) {
		*ret_errno = rig_errno(st, &err);
		rig_drop(r, ino);
		return NULL;
	}
	char *text = calloc(1, 65536);
	size_t n = 0;
	assert_non_null(text);
	st = mrq_do_read(fh, text, 65535, 0, &n, &err);
	*ret_errno = rig_errno(st, &err);
	mrq_fh_close(r->fs, fh);
	rig_drop(r, ino);
	if (st == MRQ_OK)
		return text;
	free(text);
	return NULL;
}

bool
rig_protected(const struct rig *r, const char *name)
{
	char path[512];
	struct mrq_facts facts;
	struct mrq_error err = { 0 };
	(void)snprintf(path, sizeof(path), "%s/%s", r->source, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	check_ok(mrq_facts_load(r->session, fd, path, &facts, &err), &err);
	(void)close(fd);
	return facts.kind == MRQ_FILE_PROTECTED;
}

struct mrq_inode *
rig_find(const struct rig *r, const char *name)
{
	struct fuse_entry_param e;
	struct mrq_inode *ino;
	struct mrq_error err = { 0 };
	check_ok(mrq_do_lookup(r->fs, rig_root(r), name, &e, &ino, &err), &err);
	return ino;
}

void
rig_drop(const struct rig *r, struct mrq_inode *ino)
{
	mrq_inode_unref(r->fs, ino, 1);
}

int
rig_errno(enum mrq_status st, const struct mrq_error *err)
{
	return mrq_reply_errno(st, err);
}

enum mrq_status
rig_label(const struct rig *r, uid_t uid, struct mrq_inode *ino, const char *value,
	  struct mrq_error *err)
{
	struct mrq_call call = rig_call(r, uid);
	return mrq_do_setxattr(&call, ino, "user.marque.label", value, strlen(value), 0,
			       err);
}
