/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Operations on files: content, attributes, names, labels, changes behind the mount. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define GENERAL  "General"
#define SPECIFIC "Highly Confidential/Specific People"

static void
expect_content(const struct rig *r, uid_t uid, const char *name, const char *want)
{
	int e;
	char *text = rig_content(r, uid, name, &e);
	assert_int_equal(e, 0);
	assert_string_equal(text, want);
	free(text);
}

static void
expect_refused(const struct rig *r, uid_t uid, const char *name, int want)
{
	int e;
	char *text = rig_content(r, uid, name, &e);
	assert_null(text);
	assert_int_equal(e, want);
}

static void
what_is_written_is_read_and_protected(void **state)
{
	struct rig *r = *state;
	struct mrq_inode *ino = rig_make(r, ANN, "a", "hello");
	expect_content(r, ANN, "a", "hello");
	expect_content(r, BOB, "a", "hello"); /* General: the organisation */
	assert_true(rig_protected(r, "a"));
	rig_drop(r, ino);
}

static void
stat_shows_the_plaintext(void **state)
{
	struct rig *r = *state;
	struct stat st;
	struct mrq_error err = { 0 };
	struct mrq_inode *ino = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_do_getattr(r->fs, ino, &st, &err), &err);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(st.st_blksize, 4096);
	rig_drop(r, ino);
	ino = rig_find(r, "a"); /* not attached any more, or still: the same */
	check_ok(mrq_do_getattr(r->fs, ino, &st, &err), &err);
	assert_int_equal(st.st_size, 5);
	rig_drop(r, ino);
}

static void
times_survive_a_later_commit(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct fuse_entry_param e;
	struct mrq_fh *fh;
	struct stat st,
		attr = { .st_mtim = { .tv_sec = 1000000000, .tv_nsec = 123456789 } };
	struct mrq_error err = { 0 };
	check_ok(mrq_do_create(&call, rig_root(r), "a", 0644, O_RDWR, &e, &fh, &err),
		 &err);
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, "x", 1, 0, &err), &err);
	check_ok(mrq_do_setattr(&call, fh->ino, fh, &attr, FUSE_SET_ATTR_MTIME, &st,
				&err),
		 &err);
	check_ok(mrq_do_flush(fh, &err), &err);
	struct mrq_inode *ino = fh->ino;
	mrq_fh_close(r->fs, fh);
	check_ok(mrq_fs_flush(r->fs, &err), &err); /* settles */
	check_ok(mrq_do_getattr(r->fs, ino, &st, &err), &err);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(st.st_mtim.tv_nsec, 123456789);
	rig_drop(r, ino);
}

static void
truncation_needs_no_open_but_a_right(void **state)
{
	struct rig *r = *state;
	struct mrq_error err = { 0 };
	struct stat st, attr = { .st_size = 2 };
	struct mrq_inode *ino = rig_make(r, ANN, "a", "hello");
	struct mrq_call call = rig_call(r, ANN);
	check_ok(rig_label(r, ANN, ino, SPECIFIC, &err), &err);
	check_ok(mrq_do_setattr(&call, ino, NULL, &attr, FUSE_SET_ATTR_SIZE, &st, &err),
		 &err);
	assert_int_equal(st.st_size, 2);
	expect_content(r, ANN, "a", "he");
	call = rig_call(r, 0); /* passes POSIX, has no right */
	call.who.uid = 0;
	check_status(
		mrq_do_setattr(&call, ino, NULL, &attr, FUSE_SET_ATTR_SIZE, &st, &err),
		MRQ_E_DENIED, &err);
	rig_drop(r, ino);
}

static void
a_read_handle_neither_writes_nor_truncates(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *fh;
	struct stat st, attr = { .st_size = 2 };
	struct mrq_error err = { 0 };
	struct mrq_inode *ino = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_do_open(&call, ino, O_RDONLY, &fh, &err), &err);
	check_status(
		mrq_do_setattr(&call, ino, fh, &attr, FUSE_SET_ATTR_SIZE, &st, &err),
		MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EINVAL);
	check_status(mrq_do_fallocate(&call, fh, 0, 0, 100, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EBADF);
	mrq_fh_close(r->fs, fh);
	expect_content(r, ANN, "a", "hello");
	rig_drop(r, ino);
}

