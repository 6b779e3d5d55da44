/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One tree holds all collections: its keys are COLLECTION, NUL, key, NUL.  So a collection is a
 * range in key order, and a visitor gets its key as a string without a copy.
 */
#include "store/state.h"

#include "base/bytes.h"
#include "store/env.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define COLLECTION_MAX 64u
#define MAP_BYTES      ((size_t)4 << 30) /* address space, not disk */
#define SCHEMA_KEY     "schema"

enum { DB_FACTS, DB_STATE };
static const char *const databases[] = { "facts", "state", NULL };

struct mrq_state {
	struct mrq_env *env;
};

struct mrq_state_txn {
	struct mrq_env *env;
	MDB_txn *txn;
	bool writes;
};

struct state_key {
	char bytes[COLLECTION_MAX + 1 + MRQ_STATE_KEY_MAX + 1];
	size_t len;
};

static enum mrq_status
make_key(const char *collection, const char *key, struct state_key *ret,
	 struct mrq_error *err)
{
	size_t c = strnlen(collection, COLLECTION_MAX + 1);
	size_t k = strnlen(key, MRQ_STATE_KEY_MAX + 1);

	if (c == 0 || k == 0)
		return mrq_fail(err, MRQ_E_INVAL,
				"a key of the authority's state is empty");
	if (c > COLLECTION_MAX || k > MRQ_STATE_KEY_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the key '%.64s...' in '%.64s' is longer than %u bytes",
				key, collection, MRQ_STATE_KEY_MAX);
	memcpy(ret->bytes, collection, c + 1);
	memcpy(ret->bytes + c + 1, key, k + 1);
	ret->len = c + 1 + k + 1;
	return MRQ_OK;
}

static MDB_val
value_of(void *data, size_t len)
{
	return (MDB_val){ .mv_size = len, .mv_data = data };
}

static enum mrq_status
check_schema(const struct mrq_env *env, MDB_txn *txn, struct mrq_error *err)
{
	char name[] = SCHEMA_KEY;
	uint8_t schema[4];
	MDB_val key = value_of(name, sizeof(name)), value;
	int rc = mdb_get(txn, env->dbi[DB_FACTS], &key, &value);

	if (rc == MDB_NOTFOUND) {
		struct mrq_writer w = mrq_writer_make(schema, sizeof(schema));
		mrq_write_u32(&w, MRQ_STATE_SCHEMA);
		value = value_of(schema, sizeof(schema));
		rc = mdb_put(txn, env->dbi[DB_FACTS], &key, &value, 0);
	}
	if (rc != 0)
		return mrq_env_fail(env, rc, "read", err);
	struct mrq_reader r = mrq_reader_make(value.mv_data, value.mv_size);
	uint32_t have = mrq_read_u32(&r);
	if (r.failed || have == 0)
		return mrq_fail(err, MRQ_E_DAMAGED, "the %s '%s' tells no version; %s",
				env->what, env->path, env->remedy);
	if (have > MRQ_STATE_SCHEMA)
		return mrq_fail(err, MRQ_E_VERSION,
				"the %s '%s' has version %" PRIu32
				", this marque knows %d; use a newer marque",
				env->what, env->path, have, MRQ_STATE_SCHEMA);
	return MRQ_OK;
}

enum mrq_status
mrq_state_open(const char *dir, enum mrq_state_open mode, struct mrq_state **ret,
	       struct mrq_error *err)
{
	const struct mrq_env_options options = {
		.what = "authority state",
		.remedy = "put a backup back",
		.name = "authority.mdb",
		.mode = mode == MRQ_STATE_NEW ? MRQ_ENV_NEW : MRQ_ENV_EXISTING,
		.map_bytes = MAP_BYTES,
		.databases = databases,
	};
	struct mrq_env *env MRQ_CLEANUP(mrq_env_close) = NULL;
	MDB_txn *txn MRQ_CLEANUP(mrq_env_end) = NULL;

	MRQ_TRY(mrq_env_open(dir, &options, &env, err));
	MRQ_TRY(mrq_env_begin(env, MRQ_ENV_WRITE, &txn, err));
	MRQ_TRY(check_schema(env, txn, err));
	MRQ_TRY(mrq_env_commit(env, &txn, err));

	struct mrq_state *state = calloc(1, sizeof(*state));
	if (!state)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the authority state");
	state->env = MRQ_STEAL(env);
	*ret = state;
	return MRQ_OK;
}

void
mrq_state_close(struct mrq_state *state)
{
	if (!state)
		return;
	mrq_env_close(state->env);
	free(state);
}

enum mrq_status
mrq_state_begin(struct mrq_state *state, enum mrq_state_access access,
		struct mrq_state_txn **ret, struct mrq_error *err)
{
	struct mrq_state_txn *txn MRQ_CLEANUP(free) = calloc(1, sizeof(*txn));

	if (!txn)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a transaction");
	txn->env = state->env;
	txn->writes = access == MRQ_STATE_WRITE;
	MRQ_TRY(mrq_env_begin(state->env, txn->writes ? MRQ_ENV_WRITE : MRQ_ENV_READ,
			      &txn->txn, err));
	*ret = MRQ_STEAL(txn);
	return MRQ_OK;
}

