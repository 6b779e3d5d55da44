/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "fs/reply.h"

#include <errno.h>

static void
each_status_has_its_errno(void **state)
{
	static const struct {
		enum mrq_status status;
		int want;
	} table[] = {
		{ MRQ_OK, 0 },
		{ MRQ_E_INVAL, EINVAL },
		{ MRQ_E_NOMEM, ENOMEM },
		{ MRQ_E_CONFIG, EINVAL },
		{ MRQ_E_FORMAT, EIO },
		{ MRQ_E_VERSION, EIO },
		{ MRQ_E_LIMIT, EFBIG },
		{ MRQ_E_FORGED, EIO },
		{ MRQ_E_DAMAGED, EIO },
		{ MRQ_E_ROLLBACK, EIO },
		{ MRQ_E_NOT_FOUND, ENODATA },
		{ MRQ_E_EXISTS, EEXIST },
		{ MRQ_E_BUSY, EBUSY },
		{ MRQ_E_UNSUPPORTED, EOPNOTSUPP },
		{ MRQ_E_PLAIN, ENODATA },
		{ MRQ_E_DENIED, EACCES },
		{ MRQ_E_POLICY, EPERM },
		{ MRQ_E_EXPIRED, EKEYEXPIRED },
		{ MRQ_E_REVOKED, EKEYREVOKED },
		{ MRQ_E_NO_KEY, ENOKEY },
		{ MRQ_E_CLOCK, ENOKEY },
		{ MRQ_E_AUDIT, EACCES },
		{ MRQ_E_PASSPHRASE, ENOKEY },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(mrq_reply_errno(table[i].status, NULL), table[i].want);
}

static void
a_failed_call_keeps_its_errno(void **state)
{
	struct mrq_error err = { 0 };
	(void)state;
	check_status(mrq_fail_errno(&err, ENAMETOOLONG), MRQ_E_SYS, &err);
	assert_int_equal(mrq_reply_errno(MRQ_E_SYS, &err), ENAMETOOLONG);
	assert_int_equal(err.msg[0], '\0');
}

static void
no_failure_is_answered_as_success(void **state)
{
	struct mrq_error err = { .status = MRQ_E_SYS, .sys_errno = 0 };
	(void)state;
	assert_int_equal(mrq_reply_errno(MRQ_E_SYS, &err), EIO);
	assert_int_equal(mrq_reply_errno(MRQ_E_SYS, NULL), EIO);
	assert_int_equal(mrq_reply_errno((enum mrq_status)9999, NULL), EIO);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_status_has_its_errno),
		cmocka_unit_test(a_failed_call_keeps_its_errno),
		cmocka_unit_test(no_failure_is_answered_as_success),
	};
	return CHECK_MAIN(tests);
}
