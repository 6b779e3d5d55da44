/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/json.h"
#include "authority/verify.h"

#include <string.h>

/*
 * Publishing certificates: an organisation key vouches for a client's publishing key for a while.
 * marque-licence(5), "Publishing certificate".
 */
#define CERTIFICATE_VERSION 1

void
mrq_certificate_free(struct mrq_certificate *crt)
{
	if (!crt || __atomic_sub_fetch(&crt->refs, 1, __ATOMIC_ACQ_REL) > 0)
		return;
	mrq_public_key_free(crt->key);
	free(crt);
}

static enum mrq_status
jwk_decode(const json_t *o, const char *member, struct mrq_public_key **ret,
	   struct mrq_error *err)
{
	const json_t *jwk = json_object_get(o, member);
	char *text MRQ_CLEANUP(free) = NULL;

	if (!json_is_object(jwk))
		return mrq_member_bad(err, member, "an object");
	MRQ_TRY(mrq_object_dump(jwk, &text, err));
	return mrq_public_key_parse(text, strlen(text), ret, err);
}

/* "host:NAME" or "user:MAIL". */
static bool
subject_valid(const char *subject)
{
	if (strncmp(subject, "host:", 5) == 0)
		return subject[5] != '\0';
	return strncmp(subject, "user:", 5) == 0 && mrq_mail_valid(subject + 5);
}

/* The key that licences under this certificate are to be sealed to. */
static enum mrq_status
enc_decode(const json_t *o, char ret_kid[static MRQ_KID_TEXT], struct mrq_error *err)
{
	struct mrq_public_key *key MRQ_CLEANUP(mrq_public_key_free) = NULL;

	if (!mrq_member_has(o, "enc"))
		return MRQ_OK;
	MRQ_TRY(jwk_decode(o, "enc", &key, err));
	memcpy(ret_kid, mrq_public_key_kid(key), MRQ_KID_TEXT);
	return MRQ_OK;
}

/* Absent members stay as the caller's zeros and are refused here. */
static enum mrq_status
members_decode(const json_t *o, struct mrq_certificate *crt, struct mrq_error *err)
{
	int64_t version = 0;

	MRQ_TRY(mrq_member_int(o, "v", 0, INT32_MAX, &version, err));
	if (version != CERTIFICATE_VERSION)
		return mrq_fail(err, MRQ_E_VERSION,
				"publishing certificate has version %lld, this build "
				"knows %d",
				(long long)version, CERTIFICATE_VERSION);
	MRQ_TRY(mrq_member_text_copy(o, "org", MRQ_MAIL_MAX, crt->org, err));
	MRQ_TRY(mrq_member_text_copy(o, "sub", MRQ_SUBJECT_MAX, crt->subject, err));
	MRQ_TRY(mrq_member_int(o, "nbf", 0, MRQ_TIME_MAX, &crt->not_before, err));
	MRQ_TRY(mrq_member_int(o, "exp", 1, MRQ_TIME_MAX, &crt->not_after, err));
	if (!mrq_domain_valid(crt->org))
		return mrq_member_bad(err, "org", "a domain name");
	if (!subject_valid(crt->subject))
		return mrq_member_bad(err, "sub", "host:NAME or user:MAIL");
	if (crt->not_after < crt->not_before)
		return mrq_member_bad(err, "exp", "later than 'nbf'");
	MRQ_TRY(enc_decode(o, crt->enc_kid, err));
	return jwk_decode(o, "jwk", &crt->key, err);
}

static enum mrq_status
payload_decode(const char *payload, size_t len, struct mrq_certificate **ret,
	       struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	json_t *o MRQ_CLEANUP(json_decref) = NULL;
	struct mrq_certificate *crt MRQ_CLEANUP(mrq_certificate_free) =
		calloc(1, sizeof(*crt));

	if (!crt)
		return mrq_json_no_memory(err);
	crt->refs = 1;
	enum mrq_status s = mrq_object_parse(payload, len, "it", &o, &why);
	if (s == MRQ_OK)
		s = members_decode(o, crt, &why);
	if (s == MRQ_E_INVAL)
		s = MRQ_E_FORMAT;
	if (s != MRQ_OK)
		return mrq_fail(err, s, "publishing certificate is malformed: %.400s",
				why.msg);
	*ret = MRQ_STEAL(crt);
	return MRQ_OK;
}

