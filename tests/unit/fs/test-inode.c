/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The inode table, and names below the root. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static void
one_object_per_file(void **state)
{
	struct rig *r = *state;
	rig_behind(r, "a", "x");
	struct mrq_inode *first = rig_find(r, "a"), *second = rig_find(r, "a");
	assert_ptr_equal(first, second);
	assert_int_equal(mrq_table_size(r->fs->table), 2); /* and the root */
	rig_drop(r, first);
	assert_int_equal(mrq_table_size(r->fs->table), 2);
	rig_drop(r, second);
	assert_int_equal(mrq_table_size(r->fs->table), 1);
}

static void
hard_links_are_one_object(void **state)
{
	struct rig *r = *state;
	char from[256], to[256];
	rig_behind(r, "a", "x");
	(void)snprintf(from, sizeof(from), "%s/a", r->source);
	(void)snprintf(to, sizeof(to), "%s/b", r->source);
	assert_int_equal(link(from, to), 0);
	struct mrq_inode *a = rig_find(r, "a"), *b = rig_find(r, "b");
	assert_ptr_equal(a, b);
	mrq_inode_unref(r->fs, a, 2);
}

static void
root_is_never_freed(void **state)
{
	struct rig *r = *state;
	mrq_inode_unref(r->fs, rig_root(r), 1000);
	assert_int_equal(mrq_inode_id(r->fs, rig_root(r)), FUSE_ROOT_ID);
	assert_ptr_equal(mrq_inode_of(r->fs, FUSE_ROOT_ID), rig_root(r));
}

static void
node_ids_lead_back(void **state)
{
	struct rig *r = *state;
	rig_behind(r, "a", "x");
	struct mrq_inode *a = rig_find(r, "a");
	assert_ptr_equal(mrq_inode_of(r->fs, mrq_inode_id(r->fs, a)), a);
	rig_drop(r, a);
}

static void
a_detached_one_is_not_found_again(void **state)
{
	struct rig *r = *state;
	rig_behind(r, "a", "x");
	struct mrq_inode *old = rig_find(r, "a");
	assert_true(mrq_table_detach(r->fs->table, old));
	assert_false(mrq_table_detach(r->fs->table, old));
	struct mrq_inode *fresh = rig_find(r, "a");
	assert_ptr_not_equal(old, fresh);
	assert_true(fresh->generation > old->generation);
	rig_drop(r, old);
	rig_drop(r, fresh);
	assert_int_equal(mrq_table_size(r->fs->table), 1);
}

static void
no_reference_after_the_last(void **state)
{
	struct rig *r = *state;
	rig_behind(r, "a", "x");
	struct mrq_inode *a = rig_find(r, "a");
	assert_true(mrq_inode_try_ref(a));
	mrq_inode_unref(r->fs, a, 2);
	struct mrq_inode gone = { .fd = -1 };
	assert_false(mrq_inode_try_ref(&gone));
}

/** Thousands of inodes: the hash grows, and each is found again. */
static void
the_table_grows(void **state)
{
	enum { N = 3000 };
	struct rig *r = *state;
	static struct mrq_inode *found[N];
	char name[32];
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		rig_behind(r, name, "");
		found[i] = rig_find(r, name);
	}
	assert_true(r->fs->table->n_buckets > 1024);
	for (int i = 0; i < N; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		assert_ptr_equal(rig_find(r, name), found[i]);
		mrq_inode_unref(r->fs, found[i], 2);
	}
	assert_int_equal(mrq_table_size(r->fs->table), 1);
}

