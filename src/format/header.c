/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "header.h"

#include "base/bytes.h"

#include <string.h>

/* Offsets of marque-format(5) "Header" that are needed by themselves. */
#define AT_VERSION    8
#define AT_PAGES      10
#define AT_FLAGS      16
#define AT_SEQUENCE   24
#define AT_MAC        232
#define AT_CHECKSUM   264
#define AT_INLINE_CRC 544

#define FLAG_UNSETTLED     1u
#define CIPHER_AES_256_GCM 1
#define OWNER_FIELD        256u
#define RESERVED           18u

static const uint8_t magic[MRQ_MAGIC_BYTES] = { 0x89, 'M',  'R',  'Q',
						'\r', '\n', 0x1a, '\n' };

bool
mrq_container_probe(const void *head, size_t len)
{
	return len >= sizeof(magic) && memcmp(head, magic, sizeof(magic)) == 0;
}

static bool
all_zero(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i])
			return false;
	return true;
}

/* Fields of a header behind the magic whose values are known beforehand, about 100 bits of them. */
static bool
constants_of_a_header(struct mrq_reader *r)
{
	uint16_t version = mrq_read_u16(r), pages = mrq_read_u16(r);
	uint8_t shift = mrq_read_u8(r), cipher = mrq_read_u8(r);
	uint8_t licence_type = mrq_read_u8(r), tree_height = mrq_read_u8(r);
	uint32_t flags = mrq_read_u32(r);
	uint16_t entries = mrq_read_u16(r), reserved = mrq_read_u16(r);

	return !r->failed && version == MRQ_FORMAT_VERSION && pages > 0 &&
	       pages <= MRQ_HEADER_PAGES_MAX && shift >= MRQ_BLOCK_SHIFT_MIN &&
	       shift <= MRQ_BLOCK_SHIFT_MAX && cipher == CIPHER_AES_256_GCM &&
	       (licence_type == MRQ_LICENCE_JWS || licence_type == MRQ_LICENCE_XRML) &&
	       tree_height <= MRQ_TREE_LEVELS && flags <= FLAG_UNSETTLED &&
	       entries == MRQ_INLINE_ENTRIES && reserved == 0;
}

bool
mrq_container_defaced(const void *head, size_t len)
{
	/* One byte of it may be anything's. */
	if (len < sizeof(magic))
		return len > 1 && memcmp(head, magic, len) == 0;
	struct mrq_reader r = mrq_reader_make(head, len);
	mrq_read_skip(&r, sizeof(magic));
	return !mrq_container_probe(head, len) && constants_of_a_header(&r);
}

void
mrq_entry_encode(const struct mrq_entry *e, uint8_t ret[static MRQ_ENTRY_BYTES])
{
	struct mrq_writer w = mrq_writer_make(ret, MRQ_ENTRY_BYTES);

	mrq_write_bytes(&w, e->nonce, sizeof(e->nonce));
	mrq_write_bytes(&w, e->tag, sizeof(e->tag));
	mrq_write_u32(&w, e->generation);
}

struct mrq_entry
mrq_entry_decode(const uint8_t bytes[static MRQ_ENTRY_BYTES])
{
	struct mrq_reader r = mrq_reader_make(bytes, MRQ_ENTRY_BYTES);
	struct mrq_entry e;

	mrq_read_bytes(&r, e.nonce, sizeof(e.nonce));
	mrq_read_bytes(&r, e.tag, sizeof(e.tag));
	e.generation = mrq_read_u32(&r);
	return e;
}

bool
mrq_entry_is_hole(const uint8_t bytes[static MRQ_ENTRY_BYTES])
{
	uint64_t word[MRQ_ENTRY_BYTES / 8];

	memcpy(word, bytes, sizeof(word));
	return (word[0] | word[1] | word[2] | word[3]) == 0;
}

uint32_t
mrq_header_pages_for(uint32_t licence_len)
{
	uint32_t pages =
		(MRQ_HEADER_FIXED + licence_len + MRQ_HEADER_ROOM + MRQ_PAGE - 1) /
		MRQ_PAGE;

	return pages < MRQ_HEADER_PAGES_MAX ? pages : MRQ_HEADER_PAGES_MAX;
}

uint32_t
mrq_header_licence_room(uint32_t pages)
{
	uint32_t room = pages * MRQ_PAGE - MRQ_HEADER_FIXED;

	return room < MRQ_PL_MAX ? room : MRQ_PL_MAX;
}

const uint8_t *
mrq_header_licence(const uint8_t *image)
{
	return image + MRQ_HEADER_FIXED;
}

