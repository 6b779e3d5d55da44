/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_POLICY_TEXT_H
#define MRQ_POLICY_TEXT_H

/*
 * Comparing names without the case of ASCII letters; all other bytes must be equal.  Not
 * strcasecmp: that follows the locale, and a decision must not.
 */
#include <stdbool.h>
#include <stddef.h>

static inline char
mrq_ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/** True when the NUL-terminated b is the len bytes of a, but for case. */
static inline bool
mrq_text_equal_n(const char *a, size_t len, const char *b)
{
	size_t i = 0;

	while (i < len && b[i] != '\0' &&
	       mrq_ascii_lower(a[i]) == mrq_ascii_lower(b[i]))
		i++;
	return i == len && b[i] == '\0';
}

static inline bool
mrq_text_equal(const char *a, const char *b)
{
	while (*a && mrq_ascii_lower(*a) == mrq_ascii_lower(*b)) {
		a++;
		b++;
	}
	return *a == *b;
}

#endif
