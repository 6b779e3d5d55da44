/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CHECK_H
#define MRQ_TEST_CHECK_H

/* What unit tests include: cmocka with its prerequisites, and checks of statuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

/** The status is the wanted one; a failure prints both, and the sentence. */
static inline void
check_status_at(enum mrq_status have, enum mrq_status want, const struct mrq_error *err,
		const char *file, int line)
{
	if (have == want)
		return;
	print_error("%s:%d: status '%s', wanted '%s': %s\n", file, line,
		    mrq_status_name(have), mrq_status_name(want),
		    have != MRQ_OK && err ? err->msg : "");
	_fail(file, line);
}

#define check_status(have, want, err)                                                  \
	check_status_at((have), (want), (err), __FILE__, __LINE__)
#define check_ok(have, err) check_status(have, MRQ_OK, err)

/** Random numbers that are the same in every run: xorshift64*, never for secrets. */
static inline uint64_t
check_next(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

static inline int
check_main(const char *name, const struct CMUnitTest *tests, size_t n)
{
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}

#define CHECK_MAIN(tests)                                                              \
	check_main(__FILE__, tests, sizeof(tests) / sizeof((tests)[0]))

#endif
