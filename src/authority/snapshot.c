/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/internal.h"
#include "authority/policy-set.h"

#include <string.h>

static void
snapshot_free(struct mrq_snapshot *snap)
{
	mrq_policy_box_free(snap->policy);
	free(snap->keys);
	mrq_members_clear(&snap->members);
	mrq_super_users_clear(&snap->super);
	mrq_revocation_list_clear(&snap->revoked);
	free(snap);
}

void
mrq_snapshot_put(struct mrq_snapshot *snap)
{
	if (snap && __atomic_sub_fetch(&snap->refs, 1, __ATOMIC_ACQ_REL) == 0)
		snapshot_free(snap);
}

static struct mrq_snapshot *
share(struct mrq_snapshot *snap)
{
	(void)__atomic_add_fetch(&snap->refs, 1, __ATOMIC_RELAXED);
	return snap;
}

/*
 * epoch was read before the transaction began, so the content is of that epoch or a later one;
 * in the latter case the next call loads once more.
 */
static enum mrq_status
snapshot_load(struct mrq_authority *a, uint64_t epoch, struct mrq_snapshot **ret,
	      struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(mrq_state_abort) = NULL;
	struct mrq_snapshot *snap MRQ_CLEANUP(mrq_snapshot_put) =
		calloc(1, sizeof(*snap));

	if (!snap)
		return mrq_json_no_memory(err);
	snap->refs = 1;
	snap->epoch = epoch;
	MRQ_TRY(mrq_state_begin(a->state, MRQ_STATE_READ, &txn, err));
	MRQ_TRY(mrq_policy_load(txn, &snap->policy, err));
	MRQ_TRY(mrq_keys_sync(a, txn, snap, err));
	MRQ_TRY(mrq_members_load(txn, &snap->members, err));
	MRQ_TRY(mrq_super_users_load(txn, &snap->super, err));
	MRQ_TRY(mrq_revoked_load(txn, &snap->revoked, err));
	snap->policy->set.epoch = epoch;
	*ret = MRQ_STEAL(snap);
	return MRQ_OK;
}

enum mrq_status
mrq_snapshot_get(struct mrq_authority *a, struct mrq_snapshot **ret,
		 struct mrq_error *err)
{
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &a->lock;
	struct mrq_snapshot *fresh = NULL;
	uint64_t epoch;

	(void)pthread_mutex_lock(held);
	MRQ_TRY(mrq_state_epoch(a->state, &epoch, err));
	if (!a->cached || a->cached->epoch != epoch) {
		MRQ_TRY(snapshot_load(a, epoch, &fresh, err));
		mrq_snapshot_put(a->cached);
		a->cached = fresh;
	}
	*ret = share(a->cached);
	return MRQ_OK;
}

const struct mrq_org_key *
mrq_snapshot_key(const struct mrq_snapshot *snap, const char *kid)
{
	for (size_t i = 0; i < snap->n_keys; i++) {
		if (strcmp(snap->keys[i]->kid, kid) == 0)
			return snap->keys[i];
	}
	return NULL;
}
