/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "seal.h"

#include <sodium.h>

#include "internal.h"

#include <string.h>

#define NONCE          crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define PASSES_MAX     100u
#define MEMORY_MIN_KIB 8192u
#define MEMORY_MAX_KIB 1048576u

_Static_assert(NONCE + crypto_aead_xchacha20poly1305_ietf_ABYTES == MRQ_SEAL_OVERHEAD,
	       "seal overhead");
_Static_assert(crypto_pwhash_SALTBYTES == MRQ_SALT_BYTES, "salt");

void
mrq_seal(const struct mrq_seal_key *key, const void *data, size_t len, const void *aad,
	 size_t aad_len, uint8_t *ret)
{
	mrq_random(ret, NONCE);
	mrq_must(crypto_aead_xchacha20poly1305_ietf_encrypt(ret + NONCE, NULL, data,
							    len, aad, aad_len, NULL,
							    ret, key->bytes) == 0);
}

enum mrq_status
mrq_unseal(const struct mrq_seal_key *key, const void *sealed, size_t len,
	   const void *aad, size_t aad_len, uint8_t *ret, struct mrq_error *err)
{
	const uint8_t *from = sealed;

	if (len < MRQ_SEAL_OVERHEAD)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"a sealed value of %zu bytes is cut", len);
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(ret, NULL, NULL, from + NONCE,
						       len - NONCE, aad, aad_len, from,
						       key->bytes) != 0)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"a sealed value is damaged or under another key");
	return MRQ_OK;
}

enum mrq_status
mrq_seal_key_from_passphrase(const struct mrq_secret_buf *passphrase,
			     const uint8_t salt[static MRQ_SALT_BYTES],
			     const struct mrq_kdf_cost *cost, struct mrq_seal_key *ret,
			     struct mrq_error *err)
{
	if (cost->passes < 1 || cost->passes > PASSES_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"%u passes of the passphrase hash are not 1 to %u",
				cost->passes, PASSES_MAX);
	if (cost->memory_kib < MEMORY_MIN_KIB || cost->memory_kib > MEMORY_MAX_KIB)
		return mrq_fail(err, MRQ_E_LIMIT,
				"%u KiB for the passphrase hash are not %u to %u",
				cost->memory_kib, MEMORY_MIN_KIB, MEMORY_MAX_KIB);
	if (passphrase->len > MRQ_PASSPHRASE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the passphrase is longer than %d bytes",
				MRQ_PASSPHRASE_MAX);
	MRQ_TRY(mrq_crypto_init(err));
	if (crypto_pwhash(ret->bytes, sizeof(ret->bytes),
			  (const char *)passphrase->data, passphrase->len, salt,
			  cost->passes, (size_t)cost->memory_kib * 1024,
			  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the passphrase hash: %u KiB",
				cost->memory_kib);
	return MRQ_OK;
}

void
mrq_seal_key_from_machine(const struct mrq_seal_key *secret, const char *machine_id,
			  const char *purpose, struct mrq_seal_key *ret)
{
	const struct mrq_piece salt = { machine_id, strlen(machine_id) };
	const struct mrq_piece info = { purpose, strlen(purpose) };

	mrq_hkdf(&salt, secret->bytes, &info, ret->bytes);
}