static void
truncating_open_empties(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	struct mrq_inode *ino = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_do_open(&call, ino, O_WRONLY | O_TRUNC, &fh, &err), &err);
	assert_int_equal(fh->request, MRQ_REQUEST_REPLACE);
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, "new", 3, 0, &err), &err);
	check_ok(mrq_do_flush(fh, &err), &err);
	mrq_fh_close(r->fs, fh);
	expect_content(r, ANN, "a", "new");
	assert_true(rig_protected(r, "a"));
	rig_drop(r, ino);
}

static void
flags_become_requests(void **state)
{
	(void)state;
	assert_int_equal(mrq_handle_request(O_RDONLY), MRQ_REQUEST_READ);
	assert_int_equal(mrq_handle_request(O_RDWR), MRQ_REQUEST_WRITE);
	assert_int_equal(mrq_handle_request(O_WRONLY), MRQ_REQUEST_WRITE);
	assert_int_equal(mrq_handle_request(O_WRONLY | O_APPEND), MRQ_REQUEST_WRITE);
	assert_int_equal(mrq_handle_request(O_WRONLY | O_TRUNC), MRQ_REQUEST_REPLACE);
	assert_int_equal(mrq_handle_request(O_RDWR | O_TRUNC), MRQ_REQUEST_WRITE);
	assert_int_equal(mrq_handle_request(O_RDONLY | O_TRUNC), MRQ_REQUEST_WRITE);
}

static void
holes_are_found(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct fuse_entry_param e;
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	off_t at = -1;
	check_ok(mrq_do_create(&call, rig_root(r), "a", 0644, O_RDWR, &e, &fh, &err),
		 &err);
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, "x", 1, 0, &err), &err);
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, "y", 1, 1 << 20, &err), &err);
	check_ok(mrq_do_lseek(fh, 1, SEEK_HOLE, &at, &err), &err);
	assert_int_equal(at, 4096);
	check_ok(mrq_do_lseek(fh, 8192, SEEK_DATA, &at, &err), &err);
	assert_int_equal(at, 1 << 20);
	check_status(mrq_do_lseek(fh, 2 << 20, SEEK_DATA, &at, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, ENXIO);
	check_status(mrq_do_lseek(fh, 0, SEEK_SET, &at, &err), MRQ_E_SYS, &err);
	struct mrq_inode *ino = fh->ino;
	mrq_fh_close(r->fs, fh);
	rig_drop(r, ino);
}

static void
ranges_are_copied(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *in, *out;
	struct mrq_error err = { 0 };
	size_t n = 0;
	struct mrq_inode *a = rig_make(r, ANN, "a", "0123456789");
	struct mrq_inode *b = rig_make(r, ANN, "b", "abcdefghij");
	check_ok(mrq_do_open(&call, a, O_RDONLY, &in, &err), &err);
	check_ok(mrq_do_open(&call, b, O_RDWR, &out, &err), &err);
	check_ok(mrq_do_copy(&call, in, 8, out, 4, 100, &n, &err), &err);
	assert_int_equal(n, 2);
	check_ok(mrq_do_copy(&call, in, 10, out, 4, 100, &n, &err), &err);
	assert_int_equal(n, 0);
	check_status(mrq_do_copy(&call, out, 0, in, 0, 1, &n, &err), MRQ_E_SYS, &err);
	mrq_fh_close(r->fs, in);
	mrq_fh_close(r->fs, out);
	expect_content(r, ANN, "b", "abcd89ghij");
	rig_drop(r, a);
	rig_drop(r, b);
}

/* ---- names ---- */

static void
an_existing_name_is_opened_unless_exclusive(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct fuse_entry_param e;
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	struct mrq_inode *ino = rig_make(r, ANN, "a", "hello");
	check_status(mrq_do_create(&call, rig_root(r), "a", 0644, O_RDWR | O_EXCL, &e,
				   &fh, &err),
		     MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EEXIST);
	check_ok(mrq_do_create(&call, rig_root(r), "a", 0644, O_RDWR, &e, &fh, &err),
		 &err);
	assert_ptr_equal(fh->ino, ino);
	mrq_fh_close(r->fs, fh);
	expect_content(r, ANN, "a", "hello");
	mrq_inode_unref(r->fs, ino, 2);
}

