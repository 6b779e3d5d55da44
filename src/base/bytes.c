/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bytes.h"

#include <string.h>

struct mrq_reader
mrq_reader_make(const void *data, size_t len)
{
	return (struct mrq_reader){ .at = data, .left = len };
}

const uint8_t *
mrq_read_view(struct mrq_reader *r, size_t len)
{
	if (r->failed || len > r->left) {
		r->failed = true;
		return NULL;
	}
	const uint8_t *at = r->at;
	/* An empty reader may stand on NULL, to which even 0 must not be added. */
	if (len) {
		r->at += len;
		r->left -= len;
	}
	return at;
}

void
mrq_read_skip(struct mrq_reader *r, size_t len)
{
	(void)mrq_read_view(r, len);
}

void
mrq_read_bytes(struct mrq_reader *r, void *ret, size_t len)
{
	if (len == 0)
		return;

	const uint8_t *p = mrq_read_view(r, len);
	if (p)
		memcpy(ret, p, len);
	else
		memset(ret, 0, len);
}

static uint64_t
read_le(struct mrq_reader *r, size_t len)
{
	const uint8_t *p = mrq_read_view(r, len);
	uint64_t v = 0;

	if (!p)
		return 0;
	for (size_t i = 0; i < len; i++)
		v |= (uint64_t)p[i] << (8 * i);
	return v;
}

uint8_t
mrq_read_u8(struct mrq_reader *r)
{
	return (uint8_t)read_le(r, 1);
}

uint16_t
mrq_read_u16(struct mrq_reader *r)
{
	return (uint16_t)read_le(r, 2);
}

uint32_t
mrq_read_u32(struct mrq_reader *r)
{
	return (uint32_t)read_le(r, 4);
}

uint64_t
mrq_read_u64(struct mrq_reader *r)
{
	return read_le(r, 8);
}

struct mrq_writer
mrq_writer_make(void *data, size_t len)
{
	return (struct mrq_writer){ .at = data, .left = len };
}

/* Room for len > 0 bytes, or NULL and the sticky failure. */
static uint8_t *
claim(struct mrq_writer *w, size_t len)
{
	if (w->failed || len > w->left) {
		w->failed = true;
		return NULL;
	}
	uint8_t *at = w->at;
	w->at += len;
	w->left -= len;
	return at;
}

void
mrq_write_bytes(struct mrq_writer *w, const void *data, size_t len)
{
	if (len == 0)
		return;

	uint8_t *p = claim(w, len);
	if (p)
		memcpy(p, data, len);
}

void
mrq_write_fill(struct mrq_writer *w, uint8_t byte, size_t len)
{
	if (len == 0)
		return;

	uint8_t *p = claim(w, len);
	if (p)
		memset(p, byte, len);
}

static void
write_le(struct mrq_writer *w, uint64_t v, size_t len)
{
	uint8_t *p = claim(w, len);

	if (!p)
		return;
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

void
mrq_write_u8(struct mrq_writer *w, uint8_t v)
{
	write_le(w, v, 1);
}

void
mrq_write_u16(struct mrq_writer *w, uint16_t v)
{
	write_le(w, v, 2);
}

void
mrq_write_u32(struct mrq_writer *w, uint32_t v)
{
	write_le(w, v, 4);
}

void
mrq_write_u64(struct mrq_writer *w, uint64_t v)
{
	write_le(w, v, 8);
}

void
mrq_hex_encode(const uint8_t *data, size_t len, char *ret)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret[2 * i] = digits[data[i] >> 4];
		ret[2 * i + 1] = digits[data[i] & 15];
	}
	ret[2 * len] = '\0';
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool
mrq_hex_decode(const char *text, uint8_t *ret, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
		if (low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return text[2 * len] == '\0';
}
