/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include <marque/control.h>

/* Answers of a real mount are in tests/integration/mount-errors.sh. */

static void
what_is_in_no_mount_is_told(void **state)
{
	struct mrq_error err = { 0 };
	char path[64];
	char *answer = NULL;

	(void)state;
	check_status(mrq_control_path("/", path, sizeof(path), &err), MRQ_E_NOT_FOUND,
		     &err);
	assert_non_null(strstr(err.msg, "'/'"));
	check_status(mrq_control_call("/proc", "{\"verb\":\"status\"}", &answer, &err),
		     MRQ_E_NOT_FOUND, &err);
	check_status(mrq_control_path("/no/such/thing", path, sizeof(path), &err),
		     MRQ_E_SYS, &err);
	assert_null(answer);
}

static void
a_request_too_long_is_not_sent(void **state)
{
	struct mrq_error err = { 0 };
	char *text = malloc(MRQ_CONTROL_MESSAGE_MAX + 1), *answer = NULL;

	(void)state;
	memset(text, ' ', MRQ_CONTROL_MESSAGE_MAX);
	text[MRQ_CONTROL_MESSAGE_MAX] = '\0';
	check_status(mrq_control_call("/", text, &answer, &err), MRQ_E_LIMIT, &err);
	assert_null(answer);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_no_mount_is_told),
		cmocka_unit_test(a_request_too_long_is_not_sent),
	};

	return CHECK_MAIN(tests);
}
