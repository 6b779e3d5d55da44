/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/json.h"
#include "authority/verify.h"
#include "base/guid.h"

#include <string.h>

/* JWS typ "marque-revocations+jws" over {"v","org","iat","epoch","contents","files"}. */
#define REVOCATIONS_VERSION 1

void
mrq_revocation_list_clear(struct mrq_revocation_list *list)
{
	free(list->contents);
	free(list->files);
	*list = (struct mrq_revocation_list){ 0 };
}

static int
guid_order(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mrq_guid));
}

bool
mrq_revocation_listed(const struct mrq_guid *ids, size_t n, const struct mrq_guid *id)
{
	return n > 0 && bsearch(id, ids, n, sizeof(*ids), guid_order) != NULL;
}

/* ---- encode ---- */

static enum mrq_status
ids_put(json_t *o, const char *member, const struct mrq_guid *ids, size_t n,
	struct mrq_error *err)
{
	json_t *array MRQ_CLEANUP(json_decref) = json_array();

	for (size_t i = 0; array && i < n; i++) {
		char text[MRQ_GUID_TEXT];
		mrq_guid_format(&ids[i], text);
		MRQ_TRY(mrq_array_append(array, json_string(text), err));
	}
	return mrq_member_put(o, member, MRQ_STEAL(array), err);
}

static enum mrq_status
members_encode(const struct mrq_revocation_list *list, json_t *o, struct mrq_error *err)
{
	MRQ_TRY(mrq_member_put(o, "v", json_integer(REVOCATIONS_VERSION), err));
	MRQ_TRY(mrq_member_put(o, "org", json_string(list->org), err));
	MRQ_TRY(mrq_member_put(o, "iat", json_integer(list->issued), err));
	MRQ_TRY(mrq_member_put(o, "epoch", json_integer((json_int_t)list->epoch), err));
	MRQ_TRY(ids_put(o, "contents", list->contents, list->n_contents, err));
	return ids_put(o, "files", list->files, list->n_files, err);
}

enum mrq_status
mrq_revocation_list_sign(const struct mrq_private_key *org_key,
			 const struct mrq_revocation_list *list, char **ret,
			 struct mrq_error *err)
{
	json_t *o MRQ_CLEANUP(json_decref) = json_object();
	char *payload MRQ_CLEANUP(free) = NULL;

	if (!o)
		return mrq_json_no_memory(err);
	MRQ_TRY(members_encode(list, o, err));
	MRQ_TRY(mrq_object_dump(o, &payload, err));
	return mrq_jws_sign(org_key, MRQ_REVOCATIONS_TYP, payload, strlen(payload), ret,
			    err);
}

/* ---- decode ---- */

static enum mrq_status
ids_decode(const json_t *o, const char *member, struct mrq_guid **ret, size_t *ret_n,
	   struct mrq_error *err)
{
	const json_t *array = json_object_get(o, member);
	size_t n = json_array_size(array);

	if (!json_is_array(array) || n > MRQ_REVOCATIONS_MAX)
		return mrq_member_bad(err, member, "an array of at most 150000 GUIDs");
	struct mrq_guid *ids MRQ_CLEANUP(free) = calloc(n + 1, sizeof(*ids));
	if (!ids)
		return mrq_json_no_memory(err);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_array_get(array, i));
		if (!text || !mrq_guid_parse(text, &ids[i]))
			return mrq_member_bad(err, member, "an array of GUIDs");
	}
	qsort(ids, n, sizeof(*ids), guid_order);
	*ret = MRQ_STEAL(ids);
	*ret_n = n;
	return MRQ_OK;
}

static enum mrq_status
members_decode(const json_t *o, struct mrq_revocation_list *list, struct mrq_error *err)
{
	int64_t version = 0;
	int64_t epoch = -1;

	MRQ_TRY(mrq_member_int(o, "v", 0, INT32_MAX, &version, err));
	if (version != REVOCATIONS_VERSION)
		return mrq_fail(err, MRQ_E_VERSION,
				"revocation list has version %lld, this build knows %d",
				(long long)version, REVOCATIONS_VERSION);
	MRQ_TRY(mrq_member_text_copy(o, "org", MRQ_MAIL_MAX, list->org, err));
	MRQ_TRY(mrq_member_int(o, "iat", 0, MRQ_TIME_MAX, &list->issued, err));
	MRQ_TRY(mrq_member_int(o, "epoch", 0, INT64_MAX, &epoch, err));
	if (epoch < 0)
		return mrq_member_bad(err, "epoch", "a whole number");
	list->epoch = (uint64_t)epoch;
	MRQ_TRY(ids_decode(o, "contents", &list->contents, &list->n_contents, err));
	return ids_decode(o, "files", &list->files, &list->n_files, err);
}

static enum mrq_status
payload_decode(const char *payload, size_t len, struct mrq_revocation_list *ret,
	       struct mrq_error *err)
{
	struct mrq_revocation_list list MRQ_CLEANUP(mrq_revocation_list_clear) = { 0 };
	json_t *o MRQ_CLEANUP(json_decref) = NULL;
	struct mrq_error why = { 0 };
	enum mrq_status s = mrq_object_parse(payload, len, "it", &o, &why);

	if (s == MRQ_OK)
		s = members_decode(o, &list, &why);
	if (s == MRQ_E_INVAL)
		s = MRQ_E_FORMAT;
	if (s != MRQ_OK)
		return mrq_fail(err, s, "revocation list is malformed: %.400s",
				why.msg);
	*ret = list;
	list = (struct mrq_revocation_list){ 0 };
	return MRQ_OK;
}

enum mrq_status
mrq_revocation_list_verify(const char *jws, size_t len, mrq_org_key_lookup lookup,
			   void *arg, struct mrq_revocation_list *ret,
			   struct mrq_error *err)
{
	char kid[MRQ_KID_TEXT];
	char *unproved MRQ_CLEANUP(free) = NULL;
	char *payload MRQ_CLEANUP(free) = NULL;
	struct mrq_public_key *org_key MRQ_CLEANUP(mrq_public_key_free) = NULL;
	size_t payload_len;

	if (len > MRQ_REVOCATIONS_SIGNED_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"revocation list of %zu bytes exceeds %zu", len,
				MRQ_REVOCATIONS_SIGNED_MAX);
	MRQ_TRY(mrq_jws_peek(jws, len, MRQ_REVOCATIONS_TYP, kid, &unproved,
			     &payload_len, err));
	enum mrq_status s = lookup(arg, kid, &org_key, err);
	if (s == MRQ_E_NOT_FOUND)
		return mrq_fail(
			err, MRQ_E_NO_KEY,
			"revocation list is signed by key '%s', which is none of "
			"this organisation's",
			kid);
	if (s != MRQ_OK)
		return s;
	MRQ_TRY(mrq_jws_verify(jws, len, MRQ_REVOCATIONS_TYP, org_key, &payload,
			       &payload_len, err));
	return payload_decode(payload, payload_len, ret, err);
}