enum mrq_status
mrq_state_commit(struct mrq_state_txn *txn, struct mrq_error *err)
{
	enum mrq_status s = mrq_env_commit(txn->env, &txn->txn, err);

	free(txn);
	return s;
}

void
mrq_state_abort(struct mrq_state_txn *txn)
{
	if (!txn)
		return;
	mrq_env_end(txn->txn);
	free(txn);
}

enum mrq_status
mrq_state_get(struct mrq_state_txn *txn, const char *collection, const char *key,
	      const void **ret, size_t *ret_len, struct mrq_error *err)
{
	struct state_key full = { .len = 0 };
	MDB_val value;

	MRQ_TRY(make_key(collection, key, &full, err));
	MDB_val name = value_of(full.bytes, full.len);
	int rc = mdb_get(txn->txn, txn->env->dbi[DB_STATE], &name, &value);
	if (rc == MDB_NOTFOUND)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no '%s' in '%s'", key,
				collection);
	if (rc != 0)
		return mrq_env_fail(txn->env, rc, "read", err);
	*ret = value.mv_data;
	*ret_len = value.mv_size;
	return MRQ_OK;
}

static enum mrq_status
need_write(const struct mrq_state_txn *txn, struct mrq_error *err)
{
	return txn->writes ? MRQ_OK
			   : mrq_fail(err, MRQ_E_INVAL,
				      "a reading transaction cannot change the state");
}

enum mrq_status
mrq_state_put(struct mrq_state_txn *txn, const char *collection, const char *key,
	      const void *value, size_t len, struct mrq_error *err)
{
	struct state_key full = { .len = 0 };
	MDB_val space = value_of(NULL, len);

	MRQ_TRY(need_write(txn, err));
	MRQ_TRY(make_key(collection, key, &full, err));
	if (len > MRQ_STATE_VALUE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"'%s' in '%s' is longer than %u bytes", key, collection,
				MRQ_STATE_VALUE_MAX);
	MDB_val name = value_of(full.bytes, full.len);
	int rc = mdb_put(txn->txn, txn->env->dbi[DB_STATE], &name, &space, MDB_RESERVE);
	if (rc != 0)
		return mrq_env_fail(txn->env, rc, "write", err);
	if (len > 0)
		memcpy(space.mv_data, value, len);
	return MRQ_OK;
}

enum mrq_status
mrq_state_delete(struct mrq_state_txn *txn, const char *collection, const char *key,
		 struct mrq_error *err)
{
	struct state_key full = { .len = 0 };

	MRQ_TRY(need_write(txn, err));
	MRQ_TRY(make_key(collection, key, &full, err));
	MDB_val name = value_of(full.bytes, full.len);
	int rc = mdb_del(txn->txn, txn->env->dbi[DB_STATE], &name, NULL);
	if (rc == MDB_NOTFOUND)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "there is no '%s' in '%s'", key,
				collection);
	return rc == 0 ? MRQ_OK : mrq_env_fail(txn->env, rc, "write", err);
}

/* Keys that begin with COLLECTION, NUL. */
static enum mrq_status
walk_range(struct mrq_state_txn *txn, MDB_cursor *cursor, struct state_key *prefix,
	   mrq_state_visit visit, void *arg, struct mrq_error *err)
{
	MDB_val name = value_of(prefix->bytes, prefix->len), value;
	int rc = mdb_cursor_get(cursor, &name, &value, MDB_SET_RANGE);

	while (rc == 0) {
		const char *text = name.mv_data;
		if (name.mv_size <= prefix->len ||
		    memcmp(text, prefix->bytes, prefix->len) != 0)
			return MRQ_OK;
		if (text[name.mv_size - 1] != '\0')
			return mrq_fail(
				err, MRQ_E_DAMAGED, "the %s '%s' has a wrong key; %s",
				txn->env->what, txn->env->path, txn->env->remedy);
		if (!visit(text + prefix->len, value.mv_data, value.mv_size, arg))
			return MRQ_OK;
		rc = mdb_cursor_get(cursor, &name, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? MRQ_OK : mrq_env_fail(txn->env, rc, "read", err);
}

enum mrq_status
mrq_state_each(struct mrq_state_txn *txn, const char *collection, mrq_state_visit visit,
	       void *arg, struct mrq_error *err)
{
	struct state_key prefix = { .len = 0 };
	MDB_cursor *cursor MRQ_CLEANUP(mdb_cursor_close) = NULL;

	MRQ_TRY(make_key(collection, "-", &prefix, err));
	prefix.len = strlen(collection) + 1;
	int rc = mdb_cursor_open(txn->txn, txn->env->dbi[DB_STATE], &cursor);
	if (rc != 0)
		return mrq_env_fail(txn->env, rc, "read", err);
	return walk_range(txn, cursor, &prefix, visit, arg, err);
}

enum mrq_status
mrq_state_epoch(struct mrq_state *state, uint64_t *ret, struct mrq_error *err)
{
	return mrq_env_last(state->env, ret, err);
}
