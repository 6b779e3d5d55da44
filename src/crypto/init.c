/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "internal.h"

#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <pthread.h>
#include <sodium.h>

#include <stdbool.h>

#define SECURE_HEAP_BYTES 32768 /* OpenSSL's copies of private scalars while in use */
#define SECURE_HEAP_MIN   32

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *missing; /* what could not be started; NULL when all is well */
static struct mrq_algorithms algorithms;
static pthread_key_t kwp_key;
static _Thread_local EVP_CIPHER_CTX *own;
static EVP_CIPHER_CTX *shared; /* guarded by shared_lock */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void
kwp_exit(void *kwp)
{
	own = NULL;
	EVP_CIPHER_CTX_free(kwp);
}

static EVP_CIPHER_CTX *
kwp_new(void)
{
	static const uint8_t zeros[MRQ_KEY_BYTES];
	EVP_CIPHER_CTX *kwp MRQ_CLEANUP(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();

	if (!kwp)
		return NULL;
	EVP_CIPHER_CTX_set_flags(kwp, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_CipherInit_ex2(kwp, algorithms.kwp, zeros, NULL, 1, NULL) != 1)
		return NULL;
	return MRQ_STEAL(kwp);
}

/*
 * OpenSSL learns the algorithms of a kind when one of them is first asked for, and if there was no
 * memory just then it never learns the rest: so while there is.
 */
static bool
know_all(void)
{
	EVP_KEYMGMT *keys = EVP_KEYMGMT_fetch(NULL, "EC", NULL);
	EVP_SIGNATURE *signs = EVP_SIGNATURE_fetch(NULL, "ECDSA", NULL);
	EVP_KEYEXCH *agrees = EVP_KEYEXCH_fetch(NULL, "ECDH", NULL);
	EVP_MAC *macs = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_KDF *derives = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_RAND *draws = EVP_RAND_fetch(NULL, "CTR-DRBG", NULL);
	bool all = keys && signs && agrees && macs && derives && draws;

	EVP_RAND_free(draws);
	EVP_KDF_free(derives);
	EVP_MAC_free(macs);
	EVP_KEYEXCH_free(agrees);
	EVP_SIGNATURE_free(signs);
	EVP_KEYMGMT_free(keys);
	return all;
}

static void
start(void)
{
	if (sodium_init() < 0) {
		missing = "libsodium";
		return;
	}
	/*
	 * Threads may still encrypt while another one calls exit.  No secure heap: it is of
	 * fixed size, each thread's generator keeps some of it, and once it is used up every
	 * signature fails; OpenSSL wipes private numbers on its plain heap as well.
	 */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) != 1) {
		missing = "OpenSSL";
		return;
	}
	algorithms.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algorithms.kw = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
	algorithms.kwp = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
	algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!algorithms.gcm || !algorithms.kw || !algorithms.kwp ||
	    !algorithms.sha256) {
		missing = "AES-256 and SHA-256 of OpenSSL";
		return;
	}
	if (!know_all()) {
		missing = "ECDSA, ECDH, HMAC and HKDF of OpenSSL";
		return;
	}
	if (pthread_key_create(&kwp_key, kwp_exit) != 0 || !(shared = kwp_new()))
		missing = "contexts of OpenSSL";
}

enum mrq_status
mrq_crypto_init(struct mrq_error *err)
{
	(void)pthread_once(&once, start);
	if (missing)
		return mrq_fail(err, MRQ_E_NOMEM,
				"cannot start cryptography: no %s; check OpenSSL's "
				"configuration and the memory limit",
				missing);
	return MRQ_OK;
}

const struct mrq_algorithms *
mrq_algorithms_get(void)
{
	mrq_must(mrq_crypto_init(NULL) == MRQ_OK);
	return &algorithms;
}

EVP_CIPHER_CTX *
mrq_kwp_take(void)
{
	if (own)
		return own;

	mrq_must(mrq_crypto_init(NULL) == MRQ_OK);
	EVP_CIPHER_CTX *kwp MRQ_CLEANUP(EVP_CIPHER_CTX_free) = kwp_new();
	if (kwp && pthread_setspecific(kwp_key, kwp) == 0) {
		own = MRQ_STEAL(kwp);
		return own;
	}
	(void)pthread_mutex_lock(&shared_lock);
	return shared;
}

void
mrq_kwp_give(EVP_CIPHER_CTX *kwp)
{
	if (kwp == shared)
		(void)pthread_mutex_unlock(&shared_lock);
}
