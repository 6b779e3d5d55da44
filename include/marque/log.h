/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_LOG_H
#define MARQUE_LOG_H

/*
 * The log hook.  The library does not print: it logs, and the program that set a sink decides
 * where that goes (stderr, syslog).  Without a sink it is dropped.
 */
#include <marque/error.h>

enum mrq_log_level { MRQ_LOG_ERROR, MRQ_LOG_WARNING, MRQ_LOG_NOTICE, MRQ_LOG_DEBUG };

/** Called from any thread, with a sentence without secrets and control characters. */
typedef void (*mrq_log_sink)(enum mrq_log_level level, const char *msg, void *arg);

/** Send what is of level max or more urgent to sink.  Set before threads start; NULL: drop it. */
MRQ_API void mrq_log_set_sink(mrq_log_sink sink, enum mrq_log_level max, void *arg);
/** Log a sentence through the one hook of the process, as the library itself does. */
MRQ_API void mrq_log(enum mrq_log_level level, const char *fmt, ...) MRQ_PRINTF(2, 3);

#endif
