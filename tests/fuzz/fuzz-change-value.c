/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of user.marque.label and user.marque.protect, which any user of a mount writes. */
#include <stdlib.h>

#include "fs/change-value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mrq_change_value v MRQ_CLEANUP(
		mrq_change_value_clear) = { .text = NULL };
	struct mrq_error err = { .status = MRQ_OK };
	enum mrq_status s =
		mrq_change_value_parse((const char *)data, len, 1000000000, &v, &err);
	/* a value is either permissions or a name, never both and never neither */
	if (s == MRQ_OK && (v.permissions.n > 0) == (v.name != NULL))
		abort();
	if (s != MRQ_OK && err.msg[0] == '\0')
		abort();
	return 0;
}
