/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/cache.h"

#include "base/bytes.h"
#include "store/cache-internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAP_BYTES_DEFAULT ((size_t)1 << 30)
#define CLOCK_SAVE_EVERY  60 /* seconds */
#define ROOM_TRIES        4
#define FACTS             "facts"
#define DOCUMENT          "document:"

static const char *const databases[] = { "facts", "licences", "sequences", NULL };

int64_t
mrq_cache_latest(struct mrq_cache *cache, int64_t now)
{
	(void)pthread_mutex_lock(&cache->lock);
	if (now > cache->latest)
		cache->latest = now;
	int64_t latest = cache->latest;
	(void)pthread_mutex_unlock(&cache->lock);
	return latest;
}

enum mrq_status
mrq_cache_damaged(const struct mrq_cache *cache, struct mrq_error *err)
{
	return mrq_fail(
		err, MRQ_E_DAMAGED,
		"the cache '%s' is damaged or was sealed on another machine; %s",
		cache->env->path, cache->env->remedy);
}

void
mrq_cache_aad_make(const char *tree, const void *key, size_t key_len, const void *clear,
		   size_t clear_len, struct mrq_cache_aad *ret)
{
	struct mrq_writer w = mrq_writer_make(ret->bytes, sizeof(ret->bytes));

	mrq_write_bytes(&w, tree, strlen(tree) + 1);
	mrq_write_u16(&w, (uint16_t)key_len);
	mrq_write_bytes(&w, key, key_len);
	mrq_write_bytes(&w, clear, clear_len);
	ret->len = sizeof(ret->bytes) - w.left;
}

enum mrq_status
mrq_cache_unseal(const struct mrq_cache *cache, const struct mrq_cache_aad *aad,
		 const void *sealed, size_t len, struct mrq_secret_buf *ret,
		 struct mrq_error *err)
{
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };

	if (len < MRQ_SEAL_OVERHEAD)
		return mrq_cache_damaged(cache, err);
	MRQ_TRY(mrq_secret_buf_init(&buf, len - MRQ_SEAL_OVERHEAD, err));
	if (mrq_unseal(cache->key, sealed, len, aad->bytes, aad->len, buf.data, NULL) !=
	    MRQ_OK)
		return mrq_cache_damaged(cache, err);
	*ret = buf;
	buf = (struct mrq_secret_buf){ 0 };
	return MRQ_OK;
}

/* Changes. */

static enum mrq_status
make_room(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	size_t n = 0;
	MDB_stat stat;

	(void)arg;
	MRQ_TRY(mrq_cache_expire(cache, txn, mrq_cache_latest(cache, INT64_MIN), &n,
				 err));
	for (unsigned db = DB_LICENCES; db <= DB_SEQUENCES && n == 0; db++) {
		int rc = mdb_stat(txn, cache->env->dbi[db], &stat);
		if (rc != 0)
			return mrq_env_fail(cache->env, rc, "examine", err);
		MRQ_TRY(mrq_cache_evict(cache, txn, db, stat.ms_entries * 3 / 4, &n,
					err));
	}
	return MRQ_OK;
}

/* LMDB reuses the pages that a transaction freed from the second one after it on: this is the first. */
static enum mrq_status
write_schema(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	uint8_t schema[4];
	struct mrq_writer w = mrq_writer_make(schema, sizeof(schema));
	MDB_val key = mrq_val("schema", 6), value = mrq_val(schema, sizeof(schema));

	(void)arg;
	mrq_write_u32(&w, MRQ_CACHE_SCHEMA);
	int rc = mdb_put(txn, cache->env->dbi[DB_FACTS], &key, &value, 0);
	return rc == 0 ? MRQ_OK : mrq_env_fail(cache->env, rc, "write", err);
}

static enum mrq_status
change_once(struct mrq_cache *cache, mrq_cache_step step, void *arg,
	    struct mrq_error *err)
{
	MDB_txn *txn MRQ_CLEANUP(mrq_env_end) = NULL;

