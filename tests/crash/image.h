/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_IMAGE_H
#define MRQ_TEST_CRASH_IMAGE_H

/* The bytes of a file that may be sparse; pages are shared between copies. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_PAGE 4096u

struct image_page;
struct image_item {
	uint64_t index; /* pages */
	struct image_page *page;
};
struct image {
	uint64_t size;            /* bytes */
	struct image_item *items; /* sorted */
	size_t n, room;
};

void image_clear(struct image *image);
void image_copy(struct image *to, const struct image *from);
/** Bytes at off; the size stays. */
void image_write(struct image *image, uint64_t off, const void *data, size_t len);
/** What is cut off is gone, also for a later growth. */
void image_resize(struct image *image, uint64_t size);
void image_punch(struct image *image, uint64_t off, uint64_t len);
/** Equal for equal size and bytes. */
uint64_t image_hash(const struct image *image);
/** Put into an empty file, or take from one. */
void image_store(const struct image *image, int fd);
void image_load(struct image *image, int fd);
/** The bytes of its item number i. */
const uint8_t *image_page_bytes(const struct image *image, size_t i);

uint64_t mix(uint64_t a, uint64_t b);
/** The next of a sequence of random numbers. */
uint64_t dice(uint64_t *seed);
/** Memory, or the end. */
void *need(void *p);

#endif
