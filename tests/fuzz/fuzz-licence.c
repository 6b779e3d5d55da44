/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client and the authority read from outside about licences.  The first byte says what the
 * rest is:
 *   'P'  a publishing licence as it lies in a file: nobody but us can sign one, so none verifies
 *   'L'  the JSON of a licence, signed here; "@CRT@" and "@KEY@" stand for a good certificate and
 *	  a good sealed key
 *   'C'  the JSON of a publishing certificate, signed here; "@JWK@" stands for a good key
 *   'R'  the JSON of a revocation list, signed here
 *   'U'  a use licence as it lies in the cache
 */
#include "authority/use.h"
#include "authority/verify.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static struct {
	struct mrq_private_key *org, *publishing;
	struct mrq_public_key *org_public, *publishing_public;
	char *certificate, *sealed;
	char jwk[MRQ_JWK_MAX];
} keys;

static void
must(enum mrq_status s)
{
	if (s != MRQ_OK)
		abort();
}

static enum mrq_status
lookup(void *arg, const char *kid, struct mrq_public_key **ret, struct mrq_error *err)
{
	(void)arg;
	if (strcmp(kid, mrq_public_key_kid(keys.org_public)) != 0)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "no such key");
	return mrq_private_key_public(keys.org, ret, err);
}

static void
keys_make(void)
{
	struct mrq_certificate crt = { .org = "example.com",
				       .subject = "host:fuzz",
				       .not_before = 0,
				       .not_after = MRQ_TIME_MAX };
	struct mrq_content_key seed;

	must(mrq_crypto_init(NULL));
	must(mrq_private_key_generate(&keys.org, NULL));
	must(mrq_private_key_generate(&keys.publishing, NULL));
	must(mrq_private_key_public(keys.org, &keys.org_public, NULL));
	must(mrq_private_key_public(keys.publishing, &keys.publishing_public, NULL));
	mrq_public_key_format(keys.publishing_public, keys.jwk);
	crt.key = keys.publishing_public;
	must(mrq_certificate_sign(keys.org, &crt, &keys.certificate, NULL));
	mrq_content_key_random(&seed);
	must(mrq_jwe_seal_content_key(keys.org_public, &seed, &keys.sealed, NULL));
}

/* The text with each `token` replaced by `with`; malloc'ed. */
static char *
replace(const char *text, const char *token, const char *with)
{
	size_t token_len = strlen(token);
	char *made = NULL;
	size_t made_len = 0;
	FILE *out = open_memstream(&made, &made_len);

	if (!out)
		abort();
	for (const char *at = text;;) {
		const char *hit = strstr(at, token);
		(void)fwrite(at, 1, hit ? (size_t)(hit - at) : strlen(at), out);
		if (!hit)
			break;
		(void)fputs(with, out);
		at = hit + token_len;
	}
	if (fclose(out) != 0)
		abort();
	return made;
}

static char *
text_of(const uint8_t *data, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		abort();
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	return text;
}

static void
licence_check(const struct mrq_licence *l)
{
	char *json MRQ_CLEANUP(free) = NULL;
	size_t len;
	struct mrq_licence *again MRQ_CLEANUP(mrq_licence_free) = NULL;

	if (!mrq_mail_equal(l->org, "example.com") || l->created > MRQ_TIME_MAX)
		abort();
	must(mrq_licence_encode(l, &json, &len, NULL));
	must(mrq_licence_decode(json, len, &again, NULL));
}

static void
raw_licence(const uint8_t *data, size_t len)
{
	struct mrq_licence *licence = NULL;

	if (mrq_licence_verify((const char *)data, len, lookup, NULL, &licence, NULL) ==
	    MRQ_OK)
		abort();
}

static void
signed_licence(const char *text)
{
	char *half MRQ_CLEANUP(free) = replace(text, "@CRT@", keys.certificate);
	char *json MRQ_CLEANUP(free) = replace(half, "@KEY@", keys.sealed);
	char *jws MRQ_CLEANUP(free) = NULL;
	struct mrq_licence *licence MRQ_CLEANUP(mrq_licence_free) = NULL;

	if (mrq_jws_sign(keys.publishing, MRQ_LICENCE_TYP, json, strlen(json), &jws,
			 NULL) != MRQ_OK)
		return;
	if (mrq_licence_verify(jws, strlen(jws), lookup, NULL, &licence, NULL) ==
	    MRQ_OK)
		licence_check(licence);
}

static void
certificate(const char *text)
{
	char *json MRQ_CLEANUP(free) = replace(text, "@JWK@", keys.jwk);
	char *jws MRQ_CLEANUP(free) = NULL;
	struct mrq_certificate *crt MRQ_CLEANUP(mrq_certificate_free) = NULL;

	if (mrq_jws_sign(keys.org, MRQ_CERTIFICATE_TYP, json, strlen(json), &jws,
			 NULL) != MRQ_OK)
		return;
	if (mrq_certificate_verify(jws, strlen(jws), lookup, NULL, &crt, NULL) !=
	    MRQ_OK)
		return;
	if (!mrq_domain_valid(crt->org) || !crt->subject[0] || !crt->key ||
	    crt->not_after < crt->not_before)
		abort();
}

static void
revocations(const char *text)
{
	struct mrq_revocation_list list MRQ_CLEANUP(mrq_revocation_list_clear) = { 0 };
	char *jws MRQ_CLEANUP(free) = NULL;

	if (mrq_jws_sign(keys.org, MRQ_REVOCATIONS_TYP, text, strlen(text), &jws,
			 NULL) != MRQ_OK)
		return;
	if (mrq_revocation_list_verify(jws, strlen(jws), lookup, NULL, &list, NULL) !=
	    MRQ_OK)
		return;
	for (size_t i = 0; i < list.n_contents; i++) {
		if (!mrq_revocation_listed(list.contents, list.n_contents,
					   &list.contents[i]))
			abort();
	}
}

static void
use_licence(const uint8_t *data, size_t len)
{
	struct mrq_use_licence use MRQ_CLEANUP(mrq_use_licence_wipe) = { 0 };
	uint8_t bytes[MRQ_USE_LICENCE_BYTES];

	if (mrq_use_licence_decode(data, len, &use, NULL) != MRQ_OK)
		return;
	if (mrq_use_licence_encode(&use, bytes) != len || memcmp(bytes, data, len) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (!keys.org)
		keys_make();
	if (len == 0 || len > INPUT_MAX)
		return 0;
	char *text MRQ_CLEANUP(free) = text_of(data + 1, len - 1);
	switch (data[0]) {
	case 'P':
		raw_licence(data + 1, len - 1);
		break;
	case 'L':
		signed_licence(text);
		break;
	case 'C':
		certificate(text);
		break;
	case 'R':
		revocations(text);
		break;
	case 'U':
		use_licence(data + 1, len - 1);
		break;
	default:
		break;
	}
	return 0;
}
