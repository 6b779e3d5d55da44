/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "base/mountinfo.h"
#include "base/runtime.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <unistd.h>

static const char sample[] =
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
	"30 22 0:41 / /mnt/a\\040b rw,nosuid,nodev shared:2 master:1 - fuse.marque "
	"/srv/a\\134b rw,user_id=0,group_id=0,default_permissions,allow_other\n"
	"31 22 0:42 / /mnt/c rw - fuse.marque /srv/c rw,user_id=1000,group_id=1000\n"
	"32 31 0:43 / /mnt/c rw - tmpfs none rw\n"
	"33 22 0:44 / /mnt/d rw - fuse.marque  rw\n"
	"34 22 0:45 / /mnt/e rw shared:3\n"
	"35 22 x:y / /mnt/f rw - tmpfs none rw\n"
	"\n"
	"36 22 0:46 / /mnt/g rw - tmpfs none";

static void
fields_are_told_apart(void **state)
{
	struct mrq_mounts m MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(mrq_mounts_parse(sample, sizeof(sample) - 1, &m, &err), &err);
	assert_int_equal(m.n, 6);
	assert_string_equal(m.items[0].point, "/");
	assert_string_equal(m.items[0].type, "ext4");
	assert_string_equal(m.items[0].source, "/dev/sda1");
	assert_int_equal(m.items[0].major, 8);
	assert_int_equal(m.items[0].minor, 1);
	assert_string_equal(m.items[1].point, "/mnt/a b");
	assert_string_equal(m.items[1].source, "/srv/a\\b");
	/* An empty source is a source. */
	assert_string_equal(m.items[4].point, "/mnt/d");
	assert_string_equal(m.items[4].source, "");
	assert_string_equal(m.items[5].options, "");
}

static void
the_mount_on_top_is_found(void **state)
{
	struct mrq_mounts m MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(mrq_mounts_parse(sample, sizeof(sample) - 1, &m, &err), &err);
	assert_string_equal(mrq_mounts_at(&m, "/mnt/c")->type, "tmpfs");
	assert_null(mrq_mounts_at(&m, "/mnt"));
	assert_string_equal(mrq_mounts_of(&m, makedev(0, 42), MRQ_MOUNT_TYPE)->point,
			    "/mnt/c");
	assert_null(mrq_mounts_of(&m, makedev(0, 43), MRQ_MOUNT_TYPE));
}

static void
the_user_stands_in_the_options(void **state)
{
	struct mrq_mount m = { .options = "rw,user_id=0,group_id=5" };

	(void)state;
	assert_int_equal(mrq_mount_user(&m), 0);
	m.options = "user_id=4294967294";
	assert_int_equal(mrq_mount_user(&m), 4294967294u);
	m.options = "rw,xuser_id=7,group_id=7";
	assert_true(mrq_mount_user(&m) == (uid_t)-1);
	m.options = "rw,user_id=x";
	assert_true(mrq_mount_user(&m) == (uid_t)-1);
	m.options = "";
	assert_true(mrq_mount_user(&m) == (uid_t)-1);
}

static void
any_text_is_survived(void **state)
{
	static const char letters[] = "0 1:/a-\\04\n";
	uint64_t seed = UINT64_C(0x5eed3011);

	(void)state;
	for (int i = 0; i < 5000; i++) {
		struct mrq_mounts m MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
		struct mrq_error err = { 0 };
		char text[80];
		size_t len = check_next(&seed) % sizeof(text);
		for (size_t k = 0; k < len; k++)
			text[k] = letters[check_next(&seed) % (sizeof(letters) - 1)];
		check_ok(mrq_mounts_parse(text, len, &m, &err), &err);
	}
	struct mrq_mounts m = { 0 };
	struct mrq_error err = { 0 };
	check_status(mrq_mounts_parse("", (size_t)MRQ_MOUNTINFO_MAX + 1, &m, &err),
		     MRQ_E_LIMIT, &err);
}

static void
our_own_list_has_a_root(void **state)
{
	struct mrq_mounts m MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	struct mrq_error err = { 0 };

	(void)state;
	check_ok(mrq_mounts_load(&m, &err), &err);
	assert_non_null(mrq_mounts_at(&m, "/"));
}

static void
runtime_folders(void **state)
{
	char path[MRQ_RUNTIME_PATH_MAX];

	(void)state;
	mrq_runtime_folder(0, path);
	assert_string_equal(path, "/run/marque");
	/* Nobody has that uid, so there is no /run/user of it. */
	mrq_runtime_folder(4294967293u, path);
	assert_string_equal(path, "/tmp/marque-4294967293");
}

static void
a_runtime_folder_of_somebody_else_is_refused(void **state)
{
	struct mrq_error err = { 0 };
	char path[MRQ_RUNTIME_PATH_MAX];
	int fd = -1;

	(void)state;
	mrq_runtime_folder(4294967293u, path);
	check_status(mrq_runtime_open(4294967293u, &fd, &err), MRQ_E_NOT_FOUND, &err);
	assert_int_equal(mkdir(path, 0700), 0);
	check_status(mrq_runtime_open(4294967293u, &fd, &err), MRQ_E_DENIED, &err);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("/", path), 0);
	check_status(mrq_runtime_open(4294967293u, &fd, &err), MRQ_E_SYS, &err);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fd, -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_told_apart),
		cmocka_unit_test(the_mount_on_top_is_found),
		cmocka_unit_test(the_user_stands_in_the_options),
		cmocka_unit_test(any_text_is_survived),
		cmocka_unit_test(our_own_list_has_a_root),
		cmocka_unit_test(runtime_folders),
		cmocka_unit_test(a_runtime_folder_of_somebody_else_is_refused),
	};

	return CHECK_MAIN(tests);
}