static void
an_unnamed_file_gets_a_name_by_a_link(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct fuse_entry_param e;
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	check_ok(mrq_do_create(&call, rig_root(r), "/", 0644, O_RDWR, &e, &fh, &err),
		 &err);
	struct mrq_inode *ino = fh->ino;
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, "text", 4, 0, &err), &err);
	check_ok(mrq_do_flush(fh, &err), &err);
	check_ok(mrq_do_link(&call, ino, rig_root(r), "named", &e, &err), &err);
	mrq_fh_close(r->fs, fh);
	expect_content(r, ANN, "named", "text");
	mrq_inode_unref(r->fs, ino, 2);
}

static void
an_unlinked_file_lives_until_its_last_close(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	char buf[8];
	size_t n = 0;
	struct mrq_inode *ino = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_do_open(&call, ino, O_RDWR, &fh, &err), &err);
	check_ok(mrq_do_unlink(&call, rig_root(r), "a", &err), &err);
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, "J", 1, 0, &err), &err);
	check_ok(mrq_do_read(fh, buf, sizeof(buf), 0, &n, &err), &err);
	assert_int_equal(n, 5);
	assert_memory_equal(buf, "Jello", 5);
	mrq_fh_close(r->fs, fh);
	rig_drop(r, ino);
}

static void
folders_and_links(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct fuse_entry_param e;
	struct mrq_error err = { 0 };
	check_ok(mrq_do_mkdir(&call, rig_root(r), "d", 0777, &e, &err), &err);
	assert_int_equal(e.attr.st_mode & 07777, 0755); /* the caller's umask */
	struct mrq_inode *d = mrq_inode_of(r->fs, e.ino);
	check_ok(mrq_do_symlink(&call, d, "l", "target", &e, &err), &err);
	assert_true(S_ISLNK(e.attr.st_mode));
	assert_int_equal(e.attr.st_size, 6);
	rig_drop(r, mrq_inode_of(r->fs, e.ino));
	check_status(mrq_do_rmdir(&call, rig_root(r), "d", &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, ENOTEMPTY);
	check_ok(mrq_do_unlink(&call, d, "l", &err), &err);
	check_ok(mrq_do_rmdir(&call, rig_root(r), "d", &err), &err);
	check_ok(mrq_do_mknod(&call, rig_root(r), "p", S_IFIFO | 0600, 0, &e, &err),
		 &err);
	assert_true(S_ISFIFO(e.attr.st_mode));
	rig_drop(r, mrq_inode_of(r->fs, e.ino));
	rig_drop(r, d);
}

static void
a_save_keeps_the_protection_of_what_it_replaces(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_error err = { 0 };
	struct mrq_facts before, after;
	struct mrq_inode *doc = rig_make(r, ANN, "doc", "old");
	check_ok(rig_label(r, ANN, doc, SPECIFIC, &err), &err);
	check_ok(mrq_attach_all_facts(r->fs, doc, &before, &err), &err);
	struct mrq_inode *temp = rig_make(r, ANN, "doc.tmp", "new");
	check_ok(mrq_do_rename(&call, rig_root(r), "doc.tmp", rig_root(r), "doc", 0,
			       &err),
		 &err);
	check_ok(mrq_attach_all_facts(r->fs, temp, &after, &err), &err);
	assert_memory_equal(&before.label_id, &after.label_id, sizeof(before.label_id));
	assert_memory_equal(&before.content_id, &after.content_id,
			    sizeof(before.content_id));
	assert_string_equal(before.owner, after.owner);
	expect_content(r, ANN, "doc", "new");
	expect_refused(r, BOB, "doc", EACCES);
	rig_drop(r, doc);
	rig_drop(r, temp);
}

static void
a_plain_file_that_replaces_a_protected_one_becomes_protected(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_error err = { 0 };
	struct mrq_inode *doc = rig_make(r, ANN, "doc", "old");
	check_ok(rig_label(r, ANN, doc, SPECIFIC, &err), &err);
	rig_behind(r, "plain", "plain text");
	struct mrq_inode *plain = rig_find(r, "plain");
	check_ok(
		mrq_do_rename(&call, rig_root(r), "plain", rig_root(r), "doc", 0, &err),
		&err);
	assert_true(rig_protected(r, "doc"));
	expect_content(r, ANN, "doc", "plain text");
	expect_refused(r, BOB, "doc", EACCES);
	rig_drop(r, doc);
	rig_drop(r, plain);
}

static void
who_may_not_edit_may_not_rename_onto(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, BOB);
	struct mrq_error err = { 0 };
	struct mrq_inode *doc = rig_make(r, ANN, "doc", "old");
	check_ok(rig_label(r, ANN, doc, SPECIFIC, &err), &err);
	struct mrq_inode *mine = rig_make(r, BOB, "mine", "bob's");
	check_status(
		mrq_do_rename(&call, rig_root(r), "mine", rig_root(r), "doc", 0, &err),
		MRQ_E_DENIED, &err);
	check_status(mrq_do_rename(&call, rig_root(r), "doc", rig_root(r), "mine",
				   RENAME_EXCHANGE, &err),
		     MRQ_E_DENIED, &err);
	expect_content(r, ANN, "doc", "old");
	expect_content(r, BOB, "mine", "bob's");
	rig_drop(r, doc);
	rig_drop(r, mine);
}

