/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_GUARDED_H
#define MRQ_CRYPTO_GUARDED_H

/*
 * Memory for one private scalar, between pages that nobody may touch, and itself without access
 * between uses: memfd_secret where the kernel has it, which no dump shows, else sodium_malloc.  A
 * child keeps it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MRQ_GUARDED_MAX 4096u /* bytes */

enum mrq_guard { MRQ_GUARD_CLOSED, MRQ_GUARD_READ, MRQ_GUARD_WRITE };

struct mrq_guarded {
	uint8_t *bytes;
	bool hidden; /* of memfd_secret */
};

/** Writable zeros, up to MRQ_GUARDED_MAX bytes; bytes is NULL when there is no memory. */
void mrq_guarded_init(struct mrq_guarded *ret, size_t len);
/** False, with errno, when the kernel refuses. */
bool mrq_guarded_set(const struct mrq_guarded *g, enum mrq_guard to);
/** Wipes; accepts one without memory. */
void mrq_guarded_clear(struct mrq_guarded *g);

/** `len` bytes of memfd_secret, shared and close-on-exec; at is NULL or replaced. NULL without. */
void *mrq_hidden_map(void *at, size_t len);

#endif
