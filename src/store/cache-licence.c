/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "base/bytes.h"
#include "store/cache-internal.h"

#include <string.h>

#define LICENCES "licences"
#define LENGTH   2u /* bytes of the length of a principal */

static void
principal_index(const struct mrq_cache *cache, const char *principal,
		uint8_t ret[static MRQ_MAC_BYTES])
{
	struct mrq_piece piece = { principal, strlen(principal) };

	mrq_hmac(cache->index, &piece, 1, ret);
}

static void
licence_key(const struct mrq_cache *cache, const char *principal,
	    const uint8_t digest[static MRQ_SHA256_BYTES],
	    uint8_t ret[static CACHE_LICENCE_KEY])
{
	principal_index(cache, principal, ret);
	memcpy(ret + MRQ_MAC_BYTES, digest, MRQ_SHA256_BYTES);
}

struct put {
	uint8_t key[CACHE_LICENCE_KEY];
	uint8_t clear[CACHE_LICENCE_CLEAR]; /* last use, stored, never after */
	struct mrq_secret_buf plain;
};

/* What precedes the sealed part, less the last use, which changes without a new seal. */
static void
licence_aad(const uint8_t key[static CACHE_LICENCE_KEY], const uint8_t *clear,
	    struct mrq_cache_aad *ret)
{
	mrq_cache_aad_make(LICENCES, key, CACHE_LICENCE_KEY, clear + 8,
			   CACHE_LICENCE_CLEAR - 8, ret);
}

static enum mrq_status
put_step(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	const struct put *put = arg;
	MDB_val key = mrq_val(put->key, sizeof(put->key));
	MDB_val space = { .mv_size = CACHE_LICENCE_CLEAR + put->plain.len +
				     MRQ_SEAL_OVERHEAD };
	struct mrq_cache_aad aad;

	MRQ_TRY(mrq_cache_flush_touches(cache, txn, err));
	int rc = mdb_put(txn, cache->env->dbi[DB_LICENCES], &key, &space, MDB_RESERVE);
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "write", err);
	licence_aad(put->key, put->clear, &aad);
	uint8_t *to = space.mv_data;
	memcpy(to, put->clear, sizeof(put->clear));
	mrq_seal(cache->key, put->plain.data, put->plain.len, aad.bytes, aad.len,
		 to + CACHE_LICENCE_CLEAR);
	return mrq_cache_bound(cache, txn, DB_LICENCES, cache->max_licences, err);
}

static enum mrq_status
check_lengths(const char *principal, size_t len, struct mrq_error *err)
{
	if (strnlen(principal, MRQ_PRINCIPAL_MAX + 1) > MRQ_PRINCIPAL_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a principal is longer than %d bytes",
				MRQ_PRINCIPAL_MAX);
	if (len > MRQ_CACHE_VALUE_MAX)
		return mrq_fail(
			err, MRQ_E_LIMIT,
			"a licence of %zu bytes for '%s' is longer than %u and was "
			"not cached",
			len, principal, MRQ_CACHE_VALUE_MAX);
	return MRQ_OK;
}

enum mrq_status
mrq_cache_licence_put(struct mrq_cache *cache, const char *principal,
		      const uint8_t digest[static MRQ_SHA256_BYTES], const void *value,
		      size_t len, int64_t never_after, int64_t now,
		      struct mrq_error *err)
{
	struct mrq_secret_buf plain MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	struct put put;

	MRQ_TRY(check_lengths(principal, len, err));
	size_t name_len = strlen(principal);
	MRQ_TRY(mrq_secret_buf_init(&plain, LENGTH + name_len + len, err));
	struct mrq_writer w = mrq_writer_make(plain.data, plain.len);
	mrq_write_u16(&w, (uint16_t)name_len);
	mrq_write_bytes(&w, principal, name_len);
	mrq_write_bytes(&w, value, len);
	w = mrq_writer_make(put.clear, sizeof(put.clear));
	mrq_write_u64(&w, (uint64_t)now);
	mrq_write_u64(&w, (uint64_t)now);
	mrq_write_u64(&w, (uint64_t)never_after);
	licence_key(cache, principal, digest, put.key);
	put.plain = plain; /* borrowed */
	(void)mrq_cache_latest(cache, now);
	return mrq_cache_change(cache, put_step, &put, err);
}