static void
rename_flags(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_error err = { 0 };
	char path[MRQ_FS_PATH_MAX];
	struct mrq_inode *a = rig_make(r, ANN, "a", "1"),
			 *b = rig_make(r, ANN, "b", "2");
	check_status(mrq_do_rename(&call, rig_root(r), "a", rig_root(r), "b",
				   RENAME_NOREPLACE, &err),
		     MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EEXIST);
	check_ok(mrq_do_rename(&call, rig_root(r), "a", rig_root(r), "b",
			       RENAME_EXCHANGE, &err),
		 &err);
	expect_content(r, ANN, "a", "2");
	expect_content(r, ANN, "b", "1");
	mrq_path_of(r->fs->table, a, path);
	assert_string_equal(path, "/b");
	mrq_path_of(r->fs->table, b, path);
	assert_string_equal(path, "/a");
	check_status(mrq_do_rename(&call, rig_root(r), "a", rig_root(r), "x",
				   RENAME_WHITEOUT << 1, &err),
		     MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EINVAL);
	rig_drop(r, a);
	rig_drop(r, b);
}

/* ---- labels ---- */

static void
a_plain_file_is_protected_under_its_node(void **state)
{
	struct rig *r = *state;
	struct mrq_error err = { 0 };
	rig_behind(r, "p", "plain");
	struct mrq_inode *p = rig_find(r, "p");
	check_ok(rig_label(r, ANN, p, GENERAL, &err), &err);
	assert_true(rig_protected(r, "p"));
	struct mrq_inode *again = rig_find(r, "p");
	assert_ptr_equal(p, again);
	expect_content(r, ANN, "p", "plain");
	mrq_inode_unref(r->fs, p, 2);
}

static void
open_files_stay_over_a_conversion(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	rig_behind(r, "p", "plain");
	struct mrq_inode *p = rig_find(r, "p");
	check_ok(mrq_do_open(&call, p, O_RDWR, &fh, &err), &err);
	check_ok(rig_label(r, ANN, p, GENERAL, &err), &err);
	check_ok(mrq_do_write(&call, fh, MRQ_WRITE_CACHE, "P", 1, 0, &err), &err);
	check_ok(mrq_do_flush(fh, &err), &err);
	mrq_fh_close(r->fs, fh);
	expect_content(r, ANN, "p", "Plain");
	assert_true(rig_protected(r, "p"));
	rig_drop(r, p);
}

static void
a_conversion_fences_who_is_not_entitled(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, BOB);
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	char buf[8];
	size_t n;
	rig_behind(r, "p", "plain");
	struct mrq_inode *p = rig_find(r, "p");
	check_ok(mrq_do_open(&call, p, O_RDONLY, &fh, &err), &err);
	check_ok(rig_label(r, ANN, p, SPECIFIC, &err), &err);
	check_status(mrq_do_read(fh, buf, sizeof(buf), 0, &n, &err), MRQ_E_DENIED,
		     &err);
	mrq_fh_close(r->fs, fh);
	expect_content(r, ANN, "p", "plain");
	expect_refused(r, BOB, "p", EACCES);
	rig_drop(r, p);
}

