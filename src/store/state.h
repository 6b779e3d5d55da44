/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_STATE_H
#define MRQ_STORE_STATE_H

/*
 * The authority's state: named collections of (key, value) with transactions, in LMDB
 * ("authority.mdb", mode 0600).  Values are the authority's own bytes.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MRQ_STATE_SCHEMA    1
#define MRQ_STATE_KEY_MAX   400u
#define MRQ_STATE_VALUE_MAX 1048576u

struct mrq_state;
struct mrq_state_txn;

enum mrq_state_open { MRQ_STATE_EXISTING, MRQ_STATE_NEW };
/** MRQ_E_NOT_FOUND / MRQ_E_EXISTS by mode; MRQ_E_VERSION; MRQ_E_DAMAGED with what to do. */
MRQ_MUST_CHECK enum mrq_status mrq_state_open(const char *dir, enum mrq_state_open mode,
					      struct mrq_state **ret,
					      struct mrq_error *err);
void mrq_state_close(struct mrq_state *state);
MRQ_DEFINE_CLEANUP(mrq_state_close, struct mrq_state *)

enum mrq_state_access { MRQ_STATE_READ, MRQ_STATE_WRITE };
MRQ_MUST_CHECK enum mrq_status mrq_state_begin(struct mrq_state *state,
					       enum mrq_state_access access,
					       struct mrq_state_txn **ret,
					       struct mrq_error *err);
/** Durable on return (write transactions). Frees txn in every case. */
MRQ_MUST_CHECK enum mrq_status mrq_state_commit(struct mrq_state_txn *txn,
						struct mrq_error *err);
void mrq_state_abort(struct mrq_state_txn *txn);
MRQ_DEFINE_CLEANUP(mrq_state_abort, struct mrq_state_txn *)

/** *ret points into the map, valid until the transaction ends.  MRQ_E_NOT_FOUND. */
MRQ_MUST_CHECK enum mrq_status mrq_state_get(struct mrq_state_txn *txn,
					     const char *collection, const char *key,
					     const void **ret, size_t *ret_len,
					     struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_state_put(struct mrq_state_txn *txn,
					     const char *collection, const char *key,
					     const void *value, size_t len,
					     struct mrq_error *err);
MRQ_MUST_CHECK enum mrq_status mrq_state_delete(struct mrq_state_txn *txn,
						const char *collection, const char *key,
						struct mrq_error *err);
/** In key order; return false to stop. */
typedef bool (*mrq_state_visit)(const char *key, const void *value, size_t len,
				void *arg);
MRQ_MUST_CHECK enum mrq_status mrq_state_each(struct mrq_state_txn *txn,
					      const char *collection,
					      mrq_state_visit visit, void *arg,
					      struct mrq_error *err);
/** A number that grows with every committed write, so that readers notice change cheaply,
 * also when another process wrote. */
MRQ_MUST_CHECK enum mrq_status mrq_state_epoch(struct mrq_state *state, uint64_t *ret,
					       struct mrq_error *err);

#endif
