/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_LOG_H
#define MRQ_BASE_LOG_H

/*
 * The log hook.  Libraries do not print: they call mrq_log, and the program that
 * set a sink decides where it goes (stderr, syslog).  Without a sink it is dropped.
 */
#include <marque/error.h>

enum mrq_log_level { MRQ_LOG_ERROR, MRQ_LOG_WARNING, MRQ_LOG_NOTICE, MRQ_LOG_DEBUG };

typedef void (*mrq_log_sink)(enum mrq_log_level level, const char *msg, void *arg);

/** Set before threads start. */
/* One hook per process: exported, so that program and library share it. */
MRQ_API void mrq_log_set_sink(mrq_log_sink sink, enum mrq_log_level max, void *arg);
MRQ_API void mrq_log(enum mrq_log_level level, const char *fmt, ...) MRQ_PRINTF(2, 3);

#endif
