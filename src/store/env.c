/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/env.h"

#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define READERS_MAX 1024u

static pthread_mutex_t registry_lock = PTHREAD_MUTEX_INITIALIZER;
static struct mrq_env *registry; /* guarded by registry_lock */

MRQ_DEFINE_CLEANUP(mdb_txn_abort, MDB_txn *)

static void
env_free(struct mrq_env *env)
{
	if (env->env)
		mdb_env_close(env->env);
	(void)pthread_rwlock_destroy(&env->lock);
	free(env->path);
	free(env);
}
MRQ_DEFINE_CLEANUP(env_free, struct mrq_env *)

static enum mrq_status
fail_damaged(const struct mrq_env *env, const char *what, struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_DAMAGED,
			"the %s '%s' is damaged or foreign (%s); %s", env->what,
			env->path, what, env->remedy);
}

enum mrq_status
mrq_env_fail(const struct mrq_env *env, int code, const char *doing,
	     struct mrq_error *err)
{
	switch (code) {
	case MDB_NOTFOUND:
		return mrq_fail(err, MRQ_E_NOT_FOUND, "not in the %s '%s'", env->what,
				env->path);
	case MDB_MAP_FULL:
	case MDB_TXN_FULL:
		return mrq_fail(err, MRQ_E_LIMIT,
				"the %s '%s' is full or what is written is too "
				"large for it; remove what is not needed",
				env->what, env->path);
	case MDB_READERS_FULL:
		return mrq_fail(err, MRQ_E_BUSY,
				"the %s '%s' has too many readers; stop some programs",
				env->what, env->path);
	case MDB_MAP_RESIZED:
		return mrq_fail(err, MRQ_E_BUSY,
				"the %s '%s' grew beyond the map of this program; "
				"restart it",
				env->what, env->path);
	case MDB_PANIC:
		return mrq_fail(err, MRQ_E_BUSY,
				"the %s '%s' could not be written just before; try "
				"again",
				env->what, env->path);
	case ENOMEM:
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the %s '%s'",
				env->what, env->path);
	default:
		break;
	}
	if (code < 0)
		return fail_damaged(env, mdb_strerror(code), err);
	errno = code;
	return mrq_fail_sys(err, "cannot %s the %s '%s'", doing, env->what, env->path);
}

static enum mrq_status
check_folder(const char *dir, const char *what, struct mrq_error *err)
{
	struct stat st;

	if (stat(dir, &st) < 0) {
		enum mrq_status s = errno == ENOENT ? MRQ_E_NOT_FOUND : MRQ_E_SYS;
		(void)mrq_fail_sys(err, "cannot examine folder '%s' of the %s", dir,
				   what);
		if (err)
			err->status = s;
		return s;
	}
	if (!S_ISDIR(st.st_mode))
		return mrq_fail(err, MRQ_E_CONFIG, "'%s' is not a folder", dir);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return mrq_fail(err, MRQ_E_CONFIG,
				"others may write to folder '%s' of the %s; run 'chmod "
				"go-w' on it",
				dir, what);
	return MRQ_OK;
}

static enum mrq_status
check_file(const struct mrq_env *env, const struct stat *st, struct mrq_error *err)
{
	if (!S_ISREG(st->st_mode))
		return mrq_fail(err, MRQ_E_CONFIG, "the %s '%s' is not a regular file",
				env->what, env->path);
	if (st->st_uid != geteuid())
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"the %s '%s' belongs to uid %u, this program runs as uid "
			"%u; use a state folder of its own",
			env->what, env->path, (unsigned)st->st_uid,
			(unsigned)geteuid());
	if (st->st_mode & (S_IRWXG | S_IRWXO))
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"the %s '%s' is open to group or others; run 'chmod 0600' "
			"on it",
			env->what, env->path);
	return MRQ_OK;
}

/* Does another process have it open?  Then it examined the file, and may be writing.  (Byte 0 of the
 * lock file is locked by each user.  This process is none: closing drops no lock of ours.) */