	MRQ_TRY(mrq_env_begin(cache->env, MRQ_ENV_WRITE, &txn, err));
	MRQ_TRY(step(cache, txn, arg, err));
	return mrq_env_commit(cache->env, &txn, err);
}

enum mrq_status
mrq_cache_change(struct mrq_cache *cache, mrq_cache_step step, void *arg,
		 struct mrq_error *err)
{
	enum mrq_status s = change_once(cache, step, arg, err);

	/* Steps check lengths beforehand: the limit is the map's.  What is long needs a run of free
	 * pages, so that once may not be enough. */
	for (int i = 0; s == MRQ_E_LIMIT && i < ROOM_TRIES; i++) {
		if (change_once(cache, make_room, NULL, NULL) != MRQ_OK ||
		    change_once(cache, write_schema, NULL, NULL) != MRQ_OK)
			return s;
		s = change_once(cache, step, arg, err);
	}
	return s;
}

/* Facts. */

static enum mrq_status
fact_put(struct mrq_cache *cache, MDB_txn *txn, const char *name, const void *data,
	 size_t len, struct mrq_error *err)
{
	MDB_val key = mrq_val(name, strlen(name));
	MDB_val space = { .mv_size = len + MRQ_SEAL_OVERHEAD };
	struct mrq_cache_aad aad;

	mrq_cache_aad_make(FACTS, name, strlen(name), NULL, 0, &aad);
	int rc = mdb_put(txn, cache->env->dbi[DB_FACTS], &key, &space, MDB_RESERVE);
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "write", err);
	mrq_seal(cache->key, data, len, aad.bytes, aad.len, space.mv_data);
	return MRQ_OK;
}

static enum mrq_status
fact_get(struct mrq_cache *cache, MDB_txn *txn, const char *name,
	 struct mrq_secret_buf *ret, struct mrq_error *err)
{
	MDB_val key = mrq_val(name, strlen(name)), value;
	struct mrq_cache_aad aad;

	mrq_cache_aad_make(FACTS, name, strlen(name), NULL, 0, &aad);
	int rc = mdb_get(txn, cache->env->dbi[DB_FACTS], &key, &value);
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "read", err);
	return mrq_cache_unseal(cache, &aad, value.mv_data, value.mv_size, ret, err);
}

/* *ret stays when there is none. */
static enum mrq_status
clock_get(struct mrq_cache *cache, MDB_txn *txn, int64_t *ret, struct mrq_error *err)
{
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	enum mrq_status s = fact_get(cache, txn, "clock", &buf, err);

	if (s == MRQ_E_NOT_FOUND)
		return MRQ_OK;
	MRQ_TRY(s);
	struct mrq_reader r = mrq_reader_make(buf.data, buf.len);
	int64_t when = (int64_t)mrq_read_u64(&r);
	if (r.failed)
		return mrq_cache_damaged(cache, err);
	*ret = when;
	return MRQ_OK;
}

/* Another process may have seen a later time. */
static enum mrq_status
clock_raise(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	int64_t *now = arg, saved = INT64_MIN;
	uint8_t data[sizeof(uint64_t)];
	struct mrq_writer w = mrq_writer_make(data, sizeof(data));

	MRQ_TRY(clock_get(cache, txn, &saved, err));
	if (saved > *now)
		*now = saved;
	mrq_write_u64(&w, (uint64_t)*now);
	return fact_put(cache, txn, "clock", data, sizeof(data), err);
}

enum mrq_status
mrq_cache_clock_note(struct mrq_cache *cache, int64_t now, int64_t *ret_highest,
		     struct mrq_error *err)
{
	int64_t highest = mrq_cache_latest(cache, now);

	(void)pthread_mutex_lock(&cache->lock);
	bool save = cache->clock_saved == INT64_MIN ||
		    highest - cache->clock_saved >= CLOCK_SAVE_EVERY;
	(void)pthread_mutex_unlock(&cache->lock);
	if (save) {
		MRQ_TRY(mrq_cache_change(cache, clock_raise, &highest, err));
		highest = mrq_cache_latest(cache, highest);
		(void)pthread_mutex_lock(&cache->lock);
		if (highest > cache->clock_saved)
			cache->clock_saved = highest;
		(void)pthread_mutex_unlock(&cache->lock);
	}
	*ret_highest = highest;
	return MRQ_OK;
}

