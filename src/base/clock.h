/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_CLOCK_H
#define MRQ_BASE_CLOCK_H

/* The one place that reads clocks; all else takes the time as an argument. */
#include <stdbool.h>
#include <stdint.h>

#define MRQ_NEVER     INT64_MAX /* a time that does not come */
#define MRQ_TIME_TEXT 32        /* bytes of the text form with its NUL */

/** Unix seconds, UTC. */
int64_t mrq_clock_now(void);
/** CLOCK_MONOTONIC nanoseconds. */
int64_t mrq_clock_monotonic_ns(void);
/** RFC 3339 in UTC, "2026-03-01T10:00:00Z"; "never" for MRQ_NEVER; "@N" outside years 1-9999. */
void mrq_time_format(int64_t when, char ret[static MRQ_TIME_TEXT]);
/** RFC 3339, a date (its first second, UTC), "+N[smhdw]" from now, "@N" or "never". */
bool mrq_time_parse(const char *text, int64_t now, int64_t *ret);

#endif