static bool
used_elsewhere(const struct mrq_env *env)
{
	char name[4096];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	int len = snprintf(name, sizeof(name), "%s-lock", env->path);

	if (len < 0 || (size_t)len >= sizeof(name))
		return false;
	int fd MRQ_CLEANUP(mrq_close) = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

static enum mrq_status
check_content(const struct mrq_env *env, int fd, const struct stat *st,
	      struct mrq_error *err)
{
	struct mrq_error why = { 0 };

	if (st->st_size == 0 || used_elsewhere(env))
		return MRQ_OK;
	enum mrq_status s = mrq_env_check(fd, (uint64_t)st->st_size, &why);
	if (s == MRQ_E_BUSY) /* somebody just opened it, and examined it */
		return MRQ_OK;
	if (s == MRQ_E_DAMAGED)
		return fail_damaged(env, why.msg, err);
	if (s != MRQ_OK && err)
		*err = why;
	return s;
}

static struct mrq_env *
registry_find(const struct stat *st)
{
	for (struct mrq_env *e = registry; e; e = e->next) {
		if (e->dev == st->st_dev && e->ino == st->st_ino)
			return e;
	}
	return NULL;
}

/* *ret_open is the environment that this process has of the file, or NULL. */
static enum mrq_status
examine(struct mrq_env *env, const struct mrq_env_options *options,
	struct mrq_env **ret_open, struct mrq_error *err)
{
	int fd MRQ_CLEANUP(mrq_close) = open(
		env->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 && errno == ELOOP)
		return mrq_fail(
			err, MRQ_E_CONFIG,
			"the %s '%s' is a symbolic link; put the file itself there",
			env->what, env->path);
	if (fd < 0 && errno == ENOENT) {
		env->made = true;
		return options->mode != MRQ_ENV_EXISTING
			       ? MRQ_OK
			       : mrq_fail(err, MRQ_E_NOT_FOUND, "there is no %s '%s'",
					  env->what, env->path);
	}
	if (fd < 0 || fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot open the %s '%s'", env->what,
				    env->path);
	MRQ_TRY(check_file(env, &st, err));
	env->made = st.st_size == 0;
	if (env->made && options->mode == MRQ_ENV_EXISTING)
		return fail_damaged(env, "it is empty", err);
	if (!env->made && options->mode == MRQ_ENV_NEW)
		return mrq_fail(err, MRQ_E_EXISTS, "the %s '%s' exists already",
				env->what, env->path);
	*ret_open = registry_find(&st);
	return *ret_open ? MRQ_OK : check_content(env, fd, &st, err);
}

static int
open_databases(struct mrq_env *env)
{
	const struct mrq_env_options *options = &env->options;
	MDB_txn *txn MRQ_CLEANUP(mdb_txn_abort) = NULL;
	int dead;
	int rc = mdb_reader_check(env->env, &dead);

	if (rc == 0)
		rc = mdb_txn_begin(env->env, NULL, 0, &txn);
	for (unsigned i = 0; rc == 0 && i < MRQ_ENV_DATABASES && options->databases[i];
	     i++)
		rc = mdb_dbi_open(txn, options->databases[i], MDB_CREATE, &env->dbi[i]);
	return rc == 0 ? mdb_txn_commit(MRQ_STEAL(txn)) : rc;
}

static enum mrq_status
open_env(struct mrq_env *env, struct mrq_error *err)
{
	const struct mrq_env_options *options = &env->options;
	struct stat st;
	int fd;
	int rc = mdb_env_create(&env->env);

	if (rc == 0)
		rc = mdb_env_set_mapsize(env->env, options->map_bytes);
	if (rc == 0)
		rc = mdb_env_set_maxdbs(env->env, MRQ_ENV_DATABASES);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(env->env, READERS_MAX);
	if (rc == 0)
		rc = mdb_env_open(env->env, env->path,
				  options->flags | MDB_NOSUBDIR | MDB_NOTLS, 0600);
	if (rc == 0)
		rc = mdb_env_set_userctx(env->env, env);
	if (rc == 0)
		rc = open_databases(env);
	if (rc == 0)
		rc = mdb_env_get_fd(env->env, &fd);
	if (rc != 0)
		return mrq_env_fail(env, rc, "open", err);
	if (fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine the %s '%s'", env->what,
				    env->path);
	if (env->dev != st.st_dev || env->ino != st.st_ino) {
		env->dev = st.st_dev;
		env->ino = st.st_ino;
	}
	return MRQ_OK;
}

static enum mrq_status
open_registered(const char *dir, const struct mrq_env_options *options,
		struct mrq_env **ret, struct mrq_error *err)
{
	struct mrq_env *env MRQ_CLEANUP(env_free) = calloc(1, sizeof(*env));
	struct mrq_env *already = NULL;

	if (!env || asprintf(&env->path, "%s/%s", dir, options->name) < 0) {
		if (env)
			env->path = NULL;
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the %s",
				options->what);
	}
	(void)pthread_rwlock_init(&env->lock, NULL);
	env->options = *options;
	env->what = options->what;
	env->remedy = options->remedy;
	MRQ_TRY(examine(env, options, &already, err));
	if (already) {
		already->users++;
		*ret = already;
		return MRQ_OK;
	}
	MRQ_TRY(open_env(env, err));
	env->users = 1;
	env->next = registry;
	registry = env;
	*ret = MRQ_STEAL(env);
	return MRQ_OK;
}

