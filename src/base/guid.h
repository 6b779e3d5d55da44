/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_GUID_H
#define MRQ_BASE_GUID_H

/*
 * 128-bit identifiers (label, template, content, file).  Bytes in the order of the text
 * form, RFC 9562 section 4; text is 36 lower-case characters.
 */
#include <stdbool.h>
#include <stdint.h>

#include <marque/types.h>

#define MRQ_GUID_TEXT 37 /* bytes of the text form with its NUL */

void mrq_guid_format(const struct mrq_guid *id, char ret[static MRQ_GUID_TEXT]);
/** False when text is not a GUID (36 characters, any case). */
bool mrq_guid_parse(const char *text, struct mrq_guid *ret);
bool mrq_guid_equal(const struct mrq_guid *a, const struct mrq_guid *b);
bool mrq_guid_is_nil(const struct mrq_guid *id);

#endif
