/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/verify.h"

#include "base/clock.h"
#include "crypto/hash.h"

#include <pthread.h>
#include <string.h>

#define VERIFIER_SLOTS 64u

struct slot {
	uint8_t digest[MRQ_SHA256_BYTES];
	struct mrq_certificate *crt; /* NULL: free */
};

struct mrq_verifier {
	mrq_org_key_lookup lookup;
	void *arg;
	pthread_mutex_t lock;
	struct slot slots[VERIFIER_SLOTS]; /* guarded by lock */
	unsigned next;                     /* guarded by lock; slot that goes next */
};

enum mrq_status
mrq_verifier_new(mrq_org_key_lookup lookup, void *arg, struct mrq_verifier **ret,
		 struct mrq_error *err)
{
	struct mrq_verifier *v = calloc(1, sizeof(*v));

	if (!v)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a verifier");
	v->lookup = lookup;
	v->arg = arg;
	(void)pthread_mutex_init(&v->lock, NULL);
	*ret = v;
	return MRQ_OK;
}

void
mrq_verifier_free(struct mrq_verifier *v)
{
	if (!v)
		return;
	for (size_t i = 0; i < VERIFIER_SLOTS; i++)
		mrq_certificate_free(v->slots[i].crt);
	(void)pthread_mutex_destroy(&v->lock);
	free(v);
}

static struct mrq_certificate *
share(struct mrq_certificate *crt)
{
	(void)__atomic_add_fetch(&crt->refs, 1, __ATOMIC_RELAXED);
	return crt;
}

static struct mrq_certificate *
remembered(struct mrq_verifier *v, const uint8_t digest[static MRQ_SHA256_BYTES])
{
	struct mrq_certificate *found = NULL;

	(void)pthread_mutex_lock(&v->lock);
	for (size_t i = 0; i < VERIFIER_SLOTS && !found; i++) {
		const struct slot *slot = &v->slots[i];
		if (slot->crt && memcmp(slot->digest, digest, MRQ_SHA256_BYTES) == 0)
			found = share(slot->crt);
	}
	(void)pthread_mutex_unlock(&v->lock);
	return found;
}

static void
remember(struct mrq_verifier *v, const uint8_t digest[static MRQ_SHA256_BYTES],
	 struct mrq_certificate *crt)
{
	(void)pthread_mutex_lock(&v->lock);
	struct slot *slot = &v->slots[v->next++ % VERIFIER_SLOTS];
	struct mrq_certificate *old = slot->crt;
	memcpy(slot->digest, digest, MRQ_SHA256_BYTES);
	slot->crt = share(crt);
	(void)pthread_mutex_unlock(&v->lock);
	mrq_certificate_free(old);
}

static enum mrq_status
certificate_get(struct mrq_verifier *v, const char *jws, struct mrq_certificate **ret,
		struct mrq_error *err)
{
	uint8_t digest[MRQ_SHA256_BYTES];
	size_t len = strlen(jws);

	mrq_sha256(jws, len, digest);
	*ret = remembered(v, digest);
	if (*ret)
		return MRQ_OK;
	MRQ_TRY(mrq_certificate_verify(jws, len, v->lookup, v->arg, ret, err));
	remember(v, digest, *ret);
	return MRQ_OK;
}

static enum mrq_status
subject_check(const struct mrq_licence *l, const struct mrq_certificate *crt,
	      struct mrq_error *err)
{
	static const char user[] = "user:";
	const size_t skip = sizeof(user) - 1;

	if (strncmp(crt->subject, user, skip) == 0 &&
	    !mrq_mail_equal(crt->subject + skip, l->issuer))
		return mrq_fail(err, MRQ_E_FORGED,
				"publishing certificate of '%s' does not vouch for a "
				"licence by '%.200s'",
				crt->subject, l->issuer);
	return MRQ_OK;
}

static enum mrq_status
vouched(const struct mrq_licence *l, const struct mrq_certificate *crt, const char *kid,
	struct mrq_error *err)
{
	if (strcmp(kid, mrq_public_key_kid(crt->key)) != 0)
		return mrq_fail(
			err, MRQ_E_FORGED,
			"licence is signed by another key than its certificate's");
	if (!mrq_mail_equal(l->org, crt->org))
		return mrq_fail(err, MRQ_E_FORGED,
				"licence of '%.200s' carries a certificate of '%.200s'",
				l->org, crt->org);
	if (crt->enc_kid[0] && strcmp(crt->enc_kid, l->key_id) != 0)
		return mrq_fail(err, MRQ_E_FORGED,
				"licence is sealed to another key than its certificate "
				"says");
	if (l->created < crt->not_before || l->created > crt->not_after)
		return mrq_fail(err, MRQ_E_FORGED,
				"licence was made outside the time of its certificate");
	return subject_check(l, crt, err);
}

/* By the signature over the same bytes the caller has decoded. */
static enum mrq_status
signature_check(const char *pl, size_t len, const struct mrq_public_key *key,
		const char *unproved, size_t unproved_len, struct mrq_error *err)
{
	char *payload MRQ_CLEANUP(free) = NULL;
	size_t payload_len;

	MRQ_TRY(mrq_jws_verify(pl, len, MRQ_LICENCE_TYP, key, &payload, &payload_len,
			       err));
	if (payload_len != unproved_len || memcmp(payload, unproved, payload_len) != 0)
		return mrq_fail(err, MRQ_E_FORGED, "licence reads two ways");
	return MRQ_OK;
}

enum mrq_status
mrq_verifier_licence(struct mrq_verifier *v, const char *pl, size_t len,
		     struct mrq_licence **ret, char ret_kid[MRQ_KID_TEXT],
		     struct mrq_error *err)
{
	char kid[MRQ_KID_TEXT];
	char *payload MRQ_CLEANUP(free) = NULL;
	struct mrq_licence *licence MRQ_CLEANUP(mrq_licence_free) = NULL;
	struct mrq_certificate *crt MRQ_CLEANUP(mrq_certificate_free) = NULL;
	size_t payload_len;

	if (len > MRQ_LICENCE_SIGNED_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "licence of %zu bytes exceeds %u",
				len, MRQ_LICENCE_SIGNED_MAX);
	MRQ_TRY(mrq_jws_peek(pl, len, MRQ_LICENCE_TYP, kid, &payload, &payload_len,
			     err));
	MRQ_TRY(mrq_licence_decode(payload, payload_len, &licence, err));
	MRQ_TRY(certificate_get(v, licence->certificate, &crt, err));
	MRQ_TRY(vouched(licence, crt, kid, err));
	MRQ_TRY(signature_check(pl, len, crt->key, payload, payload_len, err));
	if (ret_kid)
		memcpy(ret_kid, kid, sizeof(kid));
	*ret = MRQ_STEAL(licence);
	return MRQ_OK;
}

enum mrq_status
mrq_licence_verify(const char *pl, size_t len, mrq_org_key_lookup lookup, void *arg,
		   struct mrq_licence **ret, struct mrq_error *err)
{
	struct mrq_verifier *v MRQ_CLEANUP(mrq_verifier_free) = NULL;

	MRQ_TRY(mrq_verifier_new(lookup, arg, &v, err));
	return mrq_verifier_licence(v, pl, len, ret, NULL, err);
}
