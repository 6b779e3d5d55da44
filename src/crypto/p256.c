/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "p256.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>

#include <stdbool.h>
#include <string.h>

#define DER_MAX        80  /* of an ES256 signature: 72 */
#define GENERATE_TRIES 128 /* each fails once in 2^32 */

MRQ_DEFINE_CLEANUP(BN_clear_free, BIGNUM *)
MRQ_DEFINE_CLEANUP(BN_CTX_free, BN_CTX *)
MRQ_DEFINE_CLEANUP(EC_GROUP_free, EC_GROUP *)
MRQ_DEFINE_CLEANUP(EC_POINT_free, EC_POINT *)
MRQ_DEFINE_CLEANUP(ECDSA_SIG_free, ECDSA_SIG *)

/* The error queue of OpenSSL is the thread's: what we leave there is somebody's riddle. */
static enum mrq_status
fail(struct mrq_error *err, enum mrq_status status, const char *what)
{
	ERR_clear_error();
	return mrq_fail(err, status, "%s", what);
}

enum mrq_status
mrq_p256_import(const uint8_t be[static MRQ_P256_BYTES],
		uint8_t ret[static MRQ_P256_BYTES], struct mrq_error *err)
{
	EC_GROUP *group MRQ_CLEANUP(EC_GROUP_free) =
		EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	BIGNUM *d MRQ_CLEANUP(BN_clear_free) = BN_secure_new();

	if (!group || !d || !BN_bin2bn(be, MRQ_P256_BYTES, d))
		return fail(err, MRQ_E_NOMEM, "no memory for a private key");
	if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
		return fail(err, MRQ_E_FORMAT, "a private key is out of range");
	mrq_must(BN_bn2nativepad(d, ret, MRQ_P256_BYTES) == MRQ_P256_BYTES);
	return MRQ_OK;
}

void
mrq_p256_export(const uint8_t scalar[static MRQ_P256_BYTES],
		uint8_t be[static MRQ_P256_BYTES])
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	for (size_t i = 0; i < MRQ_P256_BYTES; i++)
		be[i] = scalar[MRQ_P256_BYTES - 1 - i];
#else
	memcpy(be, scalar, MRQ_P256_BYTES);
#endif
}

enum mrq_status
mrq_p256_generate(uint8_t ret[static MRQ_P256_BYTES], struct mrq_error *err)
{
	uint8_t random[MRQ_P256_BYTES];
	enum mrq_status s = MRQ_E_FORMAT;

	for (int i = 0; i < GENERATE_TRIES && s == MRQ_E_FORMAT; i++) {
		mrq_random(random, sizeof(random));
		s = mrq_p256_import(random, ret, err);
	}
	mrq_wipe(random, sizeof(random));
	return s;
}

enum mrq_status
mrq_p256_public_point(const uint8_t scalar[static MRQ_P256_BYTES],
		      uint8_t ret[static MRQ_POINT_BYTES], struct mrq_error *err)
{
	EC_GROUP *group MRQ_CLEANUP(EC_GROUP_free) =
		EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point MRQ_CLEANUP(EC_POINT_free) = group ? EC_POINT_new(group) : NULL;
	BIGNUM *d MRQ_CLEANUP(BN_clear_free) = BN_secure_new();
	BN_CTX *ctx MRQ_CLEANUP(BN_CTX_free) = BN_CTX_secure_new();

	if (!point || !d || !ctx || !BN_native2bn(scalar, MRQ_P256_BYTES, d))
		return fail(err, MRQ_E_NOMEM, "no memory for a public key");
	BN_set_flags(d, BN_FLG_CONSTTIME);
	if (EC_POINT_mul(group, point, d, NULL, NULL, ctx) != 1 ||
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, ret,
			       MRQ_POINT_BYTES, ctx) != MRQ_POINT_BYTES)
		return fail(err, MRQ_E_NOMEM, "OpenSSL cannot make a public key");
	return MRQ_OK;
}

static enum mrq_status
pkey_from(OSSL_PARAM *params, int selection, EVP_PKEY **ret, struct mrq_error *err)
{
	EVP_PKEY_CTX *ctx MRQ_CLEANUP(EVP_PKEY_CTX_free) =
		EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *key MRQ_CLEANUP(EVP_PKEY_free) = NULL;

	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1)
		return fail(err, MRQ_E_NOMEM, "no memory for a key");
	if (EVP_PKEY_fromdata(ctx, &key, selection, params) != 1)
		return fail(err, MRQ_E_FORMAT, "a public key is not a point of P-256");
	*ret = MRQ_STEAL(key);
	return MRQ_OK;
}

/* OSSL_PARAM has no const, though nothing is written through these. */
static OSSL_PARAM
octets(const char *name, unsigned type, const uint8_t *data, size_t len)
{
	return (OSSL_PARAM){ .key = name,
			     .data_type = type,
			     .data = (void *)(uintptr_t)data,
			     .data_size = len };
}

static OSSL_PARAM
group_name(void)
{
	static char name[] = "prime256v1";

	return OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0);
}

