/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clock.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define YEAR_1     INT64_C(-62135596800)
#define YEAR_10000 INT64_C(253402300800)

int64_t
mrq_clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	return ts.tv_sec;
}

int64_t
mrq_clock_monotonic_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void
mrq_time_format(int64_t when, char ret[static MRQ_TIME_TEXT])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (when == MRQ_NEVER) {
		(void)snprintf(ret, MRQ_TIME_TEXT, "never");
	} else if (when < YEAR_1 || when >= YEAR_10000 || !gmtime_r(&t, &tm)) {
		(void)snprintf(ret, MRQ_TIME_TEXT, "@%lld", (long long)when);
	} else {
		/* %Y does not fill up years below 1000. */
		(void)snprintf(ret, MRQ_TIME_TEXT, "%04u",
			       (tm.tm_year + 1900u) % 10000u);
		(void)strftime(ret + 4, MRQ_TIME_TEXT - 4, "-%m-%dT%H:%M:%SZ", &tm);
	}
}

/* Exactly n digits; *at moves past them. */
static bool
take_digits(const char **at, int n, int *ret)
{
	int v = 0;

	for (int i = 0; i < n; i++, (*at)++) {
		if (**at < '0' || **at > '9')
			return false;
		v = 10 * v + (**at - '0');
	}
	*ret = v;
	return true;
}

static bool
take_char(const char **at, const char *allowed)
{
	if (**at == '\0' || !strchr(allowed, **at))
		return false;
	(*at)++;
	return true;
}

/* Any number of digits, at least one, within int64_t. */
static bool
take_number(const char **at, int64_t *ret)
{
	int64_t v = 0;

	if (**at < '0' || **at > '9')
		return false;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, **at - '0', &v))
			return false;
	}
	*ret = v;
	return true;
}

static int
days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static bool
take_date(const char **at, struct tm *tm)
{
	int year, month, day;

	if (!take_digits(at, 4, &year) || !take_char(at, "-") ||
	    !take_digits(at, 2, &month) || !take_char(at, "-") ||
	    !take_digits(at, 2, &day))
		return false;
	if (year < 1 || month < 1 || month > 12 || day < 1 ||
	    day > days_in_month(year, month))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

/* hh:mm:ss with a fraction, which is dropped; second 60 is a leap second. */
static bool
take_time(const char **at, struct tm *tm)
{
	int64_t fraction;

	if (!take_digits(at, 2, &tm->tm_hour) || !take_char(at, ":") ||
	    !take_digits(at, 2, &tm->tm_min) || !take_char(at, ":") ||
	    !take_digits(at, 2, &tm->tm_sec))
		return false;
	if (tm->tm_hour > 23 || tm->tm_min > 59 || tm->tm_sec > 60)
		return false;
	return !take_char(at, ".") || take_number(at, &fraction);
}

/* Z or +hh:mm or -hh:mm, as seconds east of UTC. */
static bool
take_zone(const char **at, int *ret)
{
	int hours, minutes;

	if (take_char(at, "Zz")) {
		*ret = 0;
		return true;
	}
	int sign = **at == '-' ? -1 : 1;
	if (!take_char(at, "+-") || !take_digits(at, 2, &hours) ||
	    !take_char(at, ":") || !take_digits(at, 2, &minutes) || hours > 23 ||
	    minutes > 59)
		return false;
	*ret = sign * (hours * 3600 + minutes * 60);
	return true;
}

static bool
parse_calendar(const char *text, int64_t *ret)
{
	struct tm tm = { 0 };
	int zone = 0;

	if (!take_date(&text, &tm))
		return false;
	if (*text != '\0' && (!take_char(&text, "Tt ") || !take_time(&text, &tm) ||
			      !take_zone(&text, &zone) || *text != '\0'))
		return false;
	*ret = (int64_t)timegm(&tm) - zone;
	return true;
}

static int64_t
unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 604800;
	default:
		return 0;
	}
}

static bool
parse_span(const char *text, int64_t now, int64_t *ret)
{
	int64_t n, when;

	if (!take_number(&text, &n))
		return false;
	int64_t unit = unit_seconds(*text);
	if (unit == 0 || text[1] != '\0' || __builtin_mul_overflow(n, unit, &n) ||
	    __builtin_add_overflow(now, n, &when) || when == MRQ_NEVER)
		return false;
	*ret = when;
	return true;
}

static bool
parse_seconds(const char *text, int64_t *ret)
{
	bool minus = take_char(&text, "-");
	int64_t n;

	if (!take_number(&text, &n) || *text != '\0')
		return false;
	*ret = minus ? -n : n;
	return true;
}

bool
mrq_time_parse(const char *text, int64_t now, int64_t *ret)
{
	if (strcmp(text, "never") == 0) {
		*ret = MRQ_NEVER;
		return true;
	}
	if (*text == '+')
		return parse_span(text + 1, now, ret);
	if (*text == '@')
		return parse_seconds(text + 1, ret);
	return parse_calendar(text, ret);
}
