/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct image_page {
	unsigned refs;
	bool hashed;
	uint64_t hash; /* 0: nothing but zeros */
	uint8_t bytes[IMAGE_PAGE];
};

void *
need(void *p)
{
	if (!p) {
		(void)fputs("no memory\n", stderr);
		exit(99);
	}
	return p;
}

uint64_t
mix(uint64_t a, uint64_t b)
{
	a = (a ^ b) * UINT64_C(0x9e3779b97f4a7c15);
	a ^= a >> 29;
	a *= UINT64_C(0xbf58476d1ce4e5b9);
	return a ^ a >> 32;
}

uint64_t
dice(uint64_t *seed)
{
	*seed += UINT64_C(0x9e3779b97f4a7c15);
	return mix(*seed, UINT64_C(0x2545f4914f6cdd1d));
}

static void
page_drop(struct image_page *page)
{
	if (--page->refs == 0)
		free(page);
}

void
image_clear(struct image *image)
{
	for (size_t i = 0; i < image->n; i++)
		page_drop(image->items[i].page);
	free(image->items);
	*image = (struct image){ 0 };
}

void
image_copy(struct image *to, const struct image *from)
{
	*to = (struct image){ .size = from->size, .n = from->n, .room = from->n };
	if (from->n == 0)
		return;
	to->items = need(malloc(from->n * sizeof(*to->items)));
	memcpy(to->items, from->items, from->n * sizeof(*to->items));
	for (size_t i = 0; i < to->n; i++)
		to->items[i].page->refs++;
}

/* Place of the first item that is not before a page. */
static size_t
find(const struct image *image, uint64_t index)
{
	size_t from = 0, to = image->n;

	while (from < to) {
		size_t middle = (from + to) / 2;
		if (image->items[middle].index < index)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* The page, to be written to. */
static struct image_page *
page_of(struct image *image, uint64_t index)
{
	size_t at = find(image, index);

	if (at < image->n && image->items[at].index == index) {
		struct image_page *page = image->items[at].page;
		if (page->refs > 1) {
			struct image_page *own = need(malloc(sizeof(*own)));
			memcpy(own, page, sizeof(*own));
			own->refs = 1;
			page->refs--;
			image->items[at].page = page = own;
		}
		page->hashed = false;
		return page;
	}
	if (image->n == image->room) {
		image->room = image->room ? image->room * 2 : 16;
		image->items = need(
			realloc(image->items, image->room * sizeof(*image->items)));
	}
	memmove(image->items + at + 1, image->items + at,
		(image->n - at) * sizeof(*image->items));
	image->n++;
	struct image_page *page = need(calloc(1, sizeof(*page)));
	page->refs = 1;
	image->items[at] = (struct image_item){ index, page };
	return page;
}

void
image_write(struct image *image, uint64_t off, const void *data, size_t len)
{
	const uint8_t *from = data;

	while (len > 0) {
		size_t skip = (size_t)(off % IMAGE_PAGE), part = IMAGE_PAGE - skip;
		part = part < len ? part : len;
		struct image_page *page = page_of(image, off / IMAGE_PAGE);
		memcpy(page->bytes + skip, from, part);
		from += part;
		off += part;
		len -= part;
	}
}

/* Zeros from off to the end of its page. */
static void
zero_tail(struct image *image, uint64_t off, size_t len)
{
	size_t at = find(image, off / IMAGE_PAGE);

	if (at >= image->n || image->items[at].index != off / IMAGE_PAGE)
		return;
	struct image_page *page = page_of(image, off / IMAGE_PAGE);
	memset(page->bytes + off % IMAGE_PAGE, 0, len);
}

static void
drop_pages(struct image *image, uint64_t from, uint64_t to)
{
	size_t a = find(image, from), b = find(image, to);

	for (size_t i = a; i < b; i++)
		page_drop(image->items[i].page);
	if (b > a)
		memmove(image->items + a, image->items + b,
			(image->n - b) * sizeof(*image->items));
	image->n -= b - a;
}

void
image_resize(struct image *image, uint64_t size)
{
	if (size < image->size) {
		if (size % IMAGE_PAGE)
			zero_tail(image, size, IMAGE_PAGE - size % IMAGE_PAGE);
		drop_pages(image, (size + IMAGE_PAGE - 1) / IMAGE_PAGE, UINT64_MAX);
	}
	image->size = size;
}

void
image_punch(struct image *image, uint64_t off, uint64_t len)
{
	uint64_t end = off + len;
	uint64_t first = (off + IMAGE_PAGE - 1) / IMAGE_PAGE, last = end / IMAGE_PAGE;

	if (first > last) {
		zero_tail(image, off, (size_t)len);
		return;
	}
	if (off % IMAGE_PAGE)
		zero_tail(image, off, IMAGE_PAGE - off % IMAGE_PAGE);
	if (end % IMAGE_PAGE)
		zero_tail(image, end - end % IMAGE_PAGE, end % IMAGE_PAGE);
	drop_pages(image, first, last);
}

static uint64_t
page_hash(struct image_page *page)
{
	uint64_t h = 0, any = 0;

	if (page->hashed)
		return page->hash;
	for (size_t i = 0; i < IMAGE_PAGE; i += 8) {
		uint64_t word;
		memcpy(&word, page->bytes + i, 8);
		any |= word;
		h = (h ^ word) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 31;
	}
	page->hash = any ? h | 1 : 0;
	page->hashed = true;
	return page->hash;
}

uint64_t
image_hash(const struct image *image)
{
	uint64_t h = mix(image->size, 1);

	for (size_t i = 0; i < image->n; i++) {
		uint64_t p = page_hash(image->items[i].page);
		if (p)
			h = mix(mix(h, image->items[i].index), p);
	}
	return h;
}

static void
must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(99);
	}
}

void
image_store(const struct image *image, int fd)
{
	for (size_t i = 0; i < image->n; i++) {
		uint64_t off = image->items[i].index * IMAGE_PAGE;
		size_t len = IMAGE_PAGE;
		if (off >= image->size)
			break;
		if (image->size - off < len)
			len = (size_t)(image->size - off);
		must(pwrite(fd, image->items[i].page->bytes, len, (off_t)off) ==
			     (ssize_t)len,
		     "cannot write a state");
	}
	must(ftruncate(fd, (off_t)image->size) == 0, "cannot size a state");
}

void
image_load(struct image *image, int fd)
{
	static const uint8_t zeros[IMAGE_PAGE];
	struct stat st;
	uint8_t page[IMAGE_PAGE];

	must(fstat(fd, &st) == 0, "cannot examine a file");
	*image = (struct image){ .size = (uint64_t)st.st_size };
	for (off_t off = lseek(fd, 0, SEEK_DATA); off >= 0 && off < st.st_size;
	     off = lseek(fd, off, SEEK_DATA)) {
		off -= off % (off_t)IMAGE_PAGE;
		ssize_t got = pread(fd, page, sizeof(page), off);
		must(got > 0, "cannot read a file");
		if (memcmp(page, zeros, (size_t)got) != 0)
			image_write(image, (uint64_t)off, page, (size_t)got);
		off += (off_t)IMAGE_PAGE;
	}
}

const uint8_t *
image_page_bytes(const struct image *image, size_t i)
{
	return image->items[i].page->bytes;
}
