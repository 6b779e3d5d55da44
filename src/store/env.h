/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_ENV_H
#define MRQ_STORE_ENV_H

/*
 * LMDB environments, opened safely and once per process and file (LMDB's locks are the process's: a
 * second environment on one file would drop those of the first).  Not to be used across fork.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <sys/types.h>

#include <lmdb.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mrq_env_open { MRQ_ENV_OPEN_OR_MAKE, MRQ_ENV_EXISTING, MRQ_ENV_NEW };

struct mrq_env_options {
	const char *what;   /* for messages: "cache", "authority state" */
	const char *remedy; /* what to do when it is damaged */
	const char *name;   /* of the file in the folder */
	enum mrq_env_open mode;
	size_t map_bytes;
	unsigned flags; /* besides MDB_NOSUBDIR and MDB_NOTLS */
	const char *const
		*databases; /* named ones, NULL at the end; at most MRQ_ENV_DATABASES */
};
#define MRQ_ENV_DATABASES 4

struct mrq_env {
	MDB_env *env; /* guarded by lock; NULL: could not be opened anew */
	MDB_dbi dbi[MRQ_ENV_DATABASES]; /* in the order of options->databases */
	char *path;
	const char *what, *remedy;
	bool made; /* by this open: empty */
	/* Held shared by each transaction, alone to open anew after MDB_PANIC. */
	pthread_rwlock_t lock;
	struct mrq_env_options options;
	/* Of the registry in env.c. */
	dev_t dev;
	ino_t ino;
	unsigned users;
	struct mrq_env *next;
};

/**
 * Open or make DIR/NAME.  MRQ_E_CONFIG when it is a symbolic link, not a regular file, another
 * user's or open to others; MRQ_E_DAMAGED when it is no sound LMDB file; by mode MRQ_E_NOT_FOUND,
 * MRQ_E_EXISTS.  Two opens of one file yield one environment.
 */
MRQ_MUST_CHECK enum mrq_status mrq_env_open(const char *dir,
					    const struct mrq_env_options *options,
					    struct mrq_env **ret,
					    struct mrq_error *err);
void mrq_env_close(struct mrq_env *env);
MRQ_DEFINE_CLEANUP(mrq_env_close, struct mrq_env *)

/** The status of an LMDB code, with a sentence. */
enum mrq_status mrq_env_fail(const struct mrq_env *env, int code, const char *doing,
			     struct mrq_error *err);

enum mrq_env_access { MRQ_ENV_READ, MRQ_ENV_WRITE };
/**
 * Begin a transaction, to be ended by mrq_env_commit or mrq_env_end in the same thread.  After a
 * failed write of its meta page LMDB refuses all: then the file is examined and opened anew.
 */
MRQ_MUST_CHECK enum mrq_status mrq_env_begin(struct mrq_env *env,
					     enum mrq_env_access access, MDB_txn **ret,
					     struct mrq_error *err);
/** Give up a transaction; NULL is none. */
void mrq_env_end(MDB_txn *txn);
MRQ_DEFINE_CLEANUP(mrq_env_end, MDB_txn *)
MRQ_DEFINE_CLEANUP(mdb_cursor_close, MDB_cursor *)
/** Commit and leave NULL behind. */
MRQ_MUST_CHECK enum mrq_status mrq_env_commit(struct mrq_env *env, MDB_txn **txn,
					      struct mrq_error *err);

/** The number of the last transaction that was committed. */
MRQ_MUST_CHECK enum mrq_status mrq_env_last(struct mrq_env *env, uint64_t *ret,
					    struct mrq_error *err);

/**
 * Examine the structure of an LMDB file, page by page, without LMDB, which trusts it and would crash
 * on a damaged one: each tree of the newest snapshot, and the list of free pages.  Nobody may
 * write meanwhile, else MRQ_E_BUSY.
 *
 * @fd    the file
 * @size  its bytes, not 0
 *
 * Returns MRQ_OK; MRQ_E_DAMAGED with what is wrong; MRQ_E_BUSY; MRQ_E_SYS; MRQ_E_NOMEM.
 */
MRQ_MUST_CHECK enum mrq_status mrq_env_check(int fd, uint64_t size,
					     struct mrq_error *err);

#endif
