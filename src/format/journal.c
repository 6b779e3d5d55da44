/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "journal.h"

#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

#define AT_CHECKSUM   144
#define AT_DESCRIPTOR 256

static const char magic[8] = { 'M', 'R', 'Q', 'C', 'O', 'M', 'T', '1' };

uint64_t
mrq_descriptor_len(uint32_t records, uint32_t units)
{
	return (uint64_t)records * MRQ_RECORD_BYTES + (uint64_t)units * 4;
}

uint32_t
mrq_descriptor_pages(uint64_t len)
{
	if (len <= MRQ_DESCRIPTOR_INLINE)
		return 0;
	return (uint32_t)((len + MRQ_PAGE - 1) / MRQ_PAGE);
}

static uint32_t
page_checksum(const uint8_t page[static MRQ_PAGE])
{
	static const uint8_t none[4];
	uint32_t crc = mrq_crc32c(0, page, AT_CHECKSUM);

	crc = mrq_crc32c(crc, none, sizeof(none));
	return mrq_crc32c(crc, page + AT_CHECKSUM + 4, MRQ_PAGE - AT_CHECKSUM - 4);
}

void
mrq_commit_page_encode(const struct mrq_commit_page *c, const uint8_t *descriptor,
		       uint64_t len, uint8_t ret[static MRQ_PAGE])
{
	struct mrq_writer w = mrq_writer_make(ret, MRQ_PAGE);

	mrq_write_bytes(&w, magic, sizeof(magic));
	mrq_write_bytes(&w, c->file_id.bytes, sizeof(c->file_id.bytes));
	mrq_write_u64(&w, c->before);
	mrq_write_u64(&w, c->after);
	mrq_write_u64(&w, c->page);
	mrq_write_u64(&w, c->start);
	mrq_write_u64(&w, c->previous);
	mrq_write_u32(&w, c->payload_pages);
	mrq_write_u32(&w, c->descriptor_pages);
	mrq_write_u32(&w, c->records);
	mrq_write_u32(&w, c->units);
	mrq_write_bytes(&w, c->digest, sizeof(c->digest));
	mrq_write_bytes(&w, c->mac, sizeof(c->mac));
	mrq_write_fill(&w, 0, AT_DESCRIPTOR - AT_CHECKSUM);
	if (c->descriptor_pages == 0)
		mrq_write_bytes(&w, descriptor, (size_t)len);
	mrq_write_fill(&w, 0, w.left);
	w = mrq_writer_make(ret + AT_CHECKSUM, 4);
	mrq_write_u32(&w, page_checksum(ret));
}

static bool
all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* The rules that tie the numbers of a commit page to each other. */
static bool
numbers_hold(const struct mrq_commit_page *c, uint64_t at)
{
	uint64_t len = mrq_descriptor_len(c->records, c->units);

	return c->page == at && c->before > 0 && c->before < UINT64_MAX &&
	       c->after == c->before + 1 && c->start > 0 && c->start <= at &&
	       (c->previous == 0 || c->previous == c->start - 1) &&
	       c->payload_pages <= MRQ_TX_PAGES_MAX && len <= MRQ_DESCRIPTOR_MAX &&
	       c->records > 0 && c->descriptor_pages == mrq_descriptor_pages(len) &&
	       at - c->start == (uint64_t)c->payload_pages + c->descriptor_pages;
}

bool
mrq_commit_page_decode(const uint8_t page[static MRQ_PAGE], uint64_t at,
		       struct mrq_commit_page *ret)
{
	struct mrq_reader r = mrq_reader_make(page, MRQ_PAGE);
	struct mrq_commit_page c = { .before = 0 };

	if (memcmp(page, magic, sizeof(magic)) != 0)
		return false;
	mrq_read_skip(&r, sizeof(magic));
	mrq_read_bytes(&r, c.file_id.bytes, sizeof(c.file_id.bytes));
	c.before = mrq_read_u64(&r);
	c.after = mrq_read_u64(&r);
	c.page = mrq_read_u64(&r);
	c.start = mrq_read_u64(&r);
	c.previous = mrq_read_u64(&r);
	c.payload_pages = mrq_read_u32(&r);
	c.descriptor_pages = mrq_read_u32(&r);
	c.records = mrq_read_u32(&r);
	c.units = mrq_read_u32(&r);
	mrq_read_bytes(&r, c.digest, sizeof(c.digest));
	mrq_read_bytes(&r, c.mac, sizeof(c.mac));
	uint32_t checksum = mrq_read_u32(&r);
	if (checksum != page_checksum(page) || !numbers_hold(&c, at) ||
	    !all_zero(page + AT_CHECKSUM + 4, AT_DESCRIPTOR - AT_CHECKSUM - 4))
		return false;
	*ret = c;
	return true;
}

void
mrq_commit_page_mac(const struct mrq_commit_page *c, const struct mrq_mac_key *key,
		    uint8_t ret[static MRQ_MAC_BYTES])
{
	uint8_t sequences[16];
	struct mrq_writer w = mrq_writer_make(sequences, sizeof(sequences));
	struct mrq_piece pieces[] = {
		{ "journal", sizeof("journal") },
		{ c->file_id.bytes, sizeof(c->file_id.bytes) },
		{ sequences, sizeof(sequences) },
		{ c->digest, sizeof(c->digest) },
	};

	mrq_write_u64(&w, c->before);
	mrq_write_u64(&w, c->after);
	mrq_hmac(key, pieces, 4, ret);
}

