/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_SEAL_H
#define MRQ_CRYPTO_SEAL_H

/*
 * Secrets at rest: XChaCha20-Poly1305 boxes, keys from passphrases (Argon2id), keys bound to a
 * machine (HKDF of a root-only secret and the machine id).
 */
#include "secret.h"

#define MRQ_SEAL_OVERHEAD  40 /* nonce 24, tag 16 */
#define MRQ_SALT_BYTES     16
#define MRQ_PASSPHRASE_MAX 4096 /* bytes */

/** Seal: ret holds len + MRQ_SEAL_OVERHEAD bytes.  aad (may be NULL) is authenticated. */
void mrq_seal(const struct mrq_seal_key *key, const void *data, size_t len,
	      const void *aad, size_t aad_len, uint8_t *ret);
/** Open: ret holds len - MRQ_SEAL_OVERHEAD bytes.  MRQ_E_DAMAGED when it was not sealed so. */
MRQ_MUST_CHECK enum mrq_status mrq_unseal(const struct mrq_seal_key *key,
					  const void *sealed, size_t len,
					  const void *aad, size_t aad_len, uint8_t *ret,
					  struct mrq_error *err);

/** Cost of a passphrase hash, stored beside its salt. */
struct mrq_kdf_cost {
	uint32_t passes;
	uint32_t memory_kib;
};
#define MRQ_KDF_COST_DEFAULT ((struct mrq_kdf_cost){ 3, 65536 })
/** Bounds for costs read from a file: passes 1 to 100, memory 8 MiB to 1 GiB; else MRQ_E_LIMIT. */
MRQ_MUST_CHECK enum mrq_status
mrq_seal_key_from_passphrase(const struct mrq_secret_buf *passphrase,
			     const uint8_t salt[static MRQ_SALT_BYTES],
			     const struct mrq_kdf_cost *cost, struct mrq_seal_key *ret,
			     struct mrq_error *err);
/** HKDF(secret, salt = machine id, info = purpose). */
void mrq_seal_key_from_machine(const struct mrq_seal_key *secret,
			       const char *machine_id, const char *purpose,
			       struct mrq_seal_key *ret);

#endif
