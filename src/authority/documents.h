/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_DOCUMENTS_H
#define MRQ_AUTHORITY_DOCUMENTS_H

/*
 * JSON documents in the state, and the forms of labels, templates and grants that the state,
 * the administrative commands and an export share: marque-authority(5).
 */
#include "authority/json.h"
#include "policy/label.h"
#include "store/state.h"

/** MRQ_E_NOT_FOUND; MRQ_E_DAMAGED when it is no JSON object. */
MRQ_MUST_CHECK enum mrq_status mrq_doc_get(struct mrq_state_txn *txn,
					   const char *collection, const char *key,
					   json_t **ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_doc_put(struct mrq_state_txn *txn,
					   const char *collection, const char *key,
					   const json_t *doc, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status
mrq_doc_put_guid(struct mrq_state_txn *txn, const char *collection,
		 const struct mrq_guid *id, const json_t *doc, struct mrq_error *err);
bool mrq_state_has(struct mrq_state_txn *txn, const char *collection, const char *key);

typedef enum mrq_status (*mrq_doc_visit)(const char *key, const json_t *doc, void *arg,
					 struct mrq_error *err);
/** In key order; the first failure ends the walk. */
MRQ_MUST_CHECK enum mrq_status mrq_doc_each(struct mrq_state_txn *txn,
					    const char *collection, mrq_doc_visit visit,
					    void *arg, struct mrq_error *err);
/** A record that our own state holds but that does not decode: MRQ_E_DAMAGED. */
enum mrq_status mrq_doc_damaged(struct mrq_error *err, enum mrq_status s,
				const char *collection, const char *key,
				const struct mrq_error *why);
/** Delete all of a collection. */
MRQ_MUST_CHECK enum mrq_status
mrq_doc_clear(struct mrq_state_txn *txn, const char *collection, struct mrq_error *err);

/** A random id, RFC 9562 version 4. */
void mrq_id_make(struct mrq_guid *ret);

/** Whether right names that this build does not know are kept or refused. */
enum mrq_unknown_rights { MRQ_UNKNOWN_KEEP, MRQ_UNKNOWN_REFUSE };

/** Apply the members that o has to *t; grants replace all grants. */
MRQ_MUST_CHECK enum mrq_status mrq_template_edit(const json_t *o, int64_t now,
						 enum mrq_unknown_rights unknown,
						 struct mrq_template *t,
						 struct mrq_error *err);
/** A whole template, with its id; into a zeroed *ret. */
MRQ_MUST_CHECK enum mrq_status
mrq_template_decode(const json_t *o, struct mrq_template *ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_template_encode(const struct mrq_template *t,
						   json_t **ret, struct mrq_error *err);
void mrq_template_init(struct mrq_template *t);
/** Every member of o is one of names. */
MRQ_MUST_CHECK enum mrq_status mrq_member_known(const json_t *o,
						const char *const *names, size_t n,
						struct mrq_error *err);

/** Apply the members that o has, but for id, parent and template (the caller resolves names). */
MRQ_MUST_CHECK enum mrq_status mrq_label_edit(const json_t *o, struct mrq_label *label,
					      struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_label_decode(const json_t *o, struct mrq_label *ret,
						struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_label_encode(const struct mrq_label *label,
						json_t **ret, struct mrq_error *err);
void mrq_label_init(struct mrq_label *label);
const char *mrq_label_protection_name(enum mrq_label_protection protection);

MRQ_DEFINE_CLEANUP_VALUE(mrq_template_clear, struct mrq_template)

#endif