/* Documents. */

struct document {
	char name[sizeof(DOCUMENT) + MRQ_CACHE_DOCUMENT_NAME_MAX];
	const void *data;
	size_t len;
};

static enum mrq_status
document_name(const char *name, struct document *ret, struct mrq_error *err)
{
	size_t len = strnlen(name, MRQ_CACHE_DOCUMENT_NAME_MAX + 1);

	if (len == 0)
		return mrq_fail(err, MRQ_E_INVAL,
				"a document of the cache has no name");
	if (len > MRQ_CACHE_DOCUMENT_NAME_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the name of a document is longer than %u bytes",
				MRQ_CACHE_DOCUMENT_NAME_MAX);
	(void)snprintf(ret->name, sizeof(ret->name), DOCUMENT "%s", name);
	return MRQ_OK;
}

static enum mrq_status
document_step(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	const struct document *d = arg;

	return fact_put(cache, txn, d->name, d->data, d->len, err);
}

enum mrq_status
mrq_cache_document_put(struct mrq_cache *cache, const char *name, const void *data,
		       size_t len, struct mrq_error *err)
{
	struct document d = { .data = data, .len = len };

	MRQ_TRY(document_name(name, &d, err));
	if (len > MRQ_CACHE_DOCUMENT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the document '%s' is longer than %u bytes", name,
				MRQ_CACHE_DOCUMENT_MAX);
	return mrq_cache_change(cache, document_step, &d, err);
}

enum mrq_status
mrq_cache_document_get(struct mrq_cache *cache, const char *name,
		       struct mrq_secret_buf *ret, struct mrq_error *err)
{
	struct document d;
	MDB_txn *txn MRQ_CLEANUP(mrq_env_end) = NULL;

	MRQ_TRY(document_name(name, &d, err));
	MRQ_TRY(mrq_env_begin(cache->env, MRQ_ENV_READ, &txn, err));
	enum mrq_status s = fact_get(cache, txn, d.name, ret, err);
	if (s == MRQ_E_NOT_FOUND)
		return mrq_fail(err, s, "the cache holds no document '%s'", name);
	return s;
}

/* Opening. */

static enum mrq_status
check_schema(struct mrq_cache *cache, const MDB_val *value, struct mrq_error *err)
{
	struct mrq_reader r = mrq_reader_make(value->mv_data, value->mv_size);
	uint32_t have = mrq_read_u32(&r);

	if (r.failed || have == 0)
		return mrq_cache_damaged(cache, err);
	if (have > MRQ_CACHE_SCHEMA)
		return mrq_fail(
			err, MRQ_E_VERSION,
			"the cache '%s' has version %" PRIu32
			", this marque knows %d; use a newer marque or remove it",
			cache->env->path, have, MRQ_CACHE_SCHEMA);
	return MRQ_OK;
}

static enum mrq_status
write_first_facts(struct mrq_cache *cache, MDB_txn *txn, struct mrq_error *err)
{
	MRQ_TRY(write_schema(cache, txn, NULL, err));
	mrq_random(cache->index, sizeof(*cache->index));
	return fact_put(cache, txn, "index", cache->index, sizeof(*cache->index), err);
}

static enum mrq_status
load_facts(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	struct mrq_secret_buf index MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	MDB_val key = mrq_val("schema", 6), value;

	(void)arg;
	int rc = mdb_get(txn, cache->env->dbi[DB_FACTS], &key, &value);
	if (rc == MDB_NOTFOUND)
		return write_first_facts(cache, txn, err);
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "read", err);
	MRQ_TRY(check_schema(cache, &value, err));
	enum mrq_status s = fact_get(cache, txn, "index", &index, err);
	if (s == MRQ_E_NOT_FOUND || (s == MRQ_OK && index.len != sizeof(*cache->index)))
		return mrq_cache_damaged(cache, err);
	MRQ_TRY(s);
	memcpy(cache->index, index.data, sizeof(*cache->index));
	return clock_get(cache, txn, &cache->clock_saved, err);
}

