/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/publish.h"

#include "authority/verify.h"
#include "base/guid.h"
#include "crypto/kdf.h"
#include "policy/licence.h"

#include <string.h>

static enum mrq_status
text_fill(char ret[static MRQ_MAIL_MAX + 1], const char *from, const char *what,
	  struct mrq_error *err)
{
	size_t len = from ? strnlen(from, MRQ_MAIL_MAX + 1) : 0;

	if (len == 0 || len > MRQ_MAIL_MAX)
		return mrq_fail(err, MRQ_E_INVAL, "a licence needs its %s", what);
	memcpy(ret, from, len + 1);
	return MRQ_OK;
}

/* Checked here, since every reader of the licence would refuse it later. */
static enum mrq_status
certificate_check(const struct mrq_publishing *publishing, int64_t now,
		  struct mrq_error *err)
{
	struct mrq_certificate *crt MRQ_CLEANUP(mrq_certificate_free) = NULL;

	MRQ_TRY(mrq_certificate_peek(publishing->certificate,
				     strlen(publishing->certificate), &crt, err));
	if (now < crt->not_before || now > crt->not_after)
		return mrq_fail(err, MRQ_E_EXPIRED,
				"the publishing certificate of '%s' is not valid now; "
				"fetch another from the authority",
				crt->subject);
	return MRQ_OK;
}

static enum mrq_status
policy_fill(const struct mrq_mint *what, int64_t now, struct mrq_licence *l,
	    struct mrq_error *err)
{
	l->content_id = what->content_id;
	if (mrq_guid_is_nil(&l->content_id))
		mrq_random(&l->content_id, sizeof(l->content_id));
	l->label_id = what->label_id;
	l->template_id = what->template_id;
	l->created = now;
	l->expires = what->expires;
	l->offline_days = what->offline_days;
	MRQ_TRY(text_fill(l->owner, what->owner, "owner", err));
	MRQ_TRY(text_fill(l->issuer, what->issuer, "issuer", err));
	return text_fill(l->org, what->org, "organisation", err);
}

static enum mrq_status
grants_fill(const struct mrq_mint *what, struct mrq_licence *l, struct mrq_error *err)
{
	l->grants = calloc(what->n_grants + 1, sizeof(*l->grants));
	if (!l->grants)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a licence");
	for (size_t i = 0; i < what->n_grants; i++) {
		struct mrq_grant *to = &l->grants[l->n_grants++];
		*to = what->grants[i];
		to->unknown = NULL;
		if (!what->grants[i].unknown)
			continue;
		to->unknown = strdup(what->grants[i].unknown);
		if (!to->unknown)
			return mrq_fail(err, MRQ_E_NOMEM, "no memory for a licence");
	}
	return MRQ_OK;
}

/*
 * What is sealed is a seed: the content key follows from it, the content id and the publishing
 * key, so that a sealed seed copied into somebody else's licence opens nothing.
 */
static enum mrq_status
key_fill(const struct mrq_publishing *publishing, struct mrq_licence *l,
	 struct mrq_content_key *ret, struct mrq_error *err)
{
	struct mrq_content_key seed MRQ_CLEANUP(mrq_content_key_wipe) = { 0 };
	struct mrq_public_key *own MRQ_CLEANUP(mrq_public_key_free) = NULL;
	const char *kid = mrq_public_key_kid(publishing->seal_to);

	MRQ_TRY(mrq_private_key_public(publishing->key, &own, err));
	mrq_content_key_random(&seed);
	MRQ_TRY(mrq_jwe_seal_content_key(publishing->seal_to, &seed, &l->wrapped_key,
					 err));
	memcpy(l->key_id, kid, strlen(kid) + 1);
	l->certificate = strdup(publishing->certificate);
	if (!l->certificate)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a licence");
	mrq_kdf_content_key(&seed, &l->content_id, mrq_public_key_kid(own), ret);
	return MRQ_OK;
}

enum mrq_status
mrq_licence_mint(const struct mrq_publishing *publishing, const struct mrq_mint *what,
		 int64_t now, char **ret_pl, size_t *ret_len,
		 struct mrq_content_key *ret_key, struct mrq_error *err)
{
	struct mrq_content_key key MRQ_CLEANUP(mrq_content_key_wipe) = { 0 };
	struct mrq_licence *l MRQ_CLEANUP(mrq_licence_free) = NULL;
	char *json MRQ_CLEANUP(free) = NULL;
	size_t json_len;

	if (what->n_grants > MRQ_GRANTS_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"%zu grants are more than %d; grant to groups instead",
				what->n_grants, MRQ_GRANTS_MAX);
	MRQ_TRY(certificate_check(publishing, now, err));
	l = calloc(1, sizeof(*l));
	if (!l)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a licence");
	MRQ_TRY(policy_fill(what, now, l, err));
	MRQ_TRY(grants_fill(what, l, err));
	MRQ_TRY(key_fill(publishing, l, &key, err));
	MRQ_TRY(mrq_licence_encode(l, &json, &json_len, err));
	MRQ_TRY(mrq_jws_sign(publishing->key, MRQ_LICENCE_TYP, json, json_len, ret_pl,
			     err));
	*ret_len = strlen(*ret_pl);
	*ret_key = key;
	return MRQ_OK;
}
