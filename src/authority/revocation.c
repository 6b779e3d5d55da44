/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/internal.h"
#include "base/guid.h"

#include <string.h>

static const char *
collection(enum mrq_revoke kind)
{
	return kind == MRQ_REVOKE_FILE ? MRQ_IN_REV_FILE : MRQ_IN_REV_CONTENT;
}

static const char *
kind_name(enum mrq_revoke kind)
{
	return kind == MRQ_REVOKE_FILE ? "file" : "content";
}

/* Revoking twice keeps the first record: who did it, and when. */
enum mrq_status
mrq_revoked_put(struct mrq_state_txn *txn, enum mrq_revoke kind,
		const struct mrq_guid *id, const char *actor, int64_t now,
		struct mrq_error *err)
{
	char key[MRQ_GUID_TEXT];
	json_t *doc MRQ_CLEANUP(json_decref) = NULL;

	if (mrq_guid_is_nil(id))
		return mrq_fail(err, MRQ_E_INVAL, "the nil id cannot be revoked");
	mrq_guid_format(id, key);
	if (mrq_state_has(txn, collection(kind), key))
		return MRQ_OK;
	doc = json_object();
	if (!doc)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_member_put(doc, "by", json_string(actor ? actor : ""), err));
	MRQ_TRY(mrq_member_put_time(doc, "when", now, err));
	return mrq_doc_put(txn, collection(kind), key, doc, err);
}

enum mrq_status
mrq_revoked_drop(struct mrq_state_txn *txn, enum mrq_revoke kind,
		 const struct mrq_guid *id, struct mrq_error *err)
{
	char key[MRQ_GUID_TEXT];

	mrq_guid_format(id, key);
	if (!mrq_state_has(txn, collection(kind), key))
		return mrq_fail(err, MRQ_E_NOT_FOUND, "%s '%s' is not revoked",
				kind_name(kind), key);
	return mrq_state_delete(txn, collection(kind), key, err);
}

struct ids {
	struct mrq_guid *ids;
	size_t n;
	enum mrq_status status;
};

/* Keys come in the order of their text, which is that of their bytes. */
static bool
id_add(const char *key, const void *value, size_t len, void *arg)
{
	struct ids *to = arg;

	(void)value;
	(void)len;
	if ((to->n & (to->n - 1)) == 0) {
		struct mrq_guid *more =
			reallocarray(to->ids, to->n ? 2 * to->n : 1, sizeof(*more));
		if (!more) {
			to->status = MRQ_E_NOMEM;
			return false;
		}
		to->ids = more;
	}
	if (mrq_guid_parse(key, &to->ids[to->n]))
		to->n++;
	else
		to->status = MRQ_E_DAMAGED;
	return to->status == MRQ_OK;
}

static enum mrq_status
ids_load(struct mrq_state_txn *txn, enum mrq_revoke kind, struct mrq_guid **ret,
	 size_t *ret_n, struct mrq_error *err)
{
	struct ids to = { 0 };
	enum mrq_status s = mrq_state_each(txn, collection(kind), id_add, &to, err);

	if (s == MRQ_OK && to.status != MRQ_OK)
		s = mrq_fail(err, to.status, "cannot load revoked %ss of the authority",
			     kind_name(kind));
	if (s != MRQ_OK) {
		free(to.ids);
		return s;
	}
	*ret = to.ids;
	*ret_n = to.n;
	return MRQ_OK;
}

enum mrq_status
mrq_revoked_load(struct mrq_state_txn *txn, struct mrq_revocation_list *ret,
		 struct mrq_error *err)
{
	MRQ_TRY(ids_load(txn, MRQ_REVOKE_CONTENT, &ret->contents, &ret->n_contents,
			 err));
	return ids_load(txn, MRQ_REVOKE_FILE, &ret->files, &ret->n_files, err);
}

enum mrq_status
mrq_authority_revoke(struct mrq_authority *a, enum mrq_revoke kind,
		     const struct mrq_guid *id, const char *actor, int64_t now,
		     struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;

	MRQ_TRY(mrq_state_begin(a->state, MRQ_STATE_WRITE, &txn, err));
	MRQ_TRY(mrq_revoked_put(txn, kind, id, actor, now, err));
	return mrq_state_commit(MRQ_STEAL(txn), err);
}

enum mrq_status
mrq_authority_unrevoke(struct mrq_authority *a, enum mrq_revoke kind,
		       const struct mrq_guid *id, struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;

	MRQ_TRY(mrq_state_begin(a->state, MRQ_STATE_WRITE, &txn, err));
	MRQ_TRY(mrq_revoked_drop(txn, kind, id, err));
	return mrq_state_commit(MRQ_STEAL(txn), err);
}

enum mrq_status
mrq_authority_revocations(struct mrq_authority *a, int64_t now, char **ret,
			  struct mrq_error *err)
{
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;

	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	if (!snap->current->private)
		return mrq_fail(err, MRQ_E_NO_KEY,
				"the authority was opened without its keys and cannot "
				"sign");
	/* A view: the snapshot goes on to own the arrays. */
	struct mrq_revocation_list list = snap->revoked;
	list.epoch = snap->epoch;
	list.issued = now;
	memcpy(list.org, a->org, sizeof(list.org));
	return mrq_revocation_list_sign(snap->current->private, &list, ret, err);
}

static enum mrq_status
ids_copy(const struct mrq_guid *from, size_t n, struct mrq_guid **ret,
	 struct mrq_error *err)
{
	*ret = calloc(n + 1, sizeof(**ret));
	if (!*ret)
		return mrq_json_no_memory(err);
	if (n > 0)
		memcpy(*ret, from, n * sizeof(*from));
	return MRQ_OK;
}

enum mrq_status
mrq_authority_revoked(struct mrq_authority *a, struct mrq_revocation_list *ret,
		      struct mrq_error *err)
{
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) = NULL;
	struct mrq_revocation_list list MRQ_CLEANUP(mrq_revocation_list_clear) = { 0 };

	MRQ_TRY(mrq_snapshot_get(a, &snap, err));
	MRQ_TRY(ids_copy(snap->revoked.contents, snap->revoked.n_contents,
			 &list.contents, err));
	MRQ_TRY(ids_copy(snap->revoked.files, snap->revoked.n_files, &list.files, err));
	list.n_contents = snap->revoked.n_contents;
	list.n_files = snap->revoked.n_files;
	list.epoch = snap->epoch;
	memcpy(list.org, a->org, sizeof(list.org));
	*ret = list;
	list = (struct mrq_revocation_list){ 0 };
	return MRQ_OK;
}
