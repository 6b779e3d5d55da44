/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_TYPES_H
#define MARQUE_TYPES_H

/* Small value types that several headers share. */
#include <stdint.h>

/** A 128-bit identifier; bytes in the order of the text form (RFC 9562). */
struct mrq_guid {
	uint8_t bytes[16];
};

#define MRQ_MAIL_MAX      255  /* bytes of a mail address, NUL not counted */
#define MRQ_PRINCIPAL_MAX 262  /* "domain:" and a mail address */
#define MRQ_NAME_MAX      255  /* bytes of a label or template name */
#define MRQ_TEXT_MAX      1024 /* bytes of a justification or description */

#endif
