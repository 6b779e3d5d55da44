/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_SECRET_H
#define MRQ_CRYPTO_SECRET_H

/*
 * Secrets: one type per kind of key, so that swapping two does not compile and none can
 * be printed.  The bytes are for crypto/ only.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define MRQ_KEY_BYTES 32

struct mrq_content_key { /* in the publishing licence, sealed to the authority */
	uint8_t bytes[MRQ_KEY_BYTES];
};
struct mrq_data_key { /* of one file, wrapped in its header */
	uint8_t bytes[MRQ_KEY_BYTES];
};
struct mrq_wrap_key { /* HKDF(content key, file id): wraps the data key */
	uint8_t bytes[MRQ_KEY_BYTES];
};
struct mrq_mac_key { /* header MAC or tree MAC */
	uint8_t bytes[MRQ_KEY_BYTES];
};
struct mrq_block_key { /* HKDF(data key, generation) */
	uint8_t bytes[MRQ_KEY_BYTES];
};
struct mrq_seal_key { /* state at rest: cache values, key store */
	uint8_t bytes[MRQ_KEY_BYTES];
};

void mrq_content_key_wipe(struct mrq_content_key *key);
void mrq_data_key_wipe(struct mrq_data_key *key);
void mrq_wrap_key_wipe(struct mrq_wrap_key *key);
void mrq_mac_key_wipe(struct mrq_mac_key *key);
void mrq_block_key_wipe(struct mrq_block_key *key);
void mrq_seal_key_wipe(struct mrq_seal_key *key);
MRQ_DEFINE_CLEANUP_VALUE(mrq_content_key_wipe, struct mrq_content_key)
MRQ_DEFINE_CLEANUP_VALUE(mrq_data_key_wipe, struct mrq_data_key)
MRQ_DEFINE_CLEANUP_VALUE(mrq_wrap_key_wipe, struct mrq_wrap_key)
MRQ_DEFINE_CLEANUP_VALUE(mrq_mac_key_wipe, struct mrq_mac_key)
MRQ_DEFINE_CLEANUP_VALUE(mrq_block_key_wipe, struct mrq_block_key)
MRQ_DEFINE_CLEANUP_VALUE(mrq_seal_key_wipe, struct mrq_seal_key)

/** Start libsodium and OpenSSL, fetch the ciphers once.  Idempotent, thread-safe. */
MRQ_MUST_CHECK enum mrq_status mrq_crypto_init(struct mrq_error *err);

void mrq_content_key_random(struct mrq_content_key *ret);
void mrq_data_key_random(struct mrq_data_key *ret);
void mrq_seal_key_random(struct mrq_seal_key *ret);

/**
 * Wiped-on-free memory from one arena, for file and licence keys: memfd_secret where the kernel has
 * it, so that not even root's debugger or a hibernation sees it, else mlock, MADV_DONTDUMP and
 * MADV_WIPEONFORK.  NULL when the arena cannot grow (RLIMIT_MEMLOCK).  Thread-safe.  A child
 * finds zeros there and its memory unlocked: a daemon forks before it takes its first key.
 */
void *mrq_secret_alloc(size_t len);
void mrq_secret_free(void *p);
/** A heap buffer for short-lived plaintext secrets such as passphrases: wiped when freed. */
struct mrq_secret_buf {
	uint8_t *data;
	size_t len;
};
void mrq_secret_buf_clear(struct mrq_secret_buf *buf);
MRQ_DEFINE_CLEANUP_VALUE(mrq_secret_buf_clear, struct mrq_secret_buf)
MRQ_MUST_CHECK enum mrq_status mrq_secret_buf_init(struct mrq_secret_buf *ret,
						   size_t len, struct mrq_error *err);

/** Wipe any memory so that the compiler cannot leave it out. */
void mrq_wipe(void *p, size_t len);
/** Random bytes for ids and salts (getrandom). */
void mrq_random(void *ret, size_t len);
/** Constant-time comparison. */
int mrq_equal(const void *a, const void *b, size_t len); /* 1 when equal */

#endif
