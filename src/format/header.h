/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_HEADER_H
#define MRQ_FORMAT_HEADER_H

/* The header and its entries: marque-format(5) "Header", "Entry".  Pure. */
#include "container.h"
#include "layout.h"

#define MRQ_MAGIC_BYTES       8
#define MRQ_SECTOR            512u /* bytes that storage writes as one */
#define MRQ_ENTRY_BYTES       32u
#define MRQ_HEADER_FIXED      1696u /* bytes in front of the licence */
#define MRQ_HEADER_ROOM       1024u /* bytes that a new header leaves free */
#define MRQ_GENERATION_WRITES (UINT64_C(1) << 31)

struct mrq_entry {
	uint8_t nonce[MRQ_NONCE_BYTES];
	uint8_t tag[MRQ_TAG_BYTES];
	uint32_t generation; /* 0: a hole */
};

struct mrq_header {
	uint16_t pages;
	uint8_t block_shift, licence_type, tree_height;
	bool unsettled; /* inline_crc tells which inline blocks reached storage */
	uint64_t sequence, size, created, writes;
	uint32_t generation, licence_len;
	struct mrq_guid file_id, content_id, label_id;
	uint8_t wrapped_key[MRQ_WRAPPED_BYTES];
	uint8_t commitment[MRQ_COMMIT_BYTES];
	uint8_t licence_digest[MRQ_SHA256_BYTES];
	uint8_t root[MRQ_TREE_MAC_BYTES];
	char owner[MRQ_MAIL_MAX + 1];
	uint32_t inline_crc[MRQ_INLINE_ENTRIES];
	uint8_t entries[MRQ_INLINE_ENTRIES][MRQ_ENTRY_BYTES]; /* as in the file */
};

void mrq_entry_encode(const struct mrq_entry *e, uint8_t ret[static MRQ_ENTRY_BYTES]);
struct mrq_entry mrq_entry_decode(const uint8_t bytes[static MRQ_ENTRY_BYTES]);
bool mrq_entry_is_hole(const uint8_t bytes[static MRQ_ENTRY_BYTES]);

/** Pages that a new header takes for a licence of so many bytes. */
uint32_t mrq_header_pages_for(uint32_t licence_len);
/** Bytes of a licence that fit a header. */
uint32_t mrq_header_licence_room(uint32_t pages);

/**
 * Number of header pages that page 0 claims, before all else is read: between 1 and
 * MRQ_HEADER_PAGES_MAX.  MRQ_E_PLAIN without the magic, MRQ_E_VERSION, MRQ_E_FORMAT.
 */
MRQ_MUST_CHECK enum mrq_status mrq_header_peek(const uint8_t *page0, size_t len,
					       uint32_t *ret_pages,
					       struct mrq_error *err);
/**
 * Decode an image of all header pages.  MRQ_E_DAMAGED when the checksum is wrong,
 * MRQ_E_VERSION, MRQ_E_FORMAT when a field does not follow marque-format(5).  The MAC
 * is not looked at.
 */
MRQ_MUST_CHECK enum mrq_status mrq_header_decode(const uint8_t *image, uint32_t pages,
						 struct mrq_header *ret,
						 struct mrq_error *err);
/** Encode into header.pages pages, MAC and checksum still zero. */
void mrq_header_encode(const struct mrq_header *h, const uint8_t *licence,
		       uint8_t *image);
/** Put MAC and checksum into an image. */
void mrq_header_seal(uint8_t *image, uint32_t pages, const struct mrq_mac_key *key);
/** True when the MAC of an image is right. */
bool mrq_header_authentic(const uint8_t *image, const struct mrq_mac_key *key);
/** Turn an image into its successor that is settled; only its first sector changes. */
void mrq_header_mark_settled(uint8_t *image, uint32_t pages,
			     const struct mrq_mac_key *key);
/** Field inline_crc of an inline block within an image. */
uint32_t mrq_header_inline_crc(const uint8_t *image, unsigned block);
/** The licence within an image. */
const uint8_t *mrq_header_licence(const uint8_t *image);

#endif