static void
paths_are_built_from_names(void **state)
{
	struct rig *r = *state;
	char path[MRQ_FS_PATH_MAX], dir[256];
	(void)snprintf(dir, sizeof(dir), "%s/docs", r->source);
	assert_int_equal(mkdir(dir, 0755), 0);
	rig_behind(r, "docs/q3.txt", "x");
	struct mrq_inode *docs = rig_find(r, "docs");
	struct fuse_entry_param e;
	struct mrq_inode *q3;
	struct mrq_error err = { 0 };
	check_ok(mrq_do_lookup(r->fs, docs, "q3.txt", &e, &q3, &err), &err);
	mrq_path_of(r->fs->table, rig_root(r), path);
	assert_string_equal(path, "/");
	mrq_path_of(r->fs->table, q3, path);
	assert_string_equal(path, "/docs/q3.txt");
	mrq_path_child(r->fs->table, rig_root(r), "new", path);
	assert_string_equal(path, "/new");
	mrq_path_child(r->fs->table, docs, "new", path);
	assert_string_equal(path, "/docs/new");
	rig_drop(r, docs);
	mrq_path_of(r->fs->table, q3, path); /* a child keeps its parent */
	assert_string_equal(path, "/docs/q3.txt");
	rig_drop(r, q3);
	assert_int_equal(mrq_table_size(r->fs->table), 1);
}

static void
a_path_that_does_not_fit_loses_its_front(void **state)
{
	struct rig *r = *state;
	char name[101], path[MRQ_FS_PATH_MAX];
	struct mrq_call call = rig_call(r, getuid());
	struct mrq_inode *at = rig_root(r), *chain[60];
	memset(name, 'd', 100);
	name[100] = '\0';
	for (int i = 0; i < 60; i++) {
		struct fuse_entry_param e;
		struct mrq_error err = { 0 };
		check_ok(mrq_do_mkdir(&call, at, name, 0777, &e, &err), &err);
		at = chain[i] = mrq_inode_of(r->fs, e.ino);
	}
	mrq_path_of(r->fs->table, at, path);
	assert_memory_equal(path, ".../ddd", 7);
	assert_true(strlen(path) < MRQ_FS_PATH_MAX);
	assert_memory_equal(path + strlen(path) - 101, "/ddd", 4);
	for (int i = 59; i >= 0; i--) {
		rig_drop(r, chain[i]);
		struct mrq_error err = { 0 };
		check_ok(
			mrq_do_rmdir(&call, i ? chain[i - 1] : rig_root(r), name, &err),
			&err);
	}
	assert_int_equal(mrq_table_size(r->fs->table), 1);
}

static void
no_name_leaves_the_root(void **state)
{
	struct rig *r = *state;
	char link[256];
	struct stat st;
	int fd;
	struct mrq_error err = { 0 };
	check_status(mrq_path_open(rig_root(r), "..", &fd, &st, &err), MRQ_E_SYS, &err);
	check_status(mrq_path_open(rig_root(r), "/etc", &fd, &st, &err), MRQ_E_SYS,
		     &err);
	(void)snprintf(link, sizeof(link), "%s/out", r->source);
	assert_int_equal(symlink("/etc", link), 0);
	check_status(mrq_path_open(rig_root(r), "out/passwd", &fd, &st, &err),
		     MRQ_E_SYS, &err);
	check_ok(mrq_path_open(rig_root(r), "out", &fd, &st, &err), &err);
	assert_true(S_ISLNK(st.st_mode)); /* the link itself */
	(void)close(fd);
}

static void
proc_paths_are_numbers(void **state)
{
	char path[MRQ_PROC_FD_TEXT];
	(void)state;
	mrq_path_proc(0, path);
	assert_string_equal(path, "/proc/self/fd/0");
	mrq_path_proc(2147483647, path);
	assert_string_equal(path, "/proc/self/fd/2147483647");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(one_object_per_file),
		CASE(hard_links_are_one_object),
		CASE(root_is_never_freed),
		CASE(node_ids_lead_back),
		CASE(a_detached_one_is_not_found_again),
		CASE(no_reference_after_the_last),
		CASE(the_table_grows),
		CASE(paths_are_built_from_names),
		CASE(a_path_that_does_not_fit_loses_its_front),
		CASE(no_name_leaves_the_root),
		cmocka_unit_test(proc_paths_are_numbers),
	};
	return CHECK_MAIN(tests);
}