/* An entry as it stands in the file. */
struct entry {
	int64_t last_use, stored, never_after;
	const uint8_t *clear, *sealed;
	size_t sealed_len;
};

static enum mrq_status
entry_read(const struct mrq_cache *cache, const MDB_val *key, const MDB_val *value,
	   struct entry *ret, struct mrq_error *err)
{
	struct mrq_reader r = mrq_reader_make(value->mv_data, value->mv_size);

	ret->clear = value->mv_data;
	ret->last_use = (int64_t)mrq_read_u64(&r);
	ret->stored = (int64_t)mrq_read_u64(&r);
	ret->never_after = (int64_t)mrq_read_u64(&r);
	ret->sealed = r.at;
	ret->sealed_len = r.left;
	if (r.failed || key->mv_size != CACHE_LICENCE_KEY)
		return mrq_cache_damaged(cache, err);
	return MRQ_OK;
}

/* The plain text, and where in it principal and value are. */
struct opened {
	struct mrq_secret_buf plain;
	char principal[MRQ_PRINCIPAL_MAX + 1];
	size_t value_at;
};

static enum mrq_status
entry_open(const struct mrq_cache *cache, const MDB_val *key, const struct entry *entry,
	   struct opened *ret, struct mrq_error *err)
{
	struct mrq_cache_aad aad;

	licence_aad(key->mv_data, entry->clear, &aad);
	MRQ_TRY(mrq_cache_unseal(cache, &aad, entry->sealed, entry->sealed_len,
				 &ret->plain, err));
	struct mrq_reader r = mrq_reader_make(ret->plain.data, ret->plain.len);
	size_t len = mrq_read_u16(&r);
	const uint8_t *principal = mrq_read_view(&r, len);
	if (r.failed || len > MRQ_PRINCIPAL_MAX) {
		mrq_secret_buf_clear(&ret->plain);
		return mrq_cache_damaged(cache, err);
	}
	memcpy(ret->principal, principal, len);
	ret->principal[len] = '\0';
	ret->value_at = LENGTH + len;
	return MRQ_OK;
}

/* Remember that it was used; a full list keeps what it has until the next change. */
static void
touch(struct mrq_cache *cache, const uint8_t key[static CACHE_LICENCE_KEY], int64_t now)
{
	(void)pthread_mutex_lock(&cache->lock);
	size_t i = 0;
	while (i < cache->n_touches &&
	       memcmp(cache->touches[i].key, key, CACHE_LICENCE_KEY) != 0)
		i++;
	if (i < CACHE_TOUCHES) {
		memcpy(cache->touches[i].key, key, CACHE_LICENCE_KEY);
		cache->touches[i].now = now;
		if (i == cache->n_touches)
			cache->n_touches++;
	}
	(void)pthread_mutex_unlock(&cache->lock);
}

static enum mrq_status
not_cached(const char *principal, struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_NOT_FOUND,
			"no licence of '%s' for this file is cached", principal);
}

enum mrq_status
mrq_cache_licence_get(struct mrq_cache *cache, const char *principal,
		      const uint8_t digest[static MRQ_SHA256_BYTES], int64_t now,
		      struct mrq_secret_buf *ret, struct mrq_error *err)
{
	uint8_t name[CACHE_LICENCE_KEY];
	MDB_txn *txn MRQ_CLEANUP(mrq_env_end) = NULL;
	struct opened opened = { 0 };
	struct entry entry;
	MDB_val value;

