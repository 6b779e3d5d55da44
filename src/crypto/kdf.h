/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_KDF_H
#define MRQ_CRYPTO_KDF_H

/*
 * Key derivation and wrapping of the container, marque-format(5) "Keys".
 * HKDF-SHA-256 (RFC 5869), AES-256-KWP (RFC 5649).
 */
#include "secret.h"

#include <marque/types.h>

#define MRQ_WRAPPED_BYTES 40
#define MRQ_COMMIT_BYTES  32

/**
 * The content key of a publishing licence, from the seed that is sealed in it: bound to content
 * id and publishing key (kid, at most 64 characters), so that a sealed seed copied into another's
 * licence opens nothing.
 */
void mrq_kdf_content_key(const struct mrq_content_key *seed,
			 const struct mrq_guid *content_id, const char *publishing_kid,
			 struct mrq_content_key *ret);
void mrq_kdf_wrap_key(const struct mrq_content_key *ck, const struct mrq_guid *file_id,
		      struct mrq_wrap_key *ret);
void mrq_kdf_header_key(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
			struct mrq_mac_key *ret);
void mrq_kdf_tree_key(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
		      struct mrq_mac_key *ret);
void mrq_kdf_block_key(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
		       uint32_t generation, struct mrq_block_key *ret);
/** Key commitment: a value that only this data key yields (GCM does not commit). */
void mrq_kdf_commitment(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
			uint8_t ret[static MRQ_COMMIT_BYTES]);

void mrq_key_wrap(const struct mrq_wrap_key *wk, const struct mrq_data_key *dk,
		  uint8_t ret[static MRQ_WRAPPED_BYTES]);
/** MRQ_E_DAMAGED when the wrapped key is not this wrap key's. */
MRQ_MUST_CHECK enum mrq_status
mrq_key_unwrap(const struct mrq_wrap_key *wk,
	       const uint8_t wrapped[static MRQ_WRAPPED_BYTES],
	       struct mrq_data_key *ret, struct mrq_error *err);

#endif
