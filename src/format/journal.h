/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_JOURNAL_H
#define MRQ_FORMAT_JOURNAL_H

/*
 * Commit pages and descriptors of the redo journal: marque-format(5) "Transaction".
 * Pure.
 */
#include "container.h"

#define MRQ_TX_PAGES_MAX      32768u             /* payload pages of one transaction */
#define MRQ_DESCRIPTOR_MAX    (8u * 1024 * 1024) /* bytes */
#define MRQ_JOURNAL_SCAN      (160u * 1024 * 1024) /* bytes that are searched */
#define MRQ_DESCRIPTOR_INLINE 3840u                /* bytes that fit a commit page */
#define MRQ_RECORD_BYTES      16u

struct mrq_commit_page {
	struct mrq_guid file_id;
	uint64_t before, after; /* header sequences */
	uint64_t page;          /* number of the commit page itself */
	uint64_t start;         /* first page of the transaction */
	uint64_t previous;      /* commit page in front; 0: first transaction */
	uint32_t payload_pages, descriptor_pages, records, units;
	uint8_t digest[MRQ_SHA256_BYTES]; /* of the descriptor */
	uint8_t mac[MRQ_MAC_BYTES];
};

enum mrq_record_kind {
	MRQ_RECORD_PAYLOAD = 1, /* to be copied to the target */
	MRQ_RECORD_IN_PLACE,    /* was written at the target */
	MRQ_RECORD_UNUSED,      /* payload pages without meaning */
};

struct mrq_record {
	uint64_t target; /* page */
	uint32_t units;
	uint16_t unit_pages;
	enum mrq_record_kind kind;
};

/** Bytes of a descriptor; 64 bits, so that no count from a file overflows it. */
uint64_t mrq_descriptor_len(uint32_t records, uint32_t units);
/** Pages of its own that a descriptor takes; 0 when it fits the commit page. */
uint32_t mrq_descriptor_pages(uint64_t len);

/**
 * Encode a commit page.  `descriptor` goes into it when it fits; the caller has filled
 * digest and mac.
 */
void mrq_commit_page_encode(const struct mrq_commit_page *c, const uint8_t *descriptor,
			    uint64_t len, uint8_t ret[static MRQ_PAGE]);
/**
 * Decode a page that may be a commit page and stands at page `at`.  False when it is
 * none or breaks a rule that can be seen without other pages; every number is bounded
 * afterwards.
 */
bool mrq_commit_page_decode(const uint8_t page[static MRQ_PAGE], uint64_t at,
			    struct mrq_commit_page *ret);
/** The MAC over file id, sequences and digest. */
void mrq_commit_page_mac(const struct mrq_commit_page *c, const struct mrq_mac_key *key,
			 uint8_t ret[static MRQ_MAC_BYTES]);

void mrq_record_encode(const struct mrq_record *r,
		       uint8_t ret[static MRQ_RECORD_BYTES]);
struct mrq_record mrq_record_decode(const uint8_t bytes[static MRQ_RECORD_BYTES]);

/** What bounds the records of a transaction. */
struct mrq_record_rules {
	uint64_t journal_start; /* first page of the journal */
	uint32_t header_pages, block_pages;
};
/**
 * Check the records of a descriptor of the right length against the commit page: kinds,
 * bounds, order, sums.  (That no target occurs twice: mrq_descriptor_disjoint.)
 */
bool mrq_descriptor_valid(const struct mrq_commit_page *c, const uint8_t *descriptor,
			  const struct mrq_record_rules *rules);
/** Do no two payload or in-place records of a valid descriptor share a page? */
MRQ_MUST_CHECK enum mrq_status mrq_descriptor_disjoint(const struct mrq_commit_page *c,
						       const uint8_t *descriptor,
						       bool *ret,
						       struct mrq_error *err);
/** CRC of unit u, counted over all records. */
uint32_t mrq_descriptor_crc(const struct mrq_commit_page *c, const uint8_t *descriptor,
			    uint32_t u);

#endif
