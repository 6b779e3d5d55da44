/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_PFILE_H
#define MRQ_CRYPTO_PFILE_H

/*
 * Ciphers of the content of .pfile files: AES with 128, 192 or 256 bits, chained within segments
 * that stand alone, so that one can be read or written without the others.  There is no
 * integrity in the format: a wrong key or a changed byte yields other plaintext, no error.
 * Threads may share a cipher.
 */
#include "secret.h"

#include <stdbool.h>

#define MRQ_PFILE_BLOCK     16u
#define MRQ_PFILE_KEY_MAX   32u
#define MRQ_PFILE_CHUNK_MAX (1u << 30) /* bytes of one call */

enum mrq_pfile_mode {
	MRQ_PFILE_CBC4K = 1, /* segments of 4096 bytes, PKCS#7 at the very end */
	MRQ_PFILE_ECB,       /* no chaining, no padding */
	MRQ_PFILE_CBC512,    /* segments of 512 bytes, no padding */
};

struct mrq_pfile_key {
	uint8_t bytes[MRQ_PFILE_KEY_MAX];
	size_t len; /* bytes: 16, 24 or 32 */
};
void mrq_pfile_key_wipe(struct mrq_pfile_key *key);
MRQ_DEFINE_CLEANUP_VALUE(mrq_pfile_key_wipe, struct mrq_pfile_key)
/** MRQ_E_INVAL when len is not 16, 24 or 32. */
MRQ_MUST_CHECK enum mrq_status
mrq_pfile_key_random(size_t len, struct mrq_pfile_key *ret, struct mrq_error *err);
/** A key as a use licence carries it; MRQ_E_VERSION when no AES key is that long. */
MRQ_MUST_CHECK enum mrq_status mrq_pfile_key_import(const void *bytes, size_t len,
						    struct mrq_pfile_key *ret,
						    struct mrq_error *err);

/** The name in a use licence ("MICROSOFT.CBC4K"), in any case; false when unknown. */
bool mrq_pfile_mode_parse(const char *name, enum mrq_pfile_mode *ret);
const char *mrq_pfile_mode_name(enum mrq_pfile_mode mode);
/** Bytes of a segment; for ECB those of a block. */
size_t mrq_pfile_segment(enum mrq_pfile_mode mode);

struct mrq_pfile_cipher;

/** The key is copied into locked memory.  MRQ_E_NOMEM; MRQ_E_SYS. */
MRQ_MUST_CHECK enum mrq_status mrq_pfile_cipher_new(const struct mrq_pfile_key *key,
						    enum mrq_pfile_mode mode,
						    struct mrq_pfile_cipher **ret,
						    struct mrq_error *err);
void mrq_pfile_cipher_free(struct mrq_pfile_cipher *cipher);
MRQ_DEFINE_CLEANUP(mrq_pfile_cipher_free, struct mrq_pfile_cipher *)

/**
 * Encrypt or decrypt len bytes that stand at byte off of the content.
 *
 * @off   multiple of MRQ_PFILE_BLOCK, as len; for CBC4K below 16 TiB, where its count ends
 * @prev  the 16 bytes of ciphertext before off; may be NULL where a segment begins
 * @in    may be the same buffer as out
 *
 * Returns MRQ_OK; MRQ_E_INVAL for other offsets and lengths, or prev missing; MRQ_E_LIMIT;
 * MRQ_E_NOMEM; MRQ_E_SYS.
 */
MRQ_MUST_CHECK enum mrq_status mrq_pfile_encrypt(const struct mrq_pfile_cipher *cipher,
						 uint64_t off, const uint8_t *prev,
						 const uint8_t *in, uint8_t *out,
						 size_t len, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_pfile_decrypt(const struct mrq_pfile_cipher *cipher,
						 uint64_t off, const uint8_t *prev,
						 const uint8_t *in, uint8_t *out,
						 size_t len, struct mrq_error *err);

/** Put the padding of a message of size bytes into the rest of its last block: 1 to 16. */
size_t mrq_pfile_pad(uint8_t block[static MRQ_PFILE_BLOCK], uint64_t size);
/**
 * Bytes of padding in the last block of plaintext, 1 to 16.  MRQ_E_DAMAGED when there is none:
 * another key or mode, or damage; which one is never told apart.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_pfile_unpad(const uint8_t block[static MRQ_PFILE_BLOCK], size_t *ret,
		struct mrq_error *err);

#endif
