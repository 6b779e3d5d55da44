/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* marque.conf: any text is values or a sentence. */
#include <stdlib.h>
#include <string.h>

#include "core/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mrq_config *c = NULL;
	struct mrq_error err = { .status = MRQ_OK };
	if (len > MRQ_CONFIG_MAX)
		return 0;
	char *text MRQ_CLEANUP(free) = calloc(1, len + 1);
	if (!text)
		return 0;
	memcpy(text, data, len);
	enum mrq_status s = mrq_config_parse(text, "fuzz", &c, &err);
	if ((s == MRQ_OK) != (c != NULL) || (s != MRQ_OK && err.msg[0] == '\0'))
		abort();
	mrq_config_free(c);
	return 0;
}
