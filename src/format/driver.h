/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_DRIVER_H
#define MRQ_FORMAT_DRIVER_H

/*
 * Formats of protected files.  A driver is a const struct in drivers/NAME.c and one
 * line of the array in drivers.c; what it leaves unset it does not support.
 */
#include "container.h"

#define MRQ_DRIVER_HEAD 4096u /* bytes from the start that a probe gets to see */

/** What a driver can tell of a file without a key. */
struct mrq_driver_facts {
	uint64_t size;                                 /* bytes of plaintext */
	struct mrq_guid label_id, content_id, file_id; /* nil: the format has none */
	char owner[MRQ_MAIL_MAX + 1];
	enum mrq_licence_type licence_type;
	uint32_t licence_len; /* bytes */
};

struct mrq_driver {
	const char *name; /* stable: in configuration, logs and output */
	const char
		*man_page; /* section of marque-format(5), or page, that specifies it */
	/**
	 * Confidence 0 to 100 that a file that begins with these bytes is ours.  Pure.
	 */
	int (*probe)(const void *head, size_t len);
	/** Facts in the clear.  Statuses as mrq_container_attach. */
	enum mrq_status (*facts_load)(int fd, const char *what,
				      struct mrq_driver_facts *ret,
				      struct mrq_error *err);
};

/**
 * The driver that is surest of a file's first bytes; NULL when it is nobody's: plain.
 */
const struct mrq_driver *mrq_driver_find(const void *head, size_t len);
/** Driver number i, for loops over all; NULL past the last. */
const struct mrq_driver *mrq_driver_at(size_t i);

#endif
