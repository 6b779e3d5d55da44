/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * In front of the C library and of LMDB, as the recorder is: one allocation finds no memory, or
 * one change finds LMDB's map full.
 */
#include "recorder.h"

#include <dlfcn.h>
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

/* The next function of a name, as the type of `ret`. */
#define FIND(name, ret)                                                                \
	do {                                                                           \
		void *symbol = dlsym(RTLD_NEXT, name);                                 \
		memcpy(&(ret), &symbol, sizeof(ret));                                  \
	} while (0)

static bool
fails(enum crash_fail what)
{
	struct crash_log *log = the_log();

	if (!log || !is_the_one(log, what))
		return false;
	atomic_store(&log->failed, 1);
	errno = ENOMEM;
	return true;
}

EXPORT void *
malloc(size_t size)
{
	static void *(*next)(size_t);

	if (!next)
		FIND("malloc", next);
	return fails(CRASH_FAIL_MEMORY) ? NULL : next(size);
}

EXPORT void *
calloc(size_t n, size_t size)
{
	static void *(*next)(size_t, size_t);

	if (!next)
		FIND("calloc", next);
	return fails(CRASH_FAIL_MEMORY) ? NULL : next(n, size);
}

EXPORT void *
realloc(void *old, size_t size)
{
	static void *(*next)(void *, size_t);

	if (!next)
		FIND("realloc", next);
	return size > 0 && fails(CRASH_FAIL_MEMORY) ? NULL : next(old, size);
}

EXPORT int
mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
	static int (*next)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);

	if (!next)
		FIND("mdb_put", next);
	return fails(CRASH_FAIL_LMDB) ? MDB_MAP_FULL : next(txn, dbi, key, data, flags);
}

EXPORT int
mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data)
{
	static int (*next)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);

	if (!next)
		FIND("mdb_del", next);
	return fails(CRASH_FAIL_LMDB) ? MDB_MAP_FULL : next(txn, dbi, key, data);
}

EXPORT int
mdb_cursor_del(MDB_cursor *cursor, unsigned flags)
{
	static int (*next)(MDB_cursor *, unsigned);

	if (!next)
		FIND("mdb_cursor_del", next);
	return fails(CRASH_FAIL_LMDB) ? MDB_MAP_FULL : next(cursor, flags);
}

/* As the real one: the transaction is gone in any case. */
EXPORT int
mdb_txn_commit(MDB_txn *txn)
{
	static int (*next)(MDB_txn *);
	static void (*give_up)(MDB_txn *);

	if (!next)
		FIND("mdb_txn_commit", next);
	if (!give_up)
		FIND("mdb_txn_abort", give_up);
	if (!fails(CRASH_FAIL_LMDB))
		return next(txn);
	give_up(txn);
	return MDB_MAP_FULL;
}
