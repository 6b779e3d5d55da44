/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_BYTES_H
#define MRQ_BASE_BYTES_H

/*
 * Bytes in and out: little-endian, bounded, with a sticky failure.  Read or write every
 * field, then check `failed` once.  A failed reader yields zeros.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mrq_reader {
	const uint8_t *at;
	size_t left;
	bool failed;
};

struct mrq_writer {
	uint8_t *at;
	size_t left;
	bool failed;
};

struct mrq_reader mrq_reader_make(const void *data, size_t len);
uint8_t mrq_read_u8(struct mrq_reader *r);
uint16_t mrq_read_u16(struct mrq_reader *r);
uint32_t mrq_read_u32(struct mrq_reader *r);
uint64_t mrq_read_u64(struct mrq_reader *r);
void mrq_read_bytes(struct mrq_reader *r, void *ret, size_t len);
/** Pointer to the next len bytes inside the source, NULL when fewer are left. */
const uint8_t *mrq_read_view(struct mrq_reader *r, size_t len);
void mrq_read_skip(struct mrq_reader *r, size_t len);

struct mrq_writer mrq_writer_make(void *data, size_t len);
void mrq_write_u8(struct mrq_writer *w, uint8_t v);
void mrq_write_u16(struct mrq_writer *w, uint16_t v);
void mrq_write_u32(struct mrq_writer *w, uint32_t v);
void mrq_write_u64(struct mrq_writer *w, uint64_t v);
void mrq_write_bytes(struct mrq_writer *w, const void *data, size_t len);
void mrq_write_fill(struct mrq_writer *w, uint8_t byte, size_t len);

/** Lower-case hex; ret holds 2 * len + 1 bytes. */
void mrq_hex_encode(const uint8_t *data, size_t len, char *ret);
/** False when text is not exactly 2 * len hex digits. */
bool mrq_hex_decode(const char *text, uint8_t *ret, size_t len);

/** CRC-32C (Castagnoli, RFC 3720 B.4), continued from crc (0 to begin). */
uint32_t mrq_crc32c(uint32_t crc, const void *data, size_t len);
/** The same without instructions of the processor, for those that have none. */
uint32_t mrq_crc32c_portable(uint32_t crc, const void *data, size_t len);

#endif
