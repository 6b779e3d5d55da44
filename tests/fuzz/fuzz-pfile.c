/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The clear part of a .pfile, as it lies in a share that anybody may write to. */
#include "format/pfile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
check_within(const struct mrq_pfile_span *span, size_t len)
{
	if (span->len > 0 && (span->off > len || span->len > len - span->off))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mrq_pfile_header h;
	char extension[MRQ_PFILE_EXTENSION_MAX + 1];
	size_t head = len < MRQ_PFILE_HEAD_MAX ? len : MRQ_PFILE_HEAD_MAX;

	if (mrq_pfile_header_decode(data, head, len, &h, NULL) != MRQ_OK)
		return 0;
	check_within(&h.extension, len);
	check_within(&h.licence, len);
	check_within(&h.metadata, len);
	check_within(&h.content, len);
	if (h.licence.len == 0 || mrq_pfile_size_max(&h) > len)
		abort();
	if (mrq_pfile_extension_decode(data + h.extension.off, (size_t)h.extension.len,
				       extension, NULL) == MRQ_OK &&
	    (strchr(extension, '/') || (extension[0] && extension[0] != '.')))
		abort();
	return 0;
}
