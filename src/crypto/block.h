/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_BLOCK_H
#define MRQ_CRYPTO_BLOCK_H

/*
 * Encryption of data blocks: AES-256-GCM (SP 800-38D), 96-bit nonces from getrandom for every
 * write of a block, never a counter.  marque-format(5) "Blocks".
 *
 * A cipher holds the expanded key of one (file, generation) and a small pool of contexts; many
 * threads may use it at once.  Ciphertext is as long as plaintext; AAD is fixed by the format:
 * version u16, file id, block index u64, generation u32, all little-endian.
 */
#include "secret.h"

#include <marque/types.h>

#define MRQ_NONCE_BYTES       12
#define MRQ_TAG_BYTES         16
#define MRQ_BLOCK_MAX         65536 /* bytes of one block; more is MRQ_E_LIMIT */
#define MRQ_BLOCK_AAD_VERSION 1     /* the format's version as it stands in the AAD */

struct mrq_block_cipher;

MRQ_MUST_CHECK enum mrq_status mrq_block_cipher_new(const struct mrq_data_key *dk,
						    const struct mrq_guid *file_id,
						    uint32_t generation,
						    struct mrq_block_cipher **ret,
						    struct mrq_error *err);
void mrq_block_cipher_free(struct mrq_block_cipher *cipher);
MRQ_DEFINE_CLEANUP(mrq_block_cipher_free, struct mrq_block_cipher *)

/** Encrypt one block under a fresh random nonce.  in and out may be the same buffer. */
MRQ_MUST_CHECK enum mrq_status
mrq_block_encrypt(struct mrq_block_cipher *cipher, uint64_t index, const uint8_t *in,
		  uint8_t *out, size_t len, uint8_t nonce[static MRQ_NONCE_BYTES],
		  uint8_t tag[static MRQ_TAG_BYTES], struct mrq_error *err);

/**
 * Decrypt one block.  On MRQ_E_DAMAGED out is wiped.  in and out may be the same buffer.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_block_decrypt(struct mrq_block_cipher *cipher, uint64_t index, const uint8_t *in,
		  uint8_t *out, size_t len, const uint8_t nonce[static MRQ_NONCE_BYTES],
		  const uint8_t tag[static MRQ_TAG_BYTES], struct mrq_error *err);

#endif