enum mrq_status
mrq_p256_public_pkey(const uint8_t point[static MRQ_POINT_BYTES], EVP_PKEY **ret,
		     struct mrq_error *err)
{
	OSSL_PARAM params[] = {
		group_name(),
		octets(OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING, point,
		       MRQ_POINT_BYTES),
		OSSL_PARAM_construct_end(),
	};

	return pkey_from(params, EVP_PKEY_PUBLIC_KEY, ret, err);
}

enum mrq_status
mrq_p256_private_pkey(const uint8_t scalar[static MRQ_P256_BYTES],
		      const uint8_t point[static MRQ_POINT_BYTES], EVP_PKEY **ret,
		      struct mrq_error *err)
{
	OSSL_PARAM params[] = {
		group_name(),
		octets(OSSL_PKEY_PARAM_PUB_KEY, OSSL_PARAM_OCTET_STRING, point,
		       MRQ_POINT_BYTES),
		octets(OSSL_PKEY_PARAM_PRIV_KEY, OSSL_PARAM_UNSIGNED_INTEGER, scalar,
		       MRQ_P256_BYTES),
		OSSL_PARAM_construct_end(),
	};

	return pkey_from(params, EVP_PKEY_KEYPAIR, ret, err);
}

static enum mrq_status
raw_from_der(const uint8_t *der, size_t len, uint8_t ret[static MRQ_ES256_BYTES],
	     struct mrq_error *err)
{
	ECDSA_SIG *sig MRQ_CLEANUP(ECDSA_SIG_free) =
		d2i_ECDSA_SIG(NULL, &der, (long)len);

	if (!sig)
		return fail(err, MRQ_E_NOMEM, "no memory for a signature");
	mrq_must(BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, 32) == 32);
	mrq_must(BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 32, 32) == 32);
	return MRQ_OK;
}

enum mrq_status
mrq_es256_sign(EVP_PKEY *key, const void *data, size_t len,
	       uint8_t ret[static MRQ_ES256_BYTES], struct mrq_error *err)
{
	EVP_MD_CTX *md MRQ_CLEANUP(EVP_MD_CTX_free) = EVP_MD_CTX_new();
	uint8_t der[DER_MAX];
	size_t der_len = sizeof(der);

	if (!md ||
	    EVP_DigestSignInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) != 1 ||
	    EVP_DigestSign(md, der, &der_len, data, len) != 1)
		return fail(err, MRQ_E_NOMEM, "OpenSSL cannot sign");
	return raw_from_der(der, der_len, ret, err);
}

/* Length of the DER form in ret, 0 without memory. */
static size_t
der_from_raw(const uint8_t raw[static MRQ_ES256_BYTES], uint8_t ret[static DER_MAX])
{
	ECDSA_SIG *sig MRQ_CLEANUP(ECDSA_SIG_free) = ECDSA_SIG_new();
	BIGNUM *r MRQ_CLEANUP(BN_clear_free) = BN_bin2bn(raw, 32, NULL);
	BIGNUM *s MRQ_CLEANUP(BN_clear_free) = BN_bin2bn(raw + 32, 32, NULL);

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1)
		return 0;
	r = NULL;
	s = NULL;
	/* Two numbers of 32 bytes: never more than DER_MAX. */
	int len = i2d_ECDSA_SIG(sig, &ret);
	return len > 0 ? (size_t)len : 0;
}

enum mrq_status
mrq_es256_verify(EVP_PKEY *key, const void *data, size_t len,
		 const uint8_t sig[static MRQ_ES256_BYTES], struct mrq_error *err)
{
	EVP_MD_CTX *md MRQ_CLEANUP(EVP_MD_CTX_free) = EVP_MD_CTX_new();
	uint8_t der[DER_MAX];
	size_t der_len = der_from_raw(sig, der);

	if (!md || der_len == 0 ||
	    EVP_DigestVerifyInit_ex(md, NULL, "SHA256", NULL, NULL, key, NULL) != 1)
		return fail(err, MRQ_E_NOMEM, "no memory to verify a signature");
	if (EVP_DigestVerify(md, der, der_len, data, len) != 1)
		return fail(err, MRQ_E_FORGED, "the signature is wrong");
	return MRQ_OK;
}

enum mrq_status
mrq_p256_ecdh(EVP_PKEY *mine, EVP_PKEY *peer, uint8_t ret[static MRQ_P256_BYTES],
	      struct mrq_error *err)
{
	EVP_PKEY_CTX *ctx MRQ_CLEANUP(EVP_PKEY_CTX_free) = EVP_PKEY_CTX_new(mine, NULL);
	size_t len = MRQ_P256_BYTES;

	if (!ctx || EVP_PKEY_derive_init(ctx) != 1)
		return fail(err, MRQ_E_NOMEM, "no memory for a key agreement");
	if (EVP_PKEY_derive_set_peer(ctx, peer) != 1 ||
	    EVP_PKEY_derive(ctx, ret, &len) != 1 || len != MRQ_P256_BYTES)
		return fail(err, MRQ_E_DAMAGED, "the key agreement fails");
	return MRQ_OK;
}