static void
a_file_with_several_names_is_not_converted(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct fuse_entry_param e;
	struct mrq_error err = { 0 };
	rig_behind(r, "p", "plain");
	struct mrq_inode *p = rig_find(r, "p");
	int owned =
		fchownat(p->fd, "", ANN, ANN, AT_EMPTY_PATH); /* protected_hardlinks */
	assert_true(owned == 0 || geteuid() != 0);
	check_ok(mrq_do_link(&call, p, rig_root(r), "q", &e, &err), &err);
	check_status(rig_label(r, ANN, p, GENERAL, &err), MRQ_E_UNSUPPORTED, &err);
	assert_false(rig_protected(r, "p"));
	expect_content(r, ANN, "q", "plain");
	mrq_inode_unref(r->fs, p, 2);
}

static void
protection_is_taken_off(void **state)
{
	struct rig *r = *state;
	struct mrq_error err = { 0 };
	struct mrq_inode *a = rig_make(r, ANN, "a", "hello");
	check_status(rig_label(r, ANN, a, "", &err), MRQ_E_POLICY, &err);
	check_ok(rig_label(r, ANN, a, ";justification=it is public", &err), &err);
	assert_false(rig_protected(r, "a"));
	expect_content(r, BOB, "a", "hello");
	rig_drop(r, a);
}

static void
attributes(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_error err = { 0 };
	char *value;
	size_t len;
	struct mrq_inode *a = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_do_getxattr(&call, a, "user.marque.label", &value, &len, &err),
		 &err);
	assert_int_equal(len, strlen(GENERAL));
	assert_memory_equal(value, GENERAL, len);
	free(value);
	check_ok(mrq_do_getxattr(&call, a, "user.marque.owner", &value, &len, &err),
		 &err);
	assert_memory_equal(value, "ann@example.org", len);
	free(value);
	check_status(
		mrq_do_getxattr(&call, a, "user.marque.nothing", &value, &len, &err),
		MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, ENODATA);
	check_status(mrq_do_setxattr(&call, a, "user.marque.owner", "x", 1, 0, &err),
		     MRQ_E_POLICY, &err);
	check_status(mrq_do_setxattr(&call, a, "user.marque.mine", "x", 1, 0, &err),
		     MRQ_E_POLICY, &err);
	check_ok(mrq_do_setxattr(&call, a, "user.mine", "value", 5, 0, &err), &err);
	check_ok(mrq_do_listxattr(&call, a, &value, &len, &err), &err);
	assert_int_equal(len, sizeof("user.mine"));
	free(value);
	check_ok(mrq_do_removexattr(&call, a, "user.mine", &err), &err);
	rig_drop(r, a);
}

/* ---- behind the mount ---- */

static void
a_changed_file_gets_another_node(void **state)
{
	struct rig *r = *state;
	rig_behind(r, "p", "one");
	struct mrq_inode *old = rig_find(r, "p");
	expect_content(r, ANN, "p", "one");
	rig_behind(r, "p", "other");
	struct mrq_inode *fresh = rig_find(r, "p");
	assert_ptr_not_equal(old, fresh);
	expect_content(r, ANN, "p", "other");
	rig_drop(r, old);
	rig_drop(r, fresh);
}

static void
an_open_of_a_changed_node_is_stale(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	rig_behind(r, "p", "one");
	struct mrq_inode *old = rig_find(r, "p");
	rig_behind(r, "p", "other");
	check_status(mrq_do_open(&call, old, O_RDONLY, &fh, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, ESTALE);
	rig_drop(r, old);
}

static void
a_change_while_it_is_read_is_seen_too(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *fh;
	struct mrq_error err = { 0 };
	rig_behind(r, "p", "one");
	struct mrq_inode *old = rig_find(r, "p");
	check_ok(mrq_do_open(&call, old, O_RDONLY, &fh, &err), &err);
	rig_behind(r, "p", "other");
	mrq_fh_close(r->fs, fh);
	expect_content(r, ANN, "p", "other");
	struct mrq_inode *fresh = rig_find(r, "p");
	assert_ptr_not_equal(old, fresh);
	rig_drop(r, old);
	rig_drop(r, fresh);
}

static void
our_own_changes_keep_the_node(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct fuse_entry_param e;
	struct stat st, attr = { .st_mode = S_IFREG | 0600, .st_size = 3 };
	struct mrq_error err = { 0 };
	struct mrq_inode *a = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_fs_flush(r->fs, &err), &err);
	check_ok(mrq_do_setattr(&call, a, NULL, &attr, FUSE_SET_ATTR_MODE, &st, &err),
		 &err);
	check_ok(mrq_do_setattr(&call, a, NULL, &attr, FUSE_SET_ATTR_SIZE, &st, &err),
		 &err);
	check_ok(mrq_do_link(&call, a, rig_root(r), "b", &e, &err), &err);
	check_ok(mrq_do_unlink(&call, rig_root(r), "b", &err), &err);
	check_ok(mrq_do_rename(&call, rig_root(r), "a", rig_root(r), "c", 0, &err),
		 &err);
	check_ok(rig_label(r, ANN, a, "Confidential/All Employees", &err), &err);
	check_ok(mrq_fs_flush(r->fs, &err), &err);
	struct mrq_inode *again = rig_find(r, "c");
	assert_ptr_equal(a, again);
	expect_content(r, ANN, "c", "hel");
	mrq_inode_unref(r->fs, a, 3);
}

