/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/error.h"

#include "check.h"

#include <errno.h>

static void
fail_fills_and_returns(void **state)
{
	struct mrq_error err;

	(void)state;
	assert_int_equal(mrq_fail(&err, MRQ_E_EXPIRED, "licence %s expired", "L-42"),
			 MRQ_E_EXPIRED);
	assert_int_equal(err.status, MRQ_E_EXPIRED);
	assert_int_equal(err.sys_errno, 0);
	assert_string_equal(err.msg, "licence L-42 expired");
}

static void
fail_sys_keeps_errno(void **state)
{
	struct mrq_error err;

	(void)state;
	errno = ENOENT;
	assert_int_equal(mrq_fail_sys(&err, "cannot open '%s'", "x"), MRQ_E_SYS);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err.sys_errno, ENOENT);
	assert_string_equal(err.msg, "cannot open 'x': No such file or directory");
	errno = 99999;
	(void)mrq_fail_sys(&err, "cannot");
	assert_string_equal(err.msg, "cannot: unknown error");
}

static void
while_puts_context_in_front(void **state)
{
	struct mrq_error err;

	(void)state;
	errno = EIO;
	(void)mrq_fail_sys(&err, "cannot read");
	assert_int_equal(mrq_while(&err, MRQ_E_SYS, "opening '%s'", "q3"), MRQ_E_SYS);
	assert_string_equal(err.msg, "opening 'q3': cannot read: Input/output error");
	assert_int_equal(err.sys_errno, EIO);
}

static void
null_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(mrq_fail(NULL, MRQ_E_LIMIT, "x"), MRQ_E_LIMIT);
	assert_int_equal(mrq_fail_sys(NULL, "x"), MRQ_E_SYS);
	assert_int_equal(mrq_while(NULL, MRQ_E_LIMIT, "x"), MRQ_E_LIMIT);
}

static void
long_messages_are_cut(void **state)
{
	struct mrq_error err;
	char text[2000];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	(void)mrq_fail(&err, MRQ_E_INVAL, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	(void)mrq_while(&err, MRQ_E_INVAL, "b");
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "b: aaa", 6);
	(void)mrq_while(&err, MRQ_E_INVAL, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	errno = EIO;
	(void)mrq_fail_sys(&err, "%s", text);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

static void
own_message_may_be_an_argument(void **state)
{
	struct mrq_error err;

	(void)state;
	(void)mrq_fail(&err, MRQ_E_INVAL, "inner");
	(void)mrq_fail(&err, MRQ_E_CONFIG, "outer (%s)", err.msg);
	assert_string_equal(err.msg, "outer (inner)");
}

static void
control_characters_are_blunted(void **state)
{
	struct mrq_error err;
	char text[] = "\xc2\x9b"
		      "1m \xc3\xa9\xc2\xa9";

	(void)state;
	(void)mrq_fail(&err, MRQ_E_INVAL, "a\nb\x1b[31m\x7f");
	assert_string_equal(err.msg, "a?b?[31m?");
	(void)mrq_while(&err, MRQ_E_INVAL, "x\r");
	assert_string_equal(err.msg, "x?: a?b?[31m?");
	mrq_blunt_controls(text);
	assert_string_equal(text, "\xc2?1m \xc3\xa9\xc2\xa9");
}

static void
every_status_has_its_own_name(void **state)
{
	(void)state;
	for (int i = MRQ_OK; i <= MRQ_E_PASSPHRASE; i++) {
		const char *name = mrq_status_name((enum mrq_status)i);
		assert_string_not_equal(name, "unknown");
		assert_int_equal(name[strspn(name, "abcdefghijklmnopqrstuvwxyz-")], 0);
		for (int j = MRQ_OK; j < i; j++)
			assert_string_not_equal(name,
						mrq_status_name((enum mrq_status)j));
	}
	assert_string_equal(mrq_status_name((enum mrq_status)999), "unknown");
	assert_string_equal(mrq_status_name(MRQ_E_NO_KEY), "no-key");
}

static enum mrq_status
tries(enum mrq_status s, int *after)
{
	MRQ_TRY(s);
	*after = 1;
	return MRQ_OK;
}

static void
try_passes_failures_on(void **state)
{
	int after = 0;

	(void)state;
	assert_int_equal(tries(MRQ_E_BUSY, &after), MRQ_E_BUSY);
	assert_int_equal(after, 0);
	assert_int_equal(tries(MRQ_OK, &after), MRQ_OK);
	assert_int_equal(after, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fail_fills_and_returns),
		cmocka_unit_test(fail_sys_keeps_errno),
		cmocka_unit_test(while_puts_context_in_front),
		cmocka_unit_test(null_is_accepted),
		cmocka_unit_test(long_messages_are_cut),
		cmocka_unit_test(own_message_may_be_an_argument),
		cmocka_unit_test(control_characters_are_blunted),
		cmocka_unit_test(every_status_has_its_own_name),
		cmocka_unit_test(try_passes_failures_on),
	};

	return CHECK_MAIN(tests);
}
