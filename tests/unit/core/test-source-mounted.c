/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/source-mounted.h"

#include "check.h"

static void
our_lines_are_taken_apart(void **state)
{
	static const struct {
		const char *line, *source, *mount_point;
	} cases[] = {
		{ "42 27 0:39 / /mnt/a rw,nosuid shared:1 - fuse.marque /srv/a "
		  "rw,user_id=0\n",
		  "/srv/a", "/mnt/a" },
		{ "42 27 0:39 / /mnt/a rw - fuse.marque /srv/a rw\n", "/srv/a",
		  "/mnt/a" },
		{ "42 27 0:39 / /mnt/a rw shared:1 master:2 - fuse.marque /srv/a rw",
		  "/srv/a", "/mnt/a" },
		{ "1 2 0:3 / /mnt/a\\040b\\011c rw - fuse.marque /srv/\\134x rw",
		  "/srv/\\x", "/mnt/a b\tc" },
		{ "1 2 0:3 / /mnt/\\9\\04 rw - fuse.marque /s rw", "/s",
		  "/mnt/\\9\\04" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mrq_mount_info mount = { 0 };
		char line[256];
		(void)snprintf(line, sizeof(line), "%s", cases[i].line);
		assert_true(mrq_mountinfo_line(line, &mount));
		assert_string_equal(mount.source, cases[i].source);
		assert_string_equal(mount.mount_point, cases[i].mount_point);
	}
}

static void
other_lines_are_passed_over(void **state)
{
	static const char *const cases[] = {
		"",
		"\n",
		"42",
		"42 27 0:39 / /mnt/a",
		"42 27 0:39 / /mnt/a rw -",
		"42 27 0:39 / /mnt/a rw - fuse.marque",
		"42 27 0:39 / /mnt/a rw - fuse.other /srv/a rw",
		"42 27 0:39 / /mnt/a rw - ext4 fuse.marque rw",
		"42 27 0:39 / /mnt/a rw fuse.marque /srv/a rw",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct mrq_mount_info mount = { 0 };
		char line[256];
		(void)snprintf(line, sizeof(line), "%s", cases[i]);
		assert_false(mrq_mountinfo_line(line, &mount));
	}
}

static void
a_folder_holds_itself_and_what_is_below(void **state)
{
	(void)state;
	assert_true(mrq_path_is_below("/srv/a", "/srv/a"));
	assert_true(mrq_path_is_below("/srv/a", "/srv/a/b/c"));
	assert_true(mrq_path_is_below("/srv/a/", "/srv/a/b"));
	assert_true(mrq_path_is_below("/", "/srv"));
	assert_false(mrq_path_is_below("/srv/a", "/srv/ab"));
	assert_false(mrq_path_is_below("/srv/a", "/srv"));
}

static void
no_source_is_not_found(void **state)
{
	struct mrq_error err = { 0 };
	char mount_point[64] = "untouched";

	(void)state;
	check_status(mrq_source_mount("/nowhere/at/all", mount_point,
				      sizeof(mount_point), &err),
		     MRQ_E_NOT_FOUND, &err);
	assert_string_equal(mount_point, "untouched");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_lines_are_taken_apart),
		cmocka_unit_test(other_lines_are_passed_over),
		cmocka_unit_test(a_folder_holds_itself_and_what_is_below),
		cmocka_unit_test(no_source_is_not_found),
	};

	return CHECK_MAIN(tests);
}