enum mrq_status
mrq_header_peek(const uint8_t *page0, size_t len, uint32_t *ret_pages,
		struct mrq_error *err)
{
	if (!mrq_container_probe(page0, len))
		return mrq_fail(err, MRQ_E_PLAIN, "not a marque container");
	struct mrq_reader r = mrq_reader_make(page0, len);
	mrq_read_skip(&r, AT_VERSION);
	uint16_t version = mrq_read_u16(&r), pages = mrq_read_u16(&r);
	if (r.failed)
		return mrq_fail(err, MRQ_E_DAMAGED, "the header is cut off");
	if (version != MRQ_FORMAT_VERSION)
		return mrq_fail(err, MRQ_E_VERSION,
				"container version %u is not known to this program; "
				"it knows version %u",
				version, MRQ_FORMAT_VERSION);
	if (pages == 0 || pages > MRQ_HEADER_PAGES_MAX)
		return mrq_fail(err, MRQ_E_FORMAT,
				"a header of %u pages is not between 1 and %u", pages,
				MRQ_HEADER_PAGES_MAX);
	*ret_pages = pages;
	return MRQ_OK;
}

static uint32_t
image_checksum(const uint8_t *image, uint32_t pages)
{
	static const uint8_t none[4];
	uint32_t crc = mrq_crc32c(0, image, AT_CHECKSUM);

	crc = mrq_crc32c(crc, none, sizeof(none));
	return mrq_crc32c(crc, image + AT_CHECKSUM + 4,
			  (size_t)pages * MRQ_PAGE - AT_CHECKSUM - 4);
}

static void
image_mac(const uint8_t *image, const struct mrq_mac_key *key,
	  uint8_t ret[static MRQ_MAC_BYTES])
{
	static const uint8_t none[MRQ_MAC_BYTES + 4];
	const uint32_t rest = AT_MAC + sizeof(none);
	struct mrq_piece pieces[] = {
		{ image, AT_MAC },
		{ none, sizeof(none) },
		{ image + rest, MRQ_HEADER_FIXED - rest },
	};

	mrq_hmac(key, pieces, 3, ret);
}

static void
put_at(uint8_t *image, size_t at, uint64_t v, size_t len)
{
	struct mrq_writer w = mrq_writer_make(image + at, len);

	if (len == 8)
		mrq_write_u64(&w, v);
	else
		mrq_write_u32(&w, (uint32_t)v);
}

static uint64_t
get_at(const uint8_t *image, size_t at, size_t len)
{
	struct mrq_reader r = mrq_reader_make(image + at, len);

	return len == 8 ? mrq_read_u64(&r) : mrq_read_u32(&r);
}

uint32_t
mrq_header_inline_crc(const uint8_t *image, unsigned block)
{
	return (uint32_t)get_at(image, AT_INLINE_CRC + 4 * (size_t)block, 4);
}

void
mrq_header_seal(uint8_t *image, uint32_t pages, const struct mrq_mac_key *key)
{
	image_mac(image, key, image + AT_MAC);
	put_at(image, AT_CHECKSUM, image_checksum(image, pages), 4);
}

bool
mrq_header_authentic(const uint8_t *image, const struct mrq_mac_key *key)
{
	uint8_t mac[MRQ_MAC_BYTES];

	image_mac(image, key, mac);
	return mrq_equal(mac, image + AT_MAC, sizeof(mac));
}

void
mrq_header_mark_settled(uint8_t *image, uint32_t pages, const struct mrq_mac_key *key)
{
	put_at(image, AT_FLAGS, get_at(image, AT_FLAGS, 4) & ~(uint64_t)FLAG_UNSETTLED,
	       4);
	put_at(image, AT_SEQUENCE, get_at(image, AT_SEQUENCE, 8) + 1, 8);
	mrq_header_seal(image, pages, key);
}

/* What a decoder sees but does not keep. */
struct rest {
	uint8_t cipher;
	uint32_t flags;
	uint16_t inline_entries, reserved, owner_len;
	bool padding; /* something that must be zero is not */
};

