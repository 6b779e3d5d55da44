/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "internal.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <sodium.h>

#include <stdbool.h>

#define SECURE_HEAP_BYTES 32768 /* OpenSSL's copies of private scalars while in use */
#define SECURE_HEAP_MIN   32

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *missing; /* what could not be started; NULL when all is well */
static struct mrq_algorithms algorithms;
static pthread_key_t scratch_key;
static _Thread_local struct mrq_scratch *own;
static struct mrq_scratch *shared; /* guarded by shared_lock */
static pthread_mutex_t shared_lock = PTHREAD_MUTEX_INITIALIZER;

static void
scratch_free(struct mrq_scratch *s)
{
	EVP_MD_CTX_free(s->md);
	EVP_CIPHER_CTX_free(s->kwp);
	free(s);
}
MRQ_DEFINE_CLEANUP(scratch_free, struct mrq_scratch *)

static void
scratch_exit(void *s)
{
	own = NULL;
	scratch_free(s);
}

static struct mrq_scratch *
scratch_new(void)
{
	static const uint8_t zeros[MRQ_KEY_BYTES];
	struct mrq_scratch *s MRQ_CLEANUP(scratch_free) = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->md = EVP_MD_CTX_new();
	s->kwp = EVP_CIPHER_CTX_new();
	if (!s->md || !s->kwp)
		return NULL;
	EVP_CIPHER_CTX_set_flags(s->kwp, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_DigestInit_ex2(s->md, algorithms.sha256, NULL) != 1 ||
	    EVP_CipherInit_ex2(s->kwp, algorithms.kwp, zeros, NULL, 1, NULL) != 1)
		return NULL;
	return MRQ_STEAL(s);
}

static void
start(void)
{
	if (sodium_init() < 0) {
		missing = "libsodium";
		return;
	}
	/* Threads may still encrypt while another one calls exit. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL) != 1) {
		missing = "OpenSSL";
		return;
	}
	/* Without it, for want of lockable memory, OpenSSL uses its plain heap. */
	(void)CRYPTO_secure_malloc_init(SECURE_HEAP_BYTES, SECURE_HEAP_MIN);
	algorithms.gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	algorithms.kw = EVP_CIPHER_fetch(NULL, "AES-256-WRAP", NULL);
	algorithms.kwp = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
	algorithms.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!algorithms.gcm || !algorithms.kw || !algorithms.kwp ||
	    !algorithms.sha256) {
		missing = "AES-256 and SHA-256 of OpenSSL";
		return;
	}
	if (pthread_key_create(&scratch_key, scratch_exit) != 0 ||
	    !(shared = scratch_new()))
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

struct mrq_scratch *
mrq_scratch_take(void)
{
	if (own)
		return own;

	mrq_must(mrq_crypto_init(NULL) == MRQ_OK);
	struct mrq_scratch *s MRQ_CLEANUP(scratch_free) = scratch_new();
	if (s && pthread_setspecific(scratch_key, s) == 0) {
		own = MRQ_STEAL(s);
		return own;
	}
	(void)pthread_mutex_lock(&shared_lock);
	return shared;
}

void
mrq_scratch_give(struct mrq_scratch *scratch)
{
	if (scratch == shared)
		(void)pthread_mutex_unlock(&shared_lock);
}