/* ---- withdrawal ---- */

static void
withdrawal_fences_every_handle(void **state)
{
	struct rig *r = *state;
	struct mrq_call ann = rig_call(r, ANN), bob = rig_call(r, BOB);
	struct mrq_fh *mine, *his;
	struct mrq_error err = { 0 };
	struct stat st;
	char buf[8], path[256];
	size_t n;
	struct mrq_inode *a = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_fs_flush(r->fs, &err), &err);
	check_ok(mrq_do_open(&ann, a, O_RDWR, &mine, &err), &err);
	check_ok(mrq_do_open(&bob, a, O_RDONLY, &his, &err), &err);
	check_ok(mrq_do_write(&ann, mine, MRQ_WRITE_CACHE, "J", 1, 0, &err), &err);
	mrq_fs_recheck(r->fs);
	check_ok(mrq_do_read(his, buf, sizeof(buf), 0, &n, &err), &err); /* still his */

	(void)snprintf(path, sizeof(path), "%s/a", r->source);
	check_ok(mrq_revoke(r->session, &ann.who, path, false, &err), &err);
	check_ok(mrq_session_poll(r->session, &err), &err);
	mrq_fs_recheck(r->fs);
	check_status(mrq_do_read(his, buf, sizeof(buf), 0, &n, &err), MRQ_E_REVOKED,
		     &err);
	check_status(mrq_do_read(mine, buf, sizeof(buf), 0, &n, &err), MRQ_E_REVOKED,
		     &err);
	check_status(mrq_do_write(&ann, mine, MRQ_WRITE_PROGRAM, "x", 1, 0, &err),
		     MRQ_E_REVOKED, &err);
	check_status(mrq_do_write(&ann, mine, MRQ_WRITE_CACHE, "x", 1, 0, &err),
		     MRQ_E_REVOKED, &err);
	check_status(mrq_do_fsync(mine, false, &err), MRQ_E_REVOKED, &err);
	check_status(mrq_do_getattr(r->fs, a, &st, &err), MRQ_E_REVOKED, &err);
	check_ok(mrq_do_flush(mine, &err), &err); /* what was accepted is kept */
	mrq_fh_close(r->fs, mine);
	mrq_fh_close(r->fs, his);

	expect_content(r, ANN, "a", "Jello"); /* a new node; the owner always may */
	expect_refused(r, BOB, "a", EKEYREVOKED);
	struct mrq_fs_counters count;
	mrq_fs_count(r->fs, &count);
	assert_int_equal(count.fenced, 1);
	assert_int_equal(count.handles, 0);
	check_ok(mrq_unrevoke(r->session, &ann.who, path, false, &err), &err);
	check_ok(mrq_session_poll(r->session, &err), &err);
	expect_content(r, BOB, "a", "Jello");
	rig_drop(r, a);
}

static void
while_it_drains_the_cache_may_write(void **state)
{
	struct rig *r = *state;
	struct mrq_error err = { 0 };
	struct mrq_inode *a = rig_make(r, ANN, "a", "hello");
	a->fence = MRQ_FENCE_DRAINING;
	a->fenced = MRQ_E_EXPIRED;
	check_ok(mrq_fence_pass(a, true, &err), &err);
	check_status(mrq_fence_pass(a, false, &err), MRQ_E_EXPIRED, &err);
	a->fence = MRQ_FENCE_CLOSED;
	check_status(mrq_fence_pass(a, true, &err), MRQ_E_EXPIRED, &err);
	a->fence = MRQ_FENCE_NONE;
	check_ok(mrq_fence_pass(a, false, &err), &err);
	rig_drop(r, a);
}

