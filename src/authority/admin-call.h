/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_ADMIN_CALL_H
#define MRQ_AUTHORITY_ADMIN_CALL_H

/*
 * One administrative command under way: a transaction, arguments whose members are known to be
 * the verb's, and the answer.  A handler never asks for a snapshot: it reads what it changes.
 */
#include "authority/documents.h"
#include "authority/internal.h"

struct mrq_admin_call {
	struct mrq_authority *a;
	struct mrq_state_txn *txn;
	const json_t *args;
	int64_t now;
	json_t *answer; /* owned; an empty object unless the handler sets another */
};

typedef enum mrq_status (*mrq_admin_handler)(struct mrq_admin_call *call,
					     struct mrq_error *err);

/** Answer with value, which is taken over. */
static inline enum mrq_status
mrq_admin_answer(struct mrq_admin_call *call, json_t *value, struct mrq_error *err)
{
	if (!value)
		return mrq_json_no_memory(err);
	json_decref(call->answer);
	call->answer = value;
	return MRQ_OK;
}

enum mrq_status mrq_admin_user_add(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_user_set(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_user_rm(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_user_list(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_group_add(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_group_rm(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_group_list(struct mrq_admin_call *call,
				     struct mrq_error *err);
enum mrq_status mrq_admin_member_add(struct mrq_admin_call *call,
				     struct mrq_error *err);
enum mrq_status mrq_admin_member_rm(struct mrq_admin_call *call, struct mrq_error *err);

enum mrq_status mrq_admin_template_set(struct mrq_admin_call *call,
				       struct mrq_error *err);
enum mrq_status mrq_admin_template_rm(struct mrq_admin_call *call,
				      struct mrq_error *err);
enum mrq_status mrq_admin_template_archive(struct mrq_admin_call *call,
					   struct mrq_error *err);
enum mrq_status mrq_admin_template_list(struct mrq_admin_call *call,
					struct mrq_error *err);
enum mrq_status mrq_admin_template_show(struct mrq_admin_call *call,
					struct mrq_error *err);
enum mrq_status mrq_admin_template_import(struct mrq_admin_call *call,
					  struct mrq_error *err);

enum mrq_status mrq_admin_label_set(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_label_rm(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_label_list(struct mrq_admin_call *call,
				     struct mrq_error *err);
enum mrq_status mrq_admin_label_show(struct mrq_admin_call *call,
				     struct mrq_error *err);

enum mrq_status mrq_admin_policy_set(struct mrq_admin_call *call,
				     struct mrq_error *err);
enum mrq_status mrq_admin_policy_show(struct mrq_admin_call *call,
				      struct mrq_error *err);
enum mrq_status mrq_admin_key_list(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_key_rotate(struct mrq_admin_call *call,
				     struct mrq_error *err);
enum mrq_status mrq_admin_cert_show(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_revocation_list(struct mrq_admin_call *call,
					  struct mrq_error *err);
enum mrq_status mrq_admin_revocation_add(struct mrq_admin_call *call,
					 struct mrq_error *err);
enum mrq_status mrq_admin_revocation_rm(struct mrq_admin_call *call,
					struct mrq_error *err);

enum mrq_status mrq_admin_superuser_on(struct mrq_admin_call *call,
				       struct mrq_error *err);
enum mrq_status mrq_admin_superuser_off(struct mrq_admin_call *call,
					struct mrq_error *err);
enum mrq_status mrq_admin_superuser_add(struct mrq_admin_call *call,
					struct mrq_error *err);
enum mrq_status mrq_admin_superuser_rm(struct mrq_admin_call *call,
				       struct mrq_error *err);
enum mrq_status mrq_admin_superuser_list(struct mrq_admin_call *call,
					 struct mrq_error *err);
enum mrq_status mrq_admin_superuser_status(struct mrq_admin_call *call,
					   struct mrq_error *err);

enum mrq_status mrq_admin_export(struct mrq_admin_call *call, struct mrq_error *err);
enum mrq_status mrq_admin_import(struct mrq_admin_call *call, struct mrq_error *err);

/* ---- shared by handlers ---- */

/** Write a user's record and aliases, or a group's; MRQ_E_EXISTS when an address is taken. */
MRQ_MUST_CHECK enum mrq_status
mrq_user_write(struct mrq_state_txn *txn, const json_t *user, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status
mrq_group_write(struct mrq_state_txn *txn, const json_t *group, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_users_list(struct mrq_state_txn *txn, json_t **ret,
					      struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_groups_list(struct mrq_state_txn *txn, json_t **ret,
					       struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_keys_list(struct mrq_state_txn *txn, json_t **ret,
					     struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_revocations_list(struct mrq_state_txn *txn,
						    enum mrq_revoke kind, json_t **ret,
						    struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_labels_list(const struct mrq_policy_set *set,
					       json_t **ret, struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_templates_list(const struct mrq_policy_set *set,
						  json_t **ret, struct mrq_error *err);
/** What no sequence of commands could have made is MRQ_E_INVAL. */
MRQ_MUST_CHECK enum mrq_status mrq_policy_check(const struct mrq_policy_set *set,
						struct mrq_error *err);

#endif