enum mrq_status
mrq_env_open(const char *dir, const struct mrq_env_options *options,
	     struct mrq_env **ret, struct mrq_error *err)
{
	MRQ_TRY(check_folder(dir, options->what, err));
	(void)pthread_mutex_lock(&registry_lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &registry_lock;
	(void)held;
	return open_registered(dir, options, ret, err);
}

void
mrq_env_close(struct mrq_env *env)
{
	if (!env)
		return;
	(void)pthread_mutex_lock(&registry_lock);
	if (--env->users == 0) {
		struct mrq_env **at = &registry;
		while (*at != env)
			at = &(*at)->next;
		*at = env->next;
		env_free(env);
	}
	(void)pthread_mutex_unlock(&registry_lock);
}

static bool
refuses_all(MDB_env *env)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);

	if (rc == 0)
		mdb_txn_abort(txn);
	return rc == MDB_PANIC;
}

/* With env->lock held alone. */
static enum mrq_status
open_anew_held(struct mrq_env *env, struct mrq_error *err)
{
	if (env->env && !refuses_all(env->env)) /* another thread was first */
		return MRQ_OK;
	mrq_log(MRQ_LOG_WARNING, "the %s '%s' is opened anew: a write to it failed",
		env->what, env->path);
	if (env->env)
		mdb_env_close(MRQ_STEAL(env->env));
	int fd MRQ_CLEANUP(mrq_close) =
		open(env->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot open the %s '%s'", env->what,
				    env->path);
	MRQ_TRY(check_content(env, fd, &st, err));
	enum mrq_status s = open_env(env, err);
	if (s != MRQ_OK && env->env)
		mdb_env_close(MRQ_STEAL(env->env));
	return s;
}

static enum mrq_status
open_anew(struct mrq_env *env, struct mrq_error *err)
{
	(void)pthread_rwlock_wrlock(&env->lock);
	enum mrq_status s = open_anew_held(env, err);
	(void)pthread_rwlock_unlock(&env->lock);
	return s;
}

static int
begin(struct mrq_env *env, enum mrq_env_access access, MDB_txn **ret)
{
	(void)pthread_rwlock_rdlock(&env->lock);
	int rc = MDB_PANIC;
	if (env->env)
		rc = mdb_txn_begin(env->env, NULL,
				   access == MRQ_ENV_READ ? MDB_RDONLY : 0, ret);
	if (rc != 0)
		(void)pthread_rwlock_unlock(&env->lock);
	return rc;
}

enum mrq_status
mrq_env_begin(struct mrq_env *env, enum mrq_env_access access, MDB_txn **ret,
	      struct mrq_error *err)
{
	int rc = begin(env, access, ret);

	if (rc == MDB_PANIC) {
		MRQ_TRY(open_anew(env, err));
		rc = begin(env, access, ret);
	}
	return rc == 0 ? MRQ_OK : mrq_env_fail(env, rc, "read", err);
}

void
mrq_env_end(MDB_txn *txn)
{
	if (!txn)
		return;
	struct mrq_env *env = mdb_env_get_userctx(mdb_txn_env(txn));
	mdb_txn_abort(txn);
	(void)pthread_rwlock_unlock(&env->lock);
}

enum mrq_status
mrq_env_commit(struct mrq_env *env, MDB_txn **txn, struct mrq_error *err)
{
	int rc = mdb_txn_commit(MRQ_STEAL(*txn));

	(void)pthread_rwlock_unlock(&env->lock);
	return rc == 0 ? MRQ_OK : mrq_env_fail(env, rc, "write", err);
}

enum mrq_status
mrq_env_last(struct mrq_env *env, uint64_t *ret, struct mrq_error *err)
{
	MDB_envinfo info;

	(void)pthread_rwlock_rdlock(&env->lock);
	int rc = env->env ? mdb_env_info(env->env, &info) : MDB_PANIC;
	(void)pthread_rwlock_unlock(&env->lock);
	if (rc != 0)
		return mrq_env_fail(env, rc, "examine", err);
	*ret = info.me_last_txnid;
	return MRQ_OK;
}
