/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/place.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

static void
below_is_a_matter_of_whole_names(void **state)
{
	(void)state;
	assert_true(mrq_place_is_below("/a", "/a"));
	assert_true(mrq_place_is_below("/a", "/a/b"));
	assert_true(mrq_place_is_below("/a/", "/a/b"));
	assert_true(mrq_place_is_below("/", "/a"));
	assert_false(mrq_place_is_below("/a", "/ab"));
	assert_false(mrq_place_is_below("/a/b", "/a"));
}

static void
fuse_conf_is_read_as_fusermount_does(void **state)
{
	(void)state;
	assert_true(mrq_place_allows_other("user_allow_other"));
	assert_true(
		mrq_place_allows_other("# x\nmount_max = 9\n\tuser_allow_other  \n"));
	assert_true(mrq_place_allows_other("user_allow_other # yes\n"));
	assert_false(mrq_place_allows_other(""));
	assert_false(mrq_place_allows_other("#user_allow_other\n"));
	assert_false(mrq_place_allows_other("user_allow_others\n"));
	assert_false(mrq_place_allows_other("user_allow_other = no\n"));
}

/* ---- with folders; these need the device, as the check for it comes first ---- */

struct folders {
	char top[40], source[64], point[64], file[64], inside[80];
};

static bool
make_folders(struct folders *f)
{
	if (access("/dev/fuse", R_OK | W_OK) != 0)
		return false;
	*f = (struct folders){ .top = "/tmp/marque-place-XXXXXX" };
	assert_non_null(mkdtemp(f->top));
	(void)snprintf(f->source, sizeof(f->source), "%s/source", f->top);
	(void)snprintf(f->point, sizeof(f->point), "%s/point", f->top);
	(void)snprintf(f->file, sizeof(f->file), "%s/file", f->top);
	(void)snprintf(f->inside, sizeof(f->inside), "%s/inside", f->source);
	assert_int_equal(mkdir(f->source, 0700) | mkdir(f->point, 0700) |
				 mkdir(f->inside, 0700),
			 0);
	int fd = open(f->file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	return true;
}

static void
remove_folders(const struct folders *f)
{
	(void)unlink(f->file);
	(void)rmdir(f->inside);
	(void)rmdir(f->source);
	(void)rmdir(f->point);
	assert_int_equal(rmdir(f->top), 0);
}

static enum mrq_status
take(const char *source, const char *point, bool shared, struct mrq_place *ret,
     struct mrq_error *err)
{
	const struct mrq_place_wish wish = {
		.source = source,
		.mount_point = point,
		.root = geteuid() == 0,
		.shared = shared,
	};

	return mrq_place_take(&wish, ret, err);
}

static void
refused(const char *source, const char *point, enum mrq_status want, const char *names)
{
	struct mrq_place p MRQ_CLEANUP(mrq_place_clear) = { .source_fd = -1,
							    .lock_fd = -1 };
	struct mrq_error err = { 0 };

	check_status(take(source, point, false, &p, &err), want, &err);
	assert_non_null(strstr(err.msg, names));
}

static void
wrong_places_are_named(void **state)
{
	struct folders f;

	(void)state;
	if (!make_folders(&f))
		skip();
	char none[80];
	(void)snprintf(none, sizeof(none), "%s/none", f.top);
	refused(none, f.point, MRQ_E_NOT_FOUND, none);
	refused(f.source, none, MRQ_E_NOT_FOUND, none);
	refused(f.file, f.point, MRQ_E_UNSUPPORTED, "not a folder");
	refused(f.source, f.file, MRQ_E_UNSUPPORTED, "not a folder");
	refused(f.source, f.source, MRQ_E_UNSUPPORTED, "over itself");
	refused(f.source, f.inside, MRQ_E_UNSUPPORTED, "inside the source");
	refused(f.inside, f.source, MRQ_E_UNSUPPORTED, "inside the mount point");
	/* Also when ".." or a link hides it. */
	char hidden[120];
	(void)snprintf(hidden, sizeof(hidden), "%s/../source/./inside", f.point);
	refused(f.source, hidden, MRQ_E_UNSUPPORTED, "inside the source");
	assert_int_equal(unlink(f.file), 0);
	assert_int_equal(symlink("source/inside", f.file), 0);
	refused(f.source, f.file, MRQ_E_UNSUPPORTED, "inside the source");
	remove_folders(&f);
}

static void
a_source_is_mounted_once_unless_shared(void **state)
{
	struct folders f;
	struct mrq_place a = { .source_fd = -1, .lock_fd = -1 };
	struct mrq_place b = { .source_fd = -1, .lock_fd = -1 };
	struct mrq_error err = { 0 };

	(void)state;
	if (geteuid() != 0 || !make_folders(&f))
		skip();
	check_ok(take(f.source, f.point, false, &a, &err), &err);
	assert_string_equal(a.source, f.source);
	assert_string_equal(a.mount_point, f.point);
	check_status(take(f.source, f.point, false, &b, &err), MRQ_E_BUSY, &err);
	assert_non_null(strstr(err.msg, f.source));
	mrq_place_clear(&b);
	check_status(take(f.source, f.point, true, &b, &err), MRQ_E_BUSY, &err);
	mrq_place_clear(&b);
	mrq_place_clear(&a);
	check_ok(take(f.source, f.point, true, &a, &err), &err);
	check_ok(take(f.source, f.point, true, &b, &err), &err);
	mrq_place_clear(&b);
	check_status(take(f.source, f.point, false, &b, &err), MRQ_E_BUSY, &err);
	mrq_place_clear(&b);
	mrq_place_clear(&a);
	remove_folders(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(below_is_a_matter_of_whole_names),
		cmocka_unit_test(fuse_conf_is_read_as_fusermount_does),
		cmocka_unit_test(wrong_places_are_named),
		cmocka_unit_test(a_source_is_mounted_once_unless_shared),
	};

	return CHECK_MAIN(tests);
}
