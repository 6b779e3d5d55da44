/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/bytes.h"
#include "store/cache-internal.h"

#define SEQUENCES "sequences"
#define CLEAR     8u /* the last use */
#define SEALED    (sizeof(uint64_t) + MRQ_SEAL_OVERHEAD)

/* 0 when unknown. */
static enum mrq_status
get_in(struct mrq_cache *cache, MDB_txn *txn, const struct mrq_guid *id, uint64_t *ret,
       struct mrq_error *err)
{
	MDB_val key = mrq_val(id->bytes, sizeof(id->bytes)), value;
	uint8_t plain[sizeof(uint64_t)];
	struct mrq_cache_aad aad;

	*ret = 0;
	int rc = mdb_get(txn, cache->env->dbi[DB_SEQUENCES], &key, &value);
	if (rc == MDB_NOTFOUND)
		return MRQ_OK;
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "read", err);
	mrq_cache_aad_make(SEQUENCES, id->bytes, sizeof(id->bytes), NULL, 0, &aad);
	const uint8_t *data = value.mv_data;
	if (value.mv_size != CLEAR + SEALED ||
	    mrq_unseal(cache->key, data + CLEAR, SEALED, aad.bytes, aad.len, plain,
		       NULL) != MRQ_OK)
		return mrq_cache_damaged(cache, err);
	struct mrq_reader r = mrq_reader_make(plain, sizeof(plain));
	*ret = mrq_read_u64(&r);
	return MRQ_OK;
}

enum mrq_status
mrq_cache_sequence_get(struct mrq_cache *cache, const struct mrq_guid *file_id,
		       uint64_t *ret, struct mrq_error *err)
{
	MDB_txn *txn MRQ_CLEANUP(mrq_env_end) = NULL;

	MRQ_TRY(mrq_env_begin(cache->env, MRQ_ENV_READ, &txn, err));
	return get_in(cache, txn, file_id, ret, err);
}

struct batch {
	const struct mrq_cache_sequence *items;
	size_t n;
	enum mrq_sequence_put how;
	int64_t now;
};

static enum mrq_status
put_one(struct mrq_cache *cache, MDB_txn *txn, const struct mrq_cache_sequence *item,
	int64_t now, struct mrq_error *err)
{
	MDB_val key = mrq_val(item->file_id.bytes, sizeof(item->file_id.bytes));
	uint8_t plain[sizeof(uint64_t)], data[CLEAR + SEALED];
	struct mrq_cache_aad aad;

	struct mrq_writer w = mrq_writer_make(plain, sizeof(plain));
	mrq_write_u64(&w, item->sequence);
	w = mrq_writer_make(data, CLEAR);
	mrq_write_u64(&w, (uint64_t)now);
	mrq_cache_aad_make(SEQUENCES, key.mv_data, key.mv_size, NULL, 0, &aad);
	mrq_seal(cache->key, plain, sizeof(plain), aad.bytes, aad.len, data + CLEAR);
	MDB_val value = mrq_val(data, sizeof(data));
	int rc = mdb_put(txn, cache->env->dbi[DB_SEQUENCES], &key, &value, 0);
	return rc == 0 ? MRQ_OK : mrq_env_fail(cache->env, rc, "write", err);
}

static enum mrq_status
batch_step(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	const struct batch *b = arg;

	for (size_t i = 0; i < b->n; i++) {
		uint64_t have = 0;
		if (b->how == MRQ_SEQUENCE_RAISE)
			MRQ_TRY(get_in(cache, txn, &b->items[i].file_id, &have, err));
		if (b->how == MRQ_SEQUENCE_SET || b->items[i].sequence > have)
			MRQ_TRY(put_one(cache, txn, &b->items[i], b->now, err));
	}
	return mrq_cache_bound(cache, txn, DB_SEQUENCES, cache->max_sequences, err);
}

enum mrq_status
mrq_cache_sequence_put(struct mrq_cache *cache, const struct mrq_cache_sequence *items,
		       size_t n, enum mrq_sequence_put how, struct mrq_error *err)
{
	struct batch b = { .items = items, .n = n, .how = how };

	if (n == 0)
		return MRQ_OK;
	b.now = mrq_cache_latest(cache, INT64_MIN);
	return mrq_cache_change(cache, batch_step, &b, err);
}
