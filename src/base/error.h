/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_ERROR_H
#define MRQ_BASE_ERROR_H

/*
 * Making errors: at the origin (mrq_fail, mrq_fail_sys), with context put in front
 * (mrq_while), or passed on unchanged (MRQ_TRY).  All accept err == NULL.
 */
#include <marque/error.h>

/** Fill err with status and sentence; returns status. */
enum mrq_status mrq_fail(struct mrq_error *err, enum mrq_status status, const char *fmt,
			 ...) MRQ_PRINTF(3, 4);

/** As mrq_fail with MRQ_E_SYS; keeps errno and appends ": " and its text. */
enum mrq_status mrq_fail_sys(struct mrq_error *err, const char *fmt, ...)
	MRQ_PRINTF(2, 3);

/** Put "CONTEXT: " in front of the message of a failure on its way up; returns status. */
enum mrq_status mrq_while(struct mrq_error *err, enum mrq_status status,
			  const char *fmt, ...) MRQ_PRINTF(3, 4);

/**
 * Replace control characters (C0, DEL and the last byte of UTF-8 C1) by '?': names and values
 * from outside must not steer a terminal or forge a line of a log.  The makers above and
 * mrq_log do so.
 */
void mrq_blunt_controls(char *text);

/** The only macro that returns: pass a failure on unchanged. */
#define MRQ_TRY(expr)                                                                  \
	do {                                                                           \
		enum mrq_status mrq_try_status_ = (expr);                              \
		if (mrq_try_status_ != MRQ_OK)                                         \
			return mrq_try_status_;                                        \
	} while (0)

#endif
