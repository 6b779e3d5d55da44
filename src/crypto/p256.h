/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CRYPTO_P256_H
#define MRQ_CRYPTO_P256_H

/* P-256 on OpenSSL: points, ES256, ECDH.  Scalars are 32 bytes in the machine's order. */
#include "internal.h"

#define MRQ_P256_BYTES  32
#define MRQ_POINT_BYTES 65 /* uncompressed: 0x04, x, y */
#define MRQ_ES256_BYTES 64 /* r, s: RFC 7518 section 3.4 */

/** A fresh scalar. */
MRQ_MUST_CHECK enum mrq_status mrq_p256_generate(uint8_t ret[static MRQ_P256_BYTES],
						 struct mrq_error *err);
/** The scalar of a big-endian number; MRQ_E_FORMAT when it is not in [1, n). */
MRQ_MUST_CHECK enum mrq_status mrq_p256_import(const uint8_t be[static MRQ_P256_BYTES],
					       uint8_t ret[static MRQ_P256_BYTES],
					       struct mrq_error *err);
void mrq_p256_export(const uint8_t scalar[static MRQ_P256_BYTES],
		     uint8_t be[static MRQ_P256_BYTES]);
MRQ_MUST_CHECK enum mrq_status
mrq_p256_public_point(const uint8_t scalar[static MRQ_P256_BYTES],
		      uint8_t ret[static MRQ_POINT_BYTES], struct mrq_error *err);

/** A public key; MRQ_E_FORMAT when the point is not on the curve. */
MRQ_MUST_CHECK enum mrq_status
mrq_p256_public_pkey(const uint8_t point[static MRQ_POINT_BYTES], EVP_PKEY **ret,
		     struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status
mrq_p256_private_pkey(const uint8_t scalar[static MRQ_P256_BYTES],
		      const uint8_t point[static MRQ_POINT_BYTES], EVP_PKEY **ret,
		      struct mrq_error *err);

MRQ_MUST_CHECK enum mrq_status mrq_es256_sign(EVP_PKEY *key, const void *data,
					      size_t len,
					      uint8_t ret[static MRQ_ES256_BYTES],
					      struct mrq_error *err);
/** MRQ_E_FORGED when the signature is wrong. */
MRQ_MUST_CHECK enum mrq_status
mrq_es256_verify(EVP_PKEY *key, const void *data, size_t len,
		 const uint8_t sig[static MRQ_ES256_BYTES], struct mrq_error *err);

/** The x coordinate of the shared point. */
MRQ_MUST_CHECK enum mrq_status mrq_p256_ecdh(EVP_PKEY *mine, EVP_PKEY *peer,
					     uint8_t ret[static MRQ_P256_BYTES],
					     struct mrq_error *err);

#endif
