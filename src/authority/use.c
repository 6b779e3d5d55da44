/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/use.h"

#include "base/bytes.h"

#include <assert.h>
#include <string.h>

/*
 * version u8, flags u8, programs u8, reserved u8 (0), content, label and template id, rights u32,
 * issued, expires, valid_until and epoch u64, identity 32, key 32 (zeros when there is none).
 */
#define USE_VERSION 2
#define USE_BYTES   (4 + 3 * 16 + 4 + 4 * 8 + MRQ_SHA256_BYTES + MRQ_KEY_BYTES)
_Static_assert(USE_BYTES <= MRQ_USE_LICENCE_BYTES, "the bound holds the encoded form");

enum use_flag {
	USE_OWNER = 1,
	USE_ISSUER = 2,
	USE_SUPER_USER = 4,
	USE_HAS_KEY = 8,
	USE_LIST_RIGHTS = 16,
	USE_NEVER_STORE = 32,
};
#define USE_FLAGS_ALL 63u

void
mrq_use_licence_wipe(struct mrq_use_licence *use)
{
	mrq_wipe(use, sizeof(*use));
}

static uint8_t
flags_of(const struct mrq_use_licence *use)
{
	unsigned flags = 0;

	flags |= use->owner ? USE_OWNER : 0u;
	flags |= use->issuer ? USE_ISSUER : 0u;
	flags |= use->super_user ? USE_SUPER_USER : 0u;
	flags |= use->has_key ? USE_HAS_KEY : 0u;
	flags |= use->list_rights ? USE_LIST_RIGHTS : 0u;
	flags |= use->never_store ? USE_NEVER_STORE : 0u;
	return (uint8_t)flags;
}

size_t
mrq_use_licence_encode(const struct mrq_use_licence *use,
		       uint8_t ret[static MRQ_USE_LICENCE_BYTES])
{
	struct mrq_writer w = mrq_writer_make(ret, USE_BYTES);

	mrq_write_u8(&w, USE_VERSION);
	mrq_write_u8(&w, flags_of(use));
	mrq_write_u8(&w, (uint8_t)use->programs);
	mrq_write_u8(&w, 0);
	mrq_write_bytes(&w, &use->content_id, sizeof(use->content_id));
	mrq_write_bytes(&w, &use->label_id, sizeof(use->label_id));
	mrq_write_bytes(&w, &use->template_id, sizeof(use->template_id));
	mrq_write_u32(&w, use->rights);
	mrq_write_u64(&w, (uint64_t)use->issued);
	mrq_write_u64(&w, (uint64_t)use->expires);
	mrq_write_u64(&w, (uint64_t)use->valid_until);
	mrq_write_u64(&w, use->epoch);
	mrq_write_bytes(&w, use->identity, sizeof(use->identity));
	if (use->has_key)
		mrq_write_bytes(&w, &use->key, sizeof(use->key));
	else
		mrq_write_fill(&w, 0, sizeof(use->key));
	assert(!w.failed && w.left == 0);
	return USE_BYTES;
}

static void
fields_read(struct mrq_reader *r, struct mrq_use_licence *use)
{
	mrq_read_bytes(r, &use->content_id, sizeof(use->content_id));
	mrq_read_bytes(r, &use->label_id, sizeof(use->label_id));
	mrq_read_bytes(r, &use->template_id, sizeof(use->template_id));
	use->rights = mrq_read_u32(r);
	use->issued = (int64_t)mrq_read_u64(r);
	use->expires = (int64_t)mrq_read_u64(r);
	use->valid_until = (int64_t)mrq_read_u64(r);
	use->epoch = mrq_read_u64(r);
	mrq_read_bytes(r, use->identity, sizeof(use->identity));
	mrq_read_bytes(r, &use->key, sizeof(use->key));
}

static void
flags_set(struct mrq_use_licence *use, uint8_t flags)
{
	use->owner = flags & USE_OWNER;
	use->issuer = flags & USE_ISSUER;
	use->super_user = flags & USE_SUPER_USER;
	use->has_key = flags & USE_HAS_KEY;
	use->list_rights = flags & USE_LIST_RIGHTS;
	use->never_store = flags & USE_NEVER_STORE;
}

static bool
key_present(const struct mrq_use_licence *use)
{
	static const struct mrq_content_key none;

	return !mrq_equal(&use->key, &none, sizeof(none));
}

/* What no encoder of ours writes is refused: a key without a right, a right that has no name. */
static bool
consistent(const struct mrq_use_licence *use)
{
	if (use->rights & ~MRQ_RIGHTS_ALL)
		return false;
	if (use->has_key != key_present(use))
		return false;
	return !use->has_key || use->rights != 0;
}

enum mrq_status
mrq_use_licence_decode(const uint8_t *data, size_t len, struct mrq_use_licence *ret,
		       struct mrq_error *err)
{
	struct mrq_use_licence use MRQ_CLEANUP(mrq_use_licence_wipe) = { 0 };
	struct mrq_reader r = mrq_reader_make(data, len);
	uint8_t version = mrq_read_u8(&r);
	uint8_t flags = mrq_read_u8(&r);
	uint8_t programs = mrq_read_u8(&r);
	uint8_t reserved = mrq_read_u8(&r);

	if (!r.failed && version != USE_VERSION)
		return mrq_fail(
			err, MRQ_E_VERSION,
			"cached use licence has version %u, this build knows %d",
			version, USE_VERSION);
	fields_read(&r, &use);
	flags_set(&use, flags);
	use.programs = (enum mrq_programs_switch)programs;
	if (r.failed || r.left != 0 || (flags & ~USE_FLAGS_ALL) != 0 || reserved != 0 ||
	    programs > MRQ_PROGRAMS_ANY || !consistent(&use))
		return mrq_fail(err, MRQ_E_FORMAT, "cached use licence is malformed");
	*ret = use;
	return MRQ_OK;
}
