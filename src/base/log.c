/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define LINE_MAX_BYTES 2048

static mrq_log_sink log_sink; /* these three are written before threads start */
static enum mrq_log_level log_max;
static void *log_arg;

void
mrq_log_set_sink(mrq_log_sink sink, enum mrq_log_level max, void *arg)
{
	log_sink = sink;
	log_max = max;
	log_arg = arg;
}

void
mrq_log(enum mrq_log_level level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	int saved = errno;
	va_list ap;

	if (!log_sink || level > log_max)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	mrq_blunt_controls(line);
	log_sink(level, line, log_arg);
	errno = saved;
}