static void
decode_fields(struct mrq_reader *r, struct mrq_header *h, struct rest *rest)
{
	uint8_t owner[OWNER_FIELD] = { 0 }, reserved[RESERVED] = { 0 };

	mrq_read_skip(r, AT_PAGES);
	h->pages = mrq_read_u16(r);
	h->block_shift = mrq_read_u8(r);
	rest->cipher = mrq_read_u8(r);
	h->licence_type = mrq_read_u8(r);
	h->tree_height = mrq_read_u8(r);
	rest->flags = mrq_read_u32(r);
	rest->inline_entries = mrq_read_u16(r);
	rest->reserved = mrq_read_u16(r);
	h->sequence = mrq_read_u64(r);
	h->size = mrq_read_u64(r);
	h->created = mrq_read_u64(r);
	h->writes = mrq_read_u64(r);
	h->generation = mrq_read_u32(r);
	h->licence_len = mrq_read_u32(r);
	mrq_read_bytes(r, h->file_id.bytes, sizeof(h->file_id.bytes));
	mrq_read_bytes(r, h->content_id.bytes, sizeof(h->content_id.bytes));
	mrq_read_bytes(r, h->label_id.bytes, sizeof(h->label_id.bytes));
	mrq_read_bytes(r, h->wrapped_key, sizeof(h->wrapped_key));
	mrq_read_bytes(r, h->commitment, sizeof(h->commitment));
	mrq_read_bytes(r, h->licence_digest, sizeof(h->licence_digest));
	mrq_read_bytes(r, h->root, sizeof(h->root));
	mrq_read_skip(r, MRQ_MAC_BYTES + 4);
	rest->owner_len = mrq_read_u16(r);
	mrq_read_bytes(r, reserved, sizeof(reserved));
	mrq_read_bytes(r, owner, sizeof(owner));
	for (unsigned i = 0; i < MRQ_INLINE_ENTRIES; i++)
		h->inline_crc[i] = mrq_read_u32(r);
	mrq_read_bytes(r, h->entries, sizeof(h->entries));

	h->unsettled = rest->flags & FLAG_UNSETTLED;
	memcpy(h->owner, owner, sizeof(h->owner));
	rest->padding =
		!all_zero(reserved, sizeof(reserved)) ||
		rest->owner_len > MRQ_MAIL_MAX ||
		!all_zero(owner + rest->owner_len, OWNER_FIELD - rest->owner_len);
}

void
mrq_header_encode(const struct mrq_header *h, const uint8_t *licence, uint8_t *image)
{
	struct mrq_writer w = mrq_writer_make(image, (size_t)h->pages * MRQ_PAGE);
	size_t owner_len = strnlen(h->owner, MRQ_MAIL_MAX);

	mrq_write_bytes(&w, magic, sizeof(magic));
	mrq_write_u16(&w, MRQ_FORMAT_VERSION);
	mrq_write_u16(&w, h->pages);
	mrq_write_u8(&w, h->block_shift);
	mrq_write_u8(&w, CIPHER_AES_256_GCM);
	mrq_write_u8(&w, h->licence_type);
	mrq_write_u8(&w, h->tree_height);
	mrq_write_u32(&w, h->unsettled ? FLAG_UNSETTLED : 0);
	mrq_write_u16(&w, MRQ_INLINE_ENTRIES);
	mrq_write_u16(&w, 0);
	mrq_write_u64(&w, h->sequence);
	mrq_write_u64(&w, h->size);
	mrq_write_u64(&w, h->created);
	mrq_write_u64(&w, h->writes);
	mrq_write_u32(&w, h->generation);
	mrq_write_u32(&w, h->licence_len);
	mrq_write_bytes(&w, h->file_id.bytes, sizeof(h->file_id.bytes));
	mrq_write_bytes(&w, h->content_id.bytes, sizeof(h->content_id.bytes));
	mrq_write_bytes(&w, h->label_id.bytes, sizeof(h->label_id.bytes));
	mrq_write_bytes(&w, h->wrapped_key, sizeof(h->wrapped_key));
	mrq_write_bytes(&w, h->commitment, sizeof(h->commitment));
	mrq_write_bytes(&w, h->licence_digest, sizeof(h->licence_digest));
	mrq_write_bytes(&w, h->root, sizeof(h->root));
	mrq_write_fill(&w, 0, MRQ_MAC_BYTES + 4);
	mrq_write_u16(&w, (uint16_t)owner_len);
	mrq_write_fill(&w, 0, RESERVED);
	mrq_write_bytes(&w, h->owner, owner_len);
	mrq_write_fill(&w, 0, OWNER_FIELD - owner_len);
	for (unsigned i = 0; i < MRQ_INLINE_ENTRIES; i++)
		mrq_write_u32(&w, h->unsettled ? h->inline_crc[i] : 0);
	mrq_write_bytes(&w, h->entries, sizeof(h->entries));
	mrq_write_bytes(&w, licence, h->licence_len);
	mrq_write_fill(&w, 0, w.left);
}