static struct mrq_cache *
cache_new(const struct mrq_seal_key *key, const struct mrq_cache_options *options)
{
	struct mrq_cache *cache = calloc(1, sizeof(*cache));

	if (!cache)
		return NULL;
	(void)pthread_mutex_init(&cache->lock, NULL);
	cache->latest = cache->clock_saved = INT64_MIN;
	cache->max_licences = options && options->max_licences
				      ? options->max_licences
				      : MRQ_CACHE_LICENCES_MAX_DEFAULT;
	cache->max_sequences = options && options->max_sequences
				       ? options->max_sequences
				       : MRQ_CACHE_SEQUENCES_MAX_DEFAULT;
	cache->key = mrq_secret_alloc(sizeof(*cache->key));
	cache->index = mrq_secret_alloc(sizeof(*cache->index));
	if (!cache->key || !cache->index) {
		mrq_cache_close(cache);
		return NULL;
	}
	*cache->key = *key;
	return cache;
}

enum mrq_status
mrq_cache_open(const char *dir, const struct mrq_seal_key *key,
	       const struct mrq_cache_options *options, struct mrq_cache **ret,
	       struct mrq_error *err)
{
	const struct mrq_env_options env = {
		.what = "cache",
		.remedy = "remove this file to begin with an empty cache",
		.name = "cache.mdb",
		.mode = MRQ_ENV_OPEN_OR_MAKE,
		.map_bytes = options && options->map_bytes ? options->map_bytes
							   : MAP_BYTES_DEFAULT,
		/* A crash may cost the last changes, never the file. */
		.flags = MDB_NOMETASYNC,
		.databases = databases,
	};

	MRQ_TRY(mrq_crypto_init(err));
	struct mrq_cache *cache MRQ_CLEANUP(mrq_cache_close) = cache_new(key, options);
	if (!cache)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the cache");
	MRQ_TRY(mrq_env_open(dir, &env, &cache->env, err));
	MRQ_TRY(change_once(cache, load_facts, NULL, err));
	cache->latest = cache->clock_saved;
	*ret = MRQ_STEAL(cache);
	return MRQ_OK;
}

static enum mrq_status
touches_step(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	(void)arg;
	return mrq_cache_flush_touches(cache, txn, err);
}

void
mrq_cache_close(struct mrq_cache *cache)
{
	if (!cache)
		return;
	/* What is lost here only makes an eviction less fair. */
	if (cache->n_touches > 0)
		(void)!change_once(cache, touches_step, NULL, NULL);
	mrq_env_close(cache->env);
	if (cache->key)
		mrq_secret_free(cache->key);
	if (cache->index)
		mrq_secret_free(cache->index);
	(void)pthread_mutex_destroy(&cache->lock);
	free(cache);
}

struct sweep {
	int64_t now;
	size_t n;
};

static enum mrq_status
sweep_step(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	struct sweep *sweep = arg;

	sweep->n = 0;
	MRQ_TRY(mrq_cache_flush_touches(cache, txn, err));
	MRQ_TRY(mrq_cache_expire(cache, txn, sweep->now, &sweep->n, err));
	MRQ_TRY(mrq_cache_evict(cache, txn, DB_LICENCES, cache->max_licences, &sweep->n,
				err));
	return mrq_cache_evict(cache, txn, DB_SEQUENCES, cache->max_sequences,
			       &sweep->n, err);
}

enum mrq_status
mrq_cache_sweep(struct mrq_cache *cache, int64_t now, size_t *ret_n,
		struct mrq_error *err)
{
	struct sweep sweep = { .now = now };

	(void)mrq_cache_latest(cache, now);
	MRQ_TRY(mrq_cache_change(cache, sweep_step, &sweep, err));
	*ret_n = sweep.n;
	return MRQ_OK;
}
