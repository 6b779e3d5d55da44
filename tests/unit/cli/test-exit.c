/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "exit.h"

#include <errno.h>

#include "check.h"

/* marque(1), "EXIT STATUS", row for row. */
static void
codes_are_those_of_the_manual(void **state)
{
	static const struct {
		enum mrq_status status;
		int code;
	} rows[] = {
		{ MRQ_OK, 0 },        { MRQ_E_INVAL, 2 },    { MRQ_E_NOMEM, 1 },
		{ MRQ_E_SYS, 1 },     { MRQ_E_CONFIG, 2 },   { MRQ_E_FORMAT, 5 },
		{ MRQ_E_VERSION, 1 }, { MRQ_E_LIMIT, 1 },    { MRQ_E_FORGED, 5 },
		{ MRQ_E_DAMAGED, 5 }, { MRQ_E_ROLLBACK, 5 }, { MRQ_E_NOT_FOUND, 1 },
		{ MRQ_E_EXISTS, 1 },  { MRQ_E_BUSY, 1 },     { MRQ_E_UNSUPPORTED, 1 },
		{ MRQ_E_PLAIN, 1 },   { MRQ_E_DENIED, 3 },   { MRQ_E_POLICY, 3 },
		{ MRQ_E_EXPIRED, 3 }, { MRQ_E_REVOKED, 3 },  { MRQ_E_NO_KEY, 4 },
		{ MRQ_E_CLOCK, 4 },   { MRQ_E_AUDIT, 3 },    { MRQ_E_PASSPHRASE, 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(cli_exit_code(rows[i].status), rows[i].code);
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), MRQ_E_PASSPHRASE + 1);
}

/* The errno of a mount, marquefs(8), come back as what they were. */
static void
errno_of_a_mount_is_a_status(void **state)
{
	(void)state;
	assert_int_equal(cli_status_of_errno(EACCES), MRQ_E_DENIED);
	assert_int_equal(cli_status_of_errno(EPERM), MRQ_E_POLICY);
	assert_int_equal(cli_status_of_errno(EKEYEXPIRED), MRQ_E_EXPIRED);
	assert_int_equal(cli_status_of_errno(EKEYREVOKED), MRQ_E_REVOKED);
	assert_int_equal(cli_status_of_errno(ENOKEY), MRQ_E_NO_KEY);
	assert_int_equal(cli_status_of_errno(EIO), MRQ_E_DAMAGED);
	assert_int_equal(cli_status_of_errno(ENOSPC), MRQ_E_SYS);
	assert_int_equal(cli_status_of_errno(0), MRQ_E_SYS);
}

static int
outcome_of(size_t done, const enum mrq_status *failures, size_t n)
{
	struct cli_outcome outcome = { .done = done };

	for (size_t i = 0; i < n; i++)
		cli_outcome_fail(&outcome, failures[i]);
	return cli_outcome_code(&outcome);
}

static void
an_outcome_is_its_failures(void **state)
{
	const enum mrq_status denied[] = { MRQ_E_DENIED, MRQ_E_REVOKED };
	const enum mrq_status mixed[] = { MRQ_E_DENIED, MRQ_E_NO_KEY, MRQ_E_DENIED };
	const enum mrq_status damaged[] = { MRQ_E_DENIED, MRQ_E_DAMAGED, MRQ_E_SYS };

	(void)state;
	assert_int_equal(outcome_of(0, NULL, 0), CLI_EXIT_DONE);
	assert_int_equal(outcome_of(3, NULL, 0), CLI_EXIT_DONE);
	assert_int_equal(outcome_of(0, denied, 2), CLI_EXIT_DENIED);
	assert_int_equal(outcome_of(1, denied, 2), CLI_EXIT_SOME);
	assert_int_equal(outcome_of(0, mixed, 3), CLI_EXIT_SOME);
	assert_int_equal(outcome_of(0, damaged, 3), CLI_EXIT_DAMAGED);
	assert_int_equal(outcome_of(9, damaged, 3), CLI_EXIT_DAMAGED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_manual),
		cmocka_unit_test(errno_of_a_mount_is_a_status),
		cmocka_unit_test(an_outcome_is_its_failures),
	};

	return CHECK_MAIN(tests);
}