static void
draining_the_mount_refuses_opens(void **state)
{
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_fh *fh, *other;
	struct mrq_error err = { 0 };
	struct mrq_inode *a = rig_make(r, ANN, "a", "hello");
	check_ok(mrq_do_open(&call, a, O_RDONLY, &fh, &err), &err);
	check_status(mrq_fs_drain(r->fs, 1, &err), MRQ_E_BUSY, &err);
	check_ok(mrq_do_open(&call, a, O_RDONLY, &other, &err), &err); /* not drained */
	mrq_fh_close(r->fs, other);
	mrq_fh_close(r->fs, fh);
	check_ok(mrq_fs_drain(r->fs, 1, &err), &err);
	check_status(mrq_do_open(&call, a, O_RDONLY, &fh, &err), MRQ_E_SYS, &err);
	assert_int_equal(err.sys_errno, EBUSY);
	rig_drop(r, a);
}

/* ---- folders ---- */

static void
a_folder_is_read_in_pieces(void **state)
{
	enum { N = 500 };
	struct rig *r = *state;
	struct mrq_call call = rig_call(r, ANN);
	struct mrq_error err = { 0 };
	struct mrq_dir *dir;
	char name[32], buf[300];
	bool seen[N] = { false };
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		rig_behind(r, name, "");
	}
	check_ok(mrq_do_opendir(&call, rig_root(r), &dir, &err), &err);
	off_t off = 0;
	for (;;) {
		size_t len = 0;
		check_ok(mrq_do_readdir(r->fs, dir, MRQ_READDIR_NAMES, off, buf,
					sizeof(buf), &len, &err),
			 &err);
		if (len == 0)
			break;
		for (size_t at = 0; at < len;) {
			uint64_t next;
			uint32_t n;
			int number;
			memcpy(&next, buf + at + 8, sizeof(next));
			memcpy(&n, buf + at + 16, sizeof(n));
			(void)snprintf(name, sizeof(name), "%.*s", (int)n,
				       buf + at + 24);
			if (sscanf(name, "f%d", &number) == 1) {
				assert_false(seen[number]);
				seen[number] = true;
			}
			off = (off_t)next;
			at += (24 + n + 7) & ~7u;
		}
	}
	for (int i = 0; i < N; i++)
		assert_true(seen[i]);
	mrq_do_releasedir(r->fs, dir);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(what_is_written_is_read_and_protected),
		CASE(stat_shows_the_plaintext),
		CASE(times_survive_a_later_commit),
		CASE(truncation_needs_no_open_but_a_right),
		CASE(a_read_handle_neither_writes_nor_truncates),
		CASE(truncating_open_empties),
		cmocka_unit_test(flags_become_requests),
		CASE(holes_are_found),
		CASE(ranges_are_copied),
		CASE(an_existing_name_is_opened_unless_exclusive),
		CASE(an_unnamed_file_gets_a_name_by_a_link),
		CASE(an_unlinked_file_lives_until_its_last_close),
		CASE(folders_and_links),
		CASE(a_save_keeps_the_protection_of_what_it_replaces),
		CASE(a_plain_file_that_replaces_a_protected_one_becomes_protected),
		CASE(who_may_not_edit_may_not_rename_onto),
		CASE(rename_flags),
		CASE(a_plain_file_is_protected_under_its_node),
		CASE(open_files_stay_over_a_conversion),
		CASE(a_conversion_fences_who_is_not_entitled),
		CASE(a_file_with_several_names_is_not_converted),
		CASE(protection_is_taken_off),
		CASE(attributes),
		CASE(a_changed_file_gets_another_node),
		CASE(an_open_of_a_changed_node_is_stale),
		CASE(a_change_while_it_is_read_is_seen_too),
		CASE(our_own_changes_keep_the_node),
		CASE(withdrawal_fences_every_handle),
		CASE(while_it_drains_the_cache_may_write),
		CASE(draining_the_mount_refuses_opens),
		CASE(a_folder_is_read_in_pieces),
	};
	return CHECK_MAIN(tests);
}