	(void)mrq_cache_latest(cache, now);
	licence_key(cache, principal, digest, name);
	MDB_val key = mrq_val(name, sizeof(name));
	MRQ_TRY(mrq_env_begin(cache->env, MRQ_ENV_READ, &txn, err));
	int rc = mdb_get(txn, cache->env->dbi[DB_LICENCES], &key, &value);
	if (rc == MDB_NOTFOUND)
		return not_cached(principal, err);
	if (rc != 0)
		return mrq_env_fail(cache->env, rc, "read", err);
	MRQ_TRY(entry_read(cache, &key, &value, &entry, err));
	if (now > entry.never_after)
		return not_cached(principal, err);
	MRQ_TRY(entry_open(cache, &key, &entry, &opened, err));
	if (now - entry.last_use >= CACHE_TOUCH_EVERY)
		touch(cache, name, now);

	struct mrq_secret_buf *plain = &opened.plain;
	size_t len = plain->len - opened.value_at;
	memmove(plain->data, plain->data + opened.value_at, len);
	mrq_wipe(plain->data + len, opened.value_at);
	ret->data = plain->data;
	ret->len = len;
	return MRQ_OK;
}

struct clear {
	const char *principal; /* NULL: all */
	size_t n;
};

static enum mrq_status
clear_step(struct mrq_cache *cache, MDB_txn *txn, void *arg, struct mrq_error *err)
{
	struct clear *clear = arg;
	uint8_t index[MRQ_MAC_BYTES] = { 0 };
	MDB_cursor *cursor MRQ_CLEANUP(mdb_cursor_close) = NULL;
	MDB_val value;

	clear->n = 0;
	if (clear->principal)
		principal_index(cache, clear->principal, index);
	MDB_val key = mrq_val(index, sizeof(index));
	int rc = mdb_cursor_open(txn, cache->env->dbi[DB_LICENCES], &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (rc == 0) {
		if (clear->principal &&
		    (key.mv_size < sizeof(index) ||
		     memcmp(key.mv_data, index, sizeof(index)) != 0))
			return MRQ_OK;
		rc = mdb_cursor_del(cursor, 0);
		if (rc != 0)
			break;
		clear->n++;
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? MRQ_OK : mrq_env_fail(cache->env, rc, "clear", err);
}

enum mrq_status
mrq_cache_licence_clear(struct mrq_cache *cache, const char *principal, size_t *ret_n,
			struct mrq_error *err)
{
	struct clear clear = { .principal = principal };

	MRQ_TRY(mrq_cache_change(cache, clear_step, &clear, err));
	*ret_n = clear.n;
	return MRQ_OK;
}

static enum mrq_status
visit_entry(struct mrq_cache *cache, const MDB_val *key, const MDB_val *value,
	    mrq_cache_visit visit, void *arg, bool *ret_more, struct mrq_error *err)
{
	struct opened opened = { 0 };
	struct entry entry;

	MRQ_TRY(entry_read(cache, key, value, &entry, err));
	MRQ_TRY(entry_open(cache, key, &entry, &opened, err));
	const uint8_t *name = key->mv_data;
	*ret_more = visit(opened.principal, name + MRQ_MAC_BYTES,
			  opened.plain.data + opened.value_at,
			  opened.plain.len - opened.value_at, entry.stored,
			  entry.never_after, arg);
	mrq_secret_buf_clear(&opened.plain);
	return MRQ_OK;
}

enum mrq_status
mrq_cache_licence_each(struct mrq_cache *cache, mrq_cache_visit visit, void *arg,
		       struct mrq_error *err)
{
	MDB_txn *txn MRQ_CLEANUP(mrq_env_end) = NULL;
	MDB_cursor *cursor MRQ_CLEANUP(mdb_cursor_close) = NULL;
	MDB_val key, value;
	bool more = true;

	MRQ_TRY(mrq_env_begin(cache->env, MRQ_ENV_READ, &txn, err));
	int rc = mdb_cursor_open(txn, cache->env->dbi[DB_LICENCES], &cursor);
	if (rc == 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
	while (rc == 0) {
		MRQ_TRY(visit_entry(cache, &key, &value, visit, arg, &more, err));
		if (!more)
			return MRQ_OK;
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	}
	return rc == MDB_NOTFOUND ? MRQ_OK : mrq_env_fail(cache->env, rc, "read", err);
}
