/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Status of paths that lie in no mount. */
#include <errno.h>
#include <sys/xattr.h>

#include "world.h"

/** Anybody may give a file of theirs an attribute that looks like a mount's answer. */
static void
test_an_attribute_is_no_answer_of_a_mount(void **state)
{
	static const char lie[] = "{\"protected\":true,\"signature_verified\":true,"
				  "\"content_id\":\"6ba7b810-9dad-41d1-80b4-"
				  "00c04fd430c8\"}";
	struct world *w = *state;
	struct mrq_error err = { 0 };
	char path[128], *json = NULL;
	(void)snprintf(path, sizeof(path), "%s/plain.txt", w->dir);
	world_write(path, "plain", "");
	if (setxattr(path, "user.marque.status", lie, strlen(lie), 0) != 0) {
		assert_true(errno == EOPNOTSUPP || errno == EPERM);
		skip();
	}
	check_ok(mrq_path_status(w->session, path, &json, &err), &err);
	assert_non_null(strstr(json, "\"protected\":false"));
	assert_null(strstr(json, "signature_verified"));
	free(json);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)
	static const struct CMUnitTest tests[] = {
		CASE(test_an_attribute_is_no_answer_of_a_mount),
	};
	return CHECK_MAIN(tests);
}