static enum mrq_status
refuse(struct mrq_error *err, const char *field)
{
	return mrq_fail(err, MRQ_E_FORMAT, "the header is malformed: %s", field);
}

static enum mrq_status
check_numbers(const struct mrq_header *h, const struct rest *rest,
	      struct mrq_error *err)
{
	if (rest->cipher != CIPHER_AES_256_GCM)
		return mrq_fail(err, MRQ_E_VERSION,
				"cipher %u is not known to this program", rest->cipher);
	if (rest->flags & ~FLAG_UNSETTLED)
		return refuse(err, "unknown flags");
	if (h->block_shift < MRQ_BLOCK_SHIFT_MIN ||
	    h->block_shift > MRQ_BLOCK_SHIFT_MAX)
		return refuse(err, "block size");
	if (rest->inline_entries != MRQ_INLINE_ENTRIES)
		return refuse(err, "number of inline entries");
	if (rest->reserved || rest->padding)
		return refuse(err, "reserved bytes or owner");
	if (h->sequence == 0 || h->generation == 0)
		return refuse(err, "sequence or generation");
	if (h->size > (uint64_t)MRQ_CONTAINER_SIZE_MAX)
		return refuse(err, "size");
	if (h->writes >= MRQ_GENERATION_WRITES)
		return refuse(err, "number of writes");
	for (const char *p = h->owner; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return refuse(err, "owner");
	if (strlen(h->owner) != rest->owner_len)
		return refuse(err, "owner");
	return MRQ_OK;
}

static enum mrq_status
check_licence(const struct mrq_header *h, const uint8_t *image, struct mrq_error *err)
{
	uint8_t digest[MRQ_SHA256_BYTES];

	if (h->licence_type != MRQ_LICENCE_JWS && h->licence_type != MRQ_LICENCE_XRML)
		return mrq_fail(err, MRQ_E_VERSION,
				"licence type %u is not known to this program",
				h->licence_type);
	if (h->licence_len == 0 || h->licence_len > mrq_header_licence_room(h->pages))
		return refuse(err, "length of the licence");
	const uint8_t *licence = mrq_header_licence(image);
	size_t end = MRQ_HEADER_FIXED + (size_t)h->licence_len;
	if (!all_zero(image + end, (size_t)h->pages * MRQ_PAGE - end))
		return refuse(err, "bytes after the licence");
	mrq_sha256(licence, h->licence_len, digest);
	if (memcmp(digest, h->licence_digest, sizeof(digest)) != 0)
		return refuse(err, "digest of the licence");
	return MRQ_OK;
}

static enum mrq_status
check_tree(const struct mrq_header *h, struct mrq_error *err)
{
	struct mrq_layout l = mrq_layout_make(h->pages, h->block_shift);
	uint64_t blocks = mrq_layout_blocks(&l, h->size);
	uint64_t segments = mrq_layout_segments(blocks);

	if (h->tree_height != mrq_layout_height(segments))
		return refuse(err, "height of the tree");
	if (segments == 0 && !all_zero(h->root, sizeof(h->root)))
		return refuse(err, "root of an empty tree");
	for (uint64_t i = 0; i < MRQ_INLINE_ENTRIES; i++) {
		struct mrq_entry e = mrq_entry_decode(h->entries[i]);
		bool hole = mrq_entry_is_hole(h->entries[i]);
		if (!hole &&
		    (i >= blocks || e.generation == 0 || e.generation > h->generation))
			return refuse(err, "entry of a block");
	}
	return MRQ_OK;
}

enum mrq_status
mrq_header_decode(const uint8_t *image, uint32_t pages, struct mrq_header *ret,
		  struct mrq_error *err)
{
	struct mrq_reader r = mrq_reader_make(image, (size_t)pages * MRQ_PAGE);
	struct mrq_header h;
	struct rest rest = { 0 };
	uint32_t claimed;

	MRQ_TRY(mrq_header_peek(image, (size_t)pages * MRQ_PAGE, &claimed, err));
	if (claimed != pages ||
	    image_checksum(image, pages) != get_at(image, AT_CHECKSUM, 4))
		return mrq_fail(err, MRQ_E_DAMAGED,
				"the header is damaged (wrong checksum)");
	decode_fields(&r, &h, &rest);
	MRQ_TRY(check_numbers(&h, &rest, err));
	MRQ_TRY(check_licence(&h, image, err));
	MRQ_TRY(check_tree(&h, err));
	*ret = h;
	return MRQ_OK;
}