void
mrq_record_encode(const struct mrq_record *r, uint8_t ret[static MRQ_RECORD_BYTES])
{
	struct mrq_writer w = mrq_writer_make(ret, MRQ_RECORD_BYTES);

	mrq_write_u64(&w, r->target);
	mrq_write_u32(&w, r->units);
	mrq_write_u16(&w, r->unit_pages);
	mrq_write_u16(&w, (uint16_t)r->kind);
}

struct mrq_record
mrq_record_decode(const uint8_t bytes[static MRQ_RECORD_BYTES])
{
	struct mrq_reader r = mrq_reader_make(bytes, MRQ_RECORD_BYTES);
	struct mrq_record rec;

	rec.target = mrq_read_u64(&r);
	rec.units = mrq_read_u32(&r);
	rec.unit_pages = mrq_read_u16(&r);
	rec.kind = (enum mrq_record_kind)mrq_read_u16(&r);
	return rec;
}

/* A record by itself; afterwards target + pages does not overflow. */
static bool
record_valid(const struct mrq_record *r, const struct mrq_record_rules *rules)
{
	if (r->units == 0 ||
	    (r->unit_pages != 1 && r->unit_pages != rules->block_pages))
		return false;
	uint64_t pages = (uint64_t)r->units * r->unit_pages;
	switch (r->kind) {
	case MRQ_RECORD_UNUSED:
		return r->target == 0;
	case MRQ_RECORD_IN_PLACE:
		if (r->target < rules->header_pages)
			return false;
		break;
	case MRQ_RECORD_PAYLOAD:
		/* Header pages stand alone in a record of unit 1. */
		if (r->target < rules->header_pages &&
		    (r->unit_pages != 1 || r->target + pages > rules->header_pages))
			return false;
		break;
	default:
		return false;
	}
	return r->target < rules->journal_start &&
	       pages <= rules->journal_start - r->target;
}

/* Units [from, from + n) have the CRC 0. */
static bool
crcs_zero(const struct mrq_commit_page *c, const uint8_t *descriptor, uint64_t from,
	  uint32_t n)
{
	uint64_t records = mrq_descriptor_len(c->records, 0);

	return n <= c->units && from <= c->units - n &&
	       all_zero(descriptor + records + from * 4, (size_t)n * 4);
}

bool
mrq_descriptor_valid(const struct mrq_commit_page *c, const uint8_t *descriptor,
		     const struct mrq_record_rules *rules)
{
	uint64_t payload = 0, units = 0, in_place_end = 0;
	bool header = false;

	for (uint32_t i = 0; i < c->records; i++) {
		struct mrq_record r =
			mrq_record_decode(descriptor + i * MRQ_RECORD_BYTES);
		if (!record_valid(&r, rules))
			return false;
		uint64_t pages = (uint64_t)r.units * r.unit_pages;
		if (r.kind == MRQ_RECORD_UNUSED &&
		    !crcs_zero(c, descriptor, units, r.units))
			return false;
		units += r.units;
		if (r.kind != MRQ_RECORD_IN_PLACE)
			payload += pages;
		if (r.kind == MRQ_RECORD_PAYLOAD && r.target == 0) {
			if (header)
				return false;
			header = true;
		}
		if (r.kind == MRQ_RECORD_IN_PLACE) {
			if (r.target < in_place_end)
				return false;
			in_place_end = r.target + pages;
		}
	}
	return header && payload == c->payload_pages && units == c->units;
}

struct span {
	uint64_t from, to; /* pages */
};

static int
span_compare(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

enum mrq_status
mrq_descriptor_disjoint(const struct mrq_commit_page *c, const uint8_t *descriptor,
			bool *ret, struct mrq_error *err)
{
	struct span *spans MRQ_CLEANUP(free) = malloc(c->records * sizeof(*spans));
	size_t n = 0;

	if (!spans)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a journal");
	for (uint32_t i = 0; i < c->records; i++) {
		struct mrq_record r =
			mrq_record_decode(descriptor + (size_t)i * MRQ_RECORD_BYTES);
		if (r.kind != MRQ_RECORD_UNUSED)
			spans[n++] = (struct span){
				r.target, r.target + (uint64_t)r.units * r.unit_pages
			};
	}
	qsort(spans, n, sizeof(*spans), span_compare);
	*ret = true;
	for (size_t i = 1; i < n; i++)
		if (spans[i].from < spans[i - 1].to)
			*ret = false;
	return MRQ_OK;
}

uint32_t
mrq_descriptor_crc(const struct mrq_commit_page *c, const uint8_t *descriptor,
		   uint32_t u)
{
	const uint8_t *at =
		descriptor + (size_t)c->records * MRQ_RECORD_BYTES + (size_t)u * 4;
	struct mrq_reader r = mrq_reader_make(at, 4);

	return mrq_read_u32(&r);
}
