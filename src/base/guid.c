/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guid.h"

#include "bytes.h"

#include <string.h>

/* Bytes in each group of the text form, RFC 9562 section 4. */
static const size_t groups[] = { 4, 2, 2, 2, 6 };
#define GROUPS (sizeof(groups) / sizeof(groups[0]))

void
mrq_guid_format(const struct mrq_guid *id, char ret[static MRQ_GUID_TEXT])
{
	const uint8_t *from = id->bytes;
	char *to = ret;

	for (size_t i = 0; i < GROUPS; i++) {
		mrq_hex_encode(from, groups[i], to);
		from += groups[i];
		to += 2 * groups[i];
		if (i + 1 < GROUPS)
			*to++ = '-';
	}
}

bool
mrq_guid_parse(const char *text, struct mrq_guid *ret)
{
	char hex[2 * sizeof(ret->bytes) + 1];
	struct mrq_guid id;
	size_t at = 0;

	if (strnlen(text, MRQ_GUID_TEXT) != MRQ_GUID_TEXT - 1)
		return false;
	for (size_t i = 0; i < GROUPS; i++) {
		memcpy(hex + at, text, 2 * groups[i]);
		at += 2 * groups[i];
		text += 2 * groups[i];
		if (i + 1 < GROUPS && *text++ != '-')
			return false;
	}
	hex[at] = '\0';
	if (!mrq_hex_decode(hex, id.bytes, sizeof(id.bytes)))
		return false;
	*ret = id;
	return true;
}

bool
mrq_guid_equal(const struct mrq_guid *a, const struct mrq_guid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool
mrq_guid_is_nil(const struct mrq_guid *id)
{
	static const struct mrq_guid nil;

	return mrq_guid_equal(id, &nil);
}
