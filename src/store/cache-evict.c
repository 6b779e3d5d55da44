/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is forgotten, and in which order. */
#include "base/bytes.h"
#include "store/cache-internal.h"

#include <errno.h>
#include <string.h>

#define SLACK 16u /* a bound is enforced when exceeded by this part of it */

static int64_t
last_use(const MDB_val *value)
{
	struct mrq_reader r = mrq_reader_make(value->mv_data, value->mv_size);

	return (int64_t)mrq_read_u64(&r);
}

static int
compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The time up to which the `n` least recently used were used, and how many of just that time. */
static enum mrq_status
find_limit(struct mrq_cache *cache, MDB_cursor *cursor, size_t entries, size_t n,
	   int64_t *ret_limit, size_t *ret_at_limit, struct mrq_error *err)
{
	int64_t *times MRQ_CLEANUP(free) = calloc(entries, sizeof(*times));
	MDB_val key, value;
	size_t have = 0, older = 0;

	if (!times)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to sweep the cache");
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	for (; rc == 0 && have < entries;
	     rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT))
		times[have++] = last_use(&value);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return mrq_env_fail(cache->env, rc, "read", err);
	if (have < n)
		return mrq_cache_damaged(cache, err);
	qsort(times, have, sizeof(*times), compare_times);
	while (times[older] < times[n - 1])
		older++;
	*ret_limit = times[n - 1];
	*ret_at_limit = n - older;
	return MRQ_OK;
}

static enum mrq_status
delete_oldest(struct mrq_cache *cache, MDB_cursor *cursor, int64_t limit,
	      size_t at_limit, size_t *ret_n, struct mrq_error *err)
{
	MDB_val key, value;
	int rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);

	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		int64_t when = last_use(&value);
		if (when > limit || (when == limit && at_limit == 0))
			continue;
		at_limit -= when == limit;
		rc = mdb_cursor_del(cursor, 0);
		if (rc != 0)
			break;
		(*ret_n)++;
	}
	return rc == MDB_NOTFOUND ? MRQ_OK : mrq_env_fail(cache->env, rc, "sweep", err);
}

enum mrq_status
mrq_cache_evict(struct mrq_cache *cache, MDB_txn *txn, unsigned db, size_t max,
		size_t *ret_n, struct mrq_error *err)
{
	MDB_cursor *cursor MRQ_CLEANUP(mdb_cursor_close) = NULL;
	MDB_stat stat;
	int64_t limit = 0;
	size_t at_limit = 0;

	int rc = mdb_stat(txn, cache->env->dbi[db], &stat);
	if (rc == 0 && stat.ms_entries <= max)
		return MRQ_OK;
	if (rc == 0)
		rc = mdb_cursor_open(txn, cache->env->dbi[db], &cursor);
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "sweep", err);
	MRQ_TRY(find_limit(cache, cursor, stat.ms_entries, stat.ms_entries - max,
			   &limit, &at_limit, err));
	return delete_oldest(cache, cursor, limit, at_limit, ret_n, err);
}

enum mrq_status
mrq_cache_bound(struct mrq_cache *cache, MDB_txn *txn, unsigned db, size_t max,
		struct mrq_error *err)
{
	MDB_stat stat;
	size_t n = 0;

	int rc = mdb_stat(txn, cache->env->dbi[db], &stat);
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "examine", err);
	if (stat.ms_entries <= max + max / SLACK)
		return MRQ_OK;
	return mrq_cache_evict(cache, txn, db, max, &n, err);
}

enum mrq_status
mrq_cache_expire(struct mrq_cache *cache, MDB_txn *txn, int64_t now, size_t *ret_n,
		 struct mrq_error *err)
{
	MDB_cursor *cursor MRQ_CLEANUP(mdb_cursor_close) = NULL;
	MDB_val key, value;

	int rc = mdb_cursor_open(txn, cache->env->dbi[DB_LICENCES], &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
		struct mrq_reader r = mrq_reader_make(value.mv_data, value.mv_size);
		mrq_read_skip(&r, 16);
		int64_t never_after = (int64_t)mrq_read_u64(&r);
		if (!r.failed && now <= never_after)
			continue;
		rc = mdb_cursor_del(cursor, 0);
		if (rc != 0)
			break;
		(*ret_n)++;
	}
	return rc == MDB_NOTFOUND ? MRQ_OK : mrq_env_fail(cache->env, rc, "sweep", err);
}

static int
touch_one(MDB_txn *txn, MDB_dbi dbi, const struct mrq_cache_touch *touch)
{
	MDB_val key = mrq_val(touch->key, sizeof(touch->key)), value;
	int rc = mdb_get(txn, dbi, &key, &value);

	if (rc != 0 || last_use(&value) >= touch->now)
		return rc == MDB_NOTFOUND ? 0 : rc;
	uint8_t *copy MRQ_CLEANUP(free) = malloc(value.mv_size);
	if (!copy)
		return ENOMEM;
	memcpy(copy, value.mv_data, value.mv_size);
	struct mrq_writer w = mrq_writer_make(copy, value.mv_size);
	mrq_write_u64(&w, (uint64_t)touch->now);
	value.mv_data = copy;
	return mdb_put(txn, dbi, &key, &value, 0);
}

enum mrq_status
mrq_cache_flush_touches(struct mrq_cache *cache, MDB_txn *txn, struct mrq_error *err)
{
	struct mrq_cache_touch touches[CACHE_TOUCHES];

	(void)pthread_mutex_lock(&cache->lock);
	size_t n = cache->n_touches;
	memcpy(touches, cache->touches, n * sizeof(*touches));
	cache->n_touches = 0;
	(void)pthread_mutex_unlock(&cache->lock);
	for (size_t i = 0; i < n; i++) {
		int rc = touch_one(txn, cache->env->dbi[DB_LICENCES], &touches[i]);
		if (rc != 0)
			return mrq_env_fail(cache->env, rc, "write", err);
	}
	return MRQ_OK;
}