static enum mrq_status
size_check(size_t len, struct mrq_error *err)
{
	if (len > MRQ_CERTIFICATE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"publishing certificate of %zu bytes exceeds %d", len,
				MRQ_CERTIFICATE_MAX);
	return MRQ_OK;
}

enum mrq_status
mrq_certificate_peek(const char *jws, size_t len, struct mrq_certificate **ret,
		     struct mrq_error *err)
{
	char *payload MRQ_CLEANUP(free) = NULL;
	size_t payload_len;

	MRQ_TRY(size_check(len, err));
	MRQ_TRY(mrq_jws_peek(jws, len, MRQ_CERTIFICATE_TYP, NULL, &payload,
			     &payload_len, err));
	return payload_decode(payload, payload_len, ret, err);
}

enum mrq_status
mrq_certificate_verify(const char *jws, size_t len, mrq_org_key_lookup lookup,
		       void *arg, struct mrq_certificate **ret, struct mrq_error *err)
{
	char kid[MRQ_KID_TEXT];
	char *unproved MRQ_CLEANUP(free) = NULL;
	char *payload MRQ_CLEANUP(free) = NULL;
	struct mrq_public_key *org_key MRQ_CLEANUP(mrq_public_key_free) = NULL;
	size_t payload_len;

	MRQ_TRY(size_check(len, err));
	MRQ_TRY(mrq_jws_peek(jws, len, MRQ_CERTIFICATE_TYP, kid, &unproved,
			     &payload_len, err));
	enum mrq_status s = lookup(arg, kid, &org_key, err);
	if (s == MRQ_E_NOT_FOUND)
		return mrq_fail(
			err, MRQ_E_NO_KEY,
			"publishing certificate is signed by key '%s', which is "
			"none of this organisation's",
			kid);
	if (s != MRQ_OK)
		return s;
	MRQ_TRY(mrq_jws_verify(jws, len, MRQ_CERTIFICATE_TYP, org_key, &payload,
			       &payload_len, err));
	return payload_decode(payload, payload_len, ret, err);
}

static enum mrq_status
members_encode(const struct mrq_certificate *crt, json_t *o, struct mrq_error *err)
{
	char text[MRQ_JWK_MAX];
	json_t *jwk = NULL;

	MRQ_TRY(mrq_member_put(o, "v", json_integer(CERTIFICATE_VERSION), err));
	MRQ_TRY(mrq_member_put(o, "org", json_string(crt->org), err));
	MRQ_TRY(mrq_member_put(o, "sub", json_string(crt->subject), err));
	mrq_public_key_format(crt->key, text);
	MRQ_TRY(mrq_object_parse(text, strlen(text), "a JWK", &jwk, err));
	MRQ_TRY(mrq_member_put(o, "jwk", jwk, err));
	MRQ_TRY(mrq_member_put(o, "nbf", json_integer(crt->not_before), err));
	return mrq_member_put(o, "exp", json_integer(crt->not_after), err);
}

enum mrq_status
mrq_certificate_sign(const struct mrq_private_key *org_key,
		     const struct mrq_certificate *crt, char **ret,
		     struct mrq_error *err)
{
	json_t *o MRQ_CLEANUP(json_decref) = json_object();
	char *payload MRQ_CLEANUP(free) = NULL;
	struct mrq_certificate *same MRQ_CLEANUP(mrq_certificate_free) = NULL;

	if (!o)
		return mrq_json_no_memory(err);
	MRQ_TRY(members_encode(crt, o, err));
	MRQ_TRY(mrq_object_dump(o, &payload, err));
	/* What our decoder would refuse must not be signed. */
	enum mrq_status s = payload_decode(payload, strlen(payload), &same, err);
	if (s != MRQ_OK)
		return mrq_while(err, s == MRQ_E_FORMAT ? MRQ_E_INVAL : s,
				 "certifying '%.100s'", crt->subject);
	return mrq_jws_sign(org_key, MRQ_CERTIFICATE_TYP, payload, strlen(payload), ret,
			    err);
}
