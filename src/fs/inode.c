/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "inode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "path.h"
#include "reply.h"
#include "settle.h"

#define BUCKETS_MIN 1024u

struct mrq_stamp
mrq_stamp_of(const struct stat *st)
{
	return (struct mrq_stamp){
		.mtime_ns =
			st->st_mtim.tv_sec * INT64_C(1000000000) + st->st_mtim.tv_nsec,
		.ctime_ns =
			st->st_ctim.tv_sec * INT64_C(1000000000) + st->st_ctim.tv_nsec,
		.size = (uint64_t)st->st_size,
	};
}

bool
mrq_stamp_equal(const struct mrq_stamp *a, const struct mrq_stamp *b)
{
	return a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns &&
	       a->size == b->size;
}

static size_t
bucket_of(dev_t dev, ino_t nr, size_t n_buckets)
{
	uint64_t x = (uint64_t)nr ^ ((uint64_t)dev << 32);
	x *= UINT64_C(0x9e3779b97f4a7c15);
	return (size_t)(x >> 32) & (n_buckets - 1);
}

static void
grow(struct mrq_table *t)
{
	size_t n = t->n_buckets * 2;
	struct mrq_inode **buckets = calloc(n, sizeof(struct mrq_inode *));
	if (!buckets)
		return; /* longer chains, nothing worse */
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct mrq_inode *next;
		for (struct mrq_inode *ino = t->buckets[i]; ino; ino = next) {
			next = ino->next;
			size_t b = bucket_of(ino->dev, ino->nr, n);
			ino->next = buckets[b];
			buckets[b] = ino;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->n_buckets = n;
}

static void
hash_insert(struct mrq_table *t, struct mrq_inode *ino)
{
	if (t->n >= t->n_buckets)
		grow(t);
	size_t b = bucket_of(ino->dev, ino->nr, t->n_buckets);
	ino->next = t->buckets[b];
	t->buckets[b] = ino;
	ino->hashed = true;
	t->n++;
}

static void
hash_remove(struct mrq_table *t, struct mrq_inode *ino)
{
	struct mrq_inode **at = &t->buckets[bucket_of(ino->dev, ino->nr, t->n_buckets)];
	while (*at != ino)
		at = &(*at)->next;
	*at = ino->next;
	ino->next = NULL;
	ino->hashed = false;
	t->n--;
}

/** Out of the hash, or out of the list of detached ones. */
static void
unlist(struct mrq_table *t, struct mrq_inode *ino)
{
	if (ino->hashed) {
		hash_remove(t, ino);
		return;
	}
	for (struct mrq_inode **at = &t->detached; *at; at = &(*at)->next)
		if (*at == ino) {
			*at = ino->next;
			return;
		}
}

static void
hash_detach(struct mrq_table *t, struct mrq_inode *ino)
{
	hash_remove(t, ino);
	ino->next = t->detached;
	t->detached = ino;
}

static struct mrq_inode *
hash_find(struct mrq_table *t, dev_t dev, ino_t nr)
{
	struct mrq_inode *ino = t->buckets[bucket_of(dev, nr, t->n_buckets)];
	while (ino && (ino->nr != nr || ino->dev != dev))
		ino = ino->next;
	return ino;
}

/** For who waits for it alone behind a steady stream of those who share it. */
static void
fair_lock_init(pthread_rwlock_t *lock)
{
	pthread_rwlockattr_t attr;
	(void)pthread_rwlockattr_init(&attr);
	(void)pthread_rwlockattr_setkind_np(
		&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	(void)pthread_rwlock_init(lock, &attr);
	(void)pthread_rwlockattr_destroy(&attr);
}

static struct mrq_inode *
inode_new(int fd, const struct stat *st)
{
	struct mrq_inode *ino = calloc(1, sizeof(*ino));
	if (!ino)
		return NULL;
	ino->fd = fd;
	ino->dev = st->st_dev;
	ino->nr = st->st_ino;
	ino->type = st->st_mode & S_IFMT;
	atomic_init(&ino->refs, 1);
	atomic_init(&ino->writes, 0);
	(void)pthread_mutex_init(&ino->lock, NULL);
	fair_lock_init(&ino->io);
	return ino;
}

/** Frees the object alone; returns its parent, whose reference passes to the caller. */
static struct mrq_inode *
inode_free(struct mrq_fs *fs, struct mrq_inode *ino)
{
	struct mrq_inode *parent = ino->parent;
	mrq_settle_forget(fs, ino);
	mrq_attach_drop(ino);
	free(ino->late);
	free(ino->name);
	(void)close(ino->fd);
	(void)pthread_mutex_destroy(&ino->lock);
	(void)pthread_rwlock_destroy(&ino->io);
	free(ino);
	return parent;
}

enum mrq_status
mrq_table_new(struct mrq_fs *fs, int root_fd, struct mrq_table **ret,
	      struct mrq_error *err)
{
	struct stat st;
	if (fstat(root_fd, &st) < 0)
		return mrq_fail_sys(err, "cannot look at '%s'", fs->source);
	struct mrq_table *t MRQ_CLEANUP(free) = calloc(1, sizeof(*t));
	struct mrq_inode **buckets MRQ_CLEANUP(free) =
		calloc(BUCKETS_MIN, sizeof(struct mrq_inode *));
	if (!t || !buckets)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the inode table");
	struct mrq_inode *root = inode_new(root_fd, &st);
	if (!root)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the inode table");
	t->fs = fs;
	t->buckets = MRQ_STEAL(buckets);
	t->n_buckets = BUCKETS_MIN;
	t->root = root;
	t->crowd = mrq_table_comfort(t);
	(void)pthread_mutex_init(&t->lock, NULL);
	fair_lock_init(&t->backing);
	(void)pthread_rwlock_init(&t->names, NULL);
	hash_insert(t, root);
	*ret = MRQ_STEAL(t);
	return MRQ_OK;
}

static void
free_chain(struct mrq_fs *fs, struct mrq_inode *ino)
{
	while (ino) {
		struct mrq_inode *next = ino->next;
		(void)inode_free(fs, ino);
		ino = next;
	}
}

void
mrq_table_free(struct mrq_table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n_buckets; i++)
		free_chain(t->fs, t->buckets[i]);
	free_chain(t->fs, t->detached);
	(void)pthread_mutex_destroy(&t->lock);
	(void)pthread_rwlock_destroy(&t->backing);
	(void)pthread_rwlock_destroy(&t->names);
	free(t->buckets);
	free(t);
}

struct mrq_inode *
mrq_inode_of(const struct mrq_fs *fs, fuse_ino_t id)
{
	return id == FUSE_ROOT_ID ? fs->table->root : (struct mrq_inode *)(uintptr_t)id;
}

fuse_ino_t
mrq_inode_id(const struct mrq_fs *fs, const struct mrq_inode *ino)
{
	return ino == fs->table->root ? FUSE_ROOT_ID : (fuse_ino_t)(uintptr_t)ino;
}

struct mrq_inode *
mrq_table_find(struct mrq_table *t, dev_t dev, ino_t nr)
{
	(void)pthread_mutex_lock(&t->lock);
	struct mrq_inode *ino = hash_find(t, dev, nr);
	if (ino)
		mrq_inode_ref(ino);
	(void)pthread_mutex_unlock(&t->lock);
	return ino;
}

/** Insert fresh, unless another thread was first: then that one, and fresh is not used. */
static struct mrq_inode *
insert_or_find(struct mrq_table *t, struct mrq_inode *fresh)
{
	(void)pthread_mutex_lock(&t->lock);
	struct mrq_inode *ino = hash_find(t, fresh->dev, fresh->nr);
	if (ino) {
		mrq_inode_ref(ino);
	} else {
		fresh->generation = ++t->generations;
		hash_insert(t, fresh);
		ino = fresh;
	}
	bool crowded = t->n > t->crowd && !atomic_exchange(&t->crowded, true);
	(void)pthread_mutex_unlock(&t->lock);
	if (crowded)
		mrq_settle_crowded(t->fs);
	return ino;
}

enum mrq_status
mrq_table_intern(struct mrq_table *t, int fd, const struct stat *st,
		 struct mrq_inode *parent, const char *name, struct mrq_inode **ret,
		 struct mrq_error *err)
{
	struct mrq_inode *ino = mrq_table_find(t, st->st_dev, st->st_ino);
	if (ino && mrq_attach_changed(t->fs, ino, st)) {
		mrq_inode_unref(t->fs, ino, 1);
		ino = NULL;
	}
	if (ino)
		atomic_store_explicit(&ino->leaving, false, memory_order_relaxed);
	if (!ino) {
		struct mrq_inode *fresh = inode_new(fd, st);
		if (!fresh) {
			(void)close(fd);
			return mrq_fail(err, MRQ_E_NOMEM, "no memory for an inode");
		}
		ino = insert_or_find(t, fresh);
		if (ino != fresh)
			(void)inode_free(t->fs, fresh);
	} else {
		(void)close(fd);
	}
	if (parent)
		mrq_path_name(t, ino, parent, name);
	*ret = ino;
	return MRQ_OK;
}

bool
mrq_table_detach(struct mrq_table *t, struct mrq_inode *ino)
{
	(void)pthread_mutex_lock(&t->lock);
	bool was = ino->hashed;
	if (was)
		hash_detach(t, ino);
	(void)pthread_mutex_unlock(&t->lock);
	return was;
}

enum mrq_status
mrq_table_rebase(struct mrq_table *t, struct mrq_inode *ino, int fd,
		 const struct stat *st, struct mrq_error *err)
{
	/* dup3 swaps the description under the same number: nobody sees a closed one. */
	if (dup3(fd, ino->fd, O_CLOEXEC) < 0)
		return mrq_fail_errno(err, errno);
	(void)pthread_mutex_lock(&t->lock);
	bool was = ino->hashed;
	if (was)
		hash_remove(t, ino);
	ino->dev = st->st_dev;
	ino->nr = st->st_ino;
	if (was)
		hash_insert(t, ino);
	(void)pthread_mutex_unlock(&t->lock);
	return MRQ_OK;
}

enum mrq_status
mrq_table_collect(struct mrq_table *t, bool (*want)(struct mrq_inode *ino),
		  struct mrq_inode ***ret, size_t *ret_n, struct mrq_error *err)
{
	(void)pthread_mutex_lock(&t->lock);
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &t->lock;
	struct mrq_inode **list = calloc(t->n + 1, sizeof(struct mrq_inode *));
	if (!list)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a list of inodes");
	size_t n = 0;
	for (size_t i = 0; i < t->n_buckets; i++)
		for (struct mrq_inode *ino = t->buckets[i]; ino; ino = ino->next)
			if (want(ino)) {
				mrq_inode_ref(ino);
				list[n++] = ino;
			}
	(void)held;
	*ret = list;
	*ret_n = n;
	return MRQ_OK;
}

size_t
mrq_table_size(struct mrq_table *t)
{
	(void)pthread_mutex_lock(&t->lock);
	size_t n = t->n;
	(void)pthread_mutex_unlock(&t->lock);
	return n;
}

size_t
mrq_table_comfort(const struct mrq_table *t)
{
	return t->fs->open_files / 2;
}

void
mrq_table_relieved(struct mrq_table *t)
{
	size_t limit = t->fs->open_files, least = mrq_table_comfort(t);
	(void)pthread_mutex_lock(&t->lock);
	size_t left = t->n < limit ? limit - t->n : 0;
	t->crowd = t->n > least ? t->n + left / 8 : least;
	atomic_store(&t->crowded, false);
	(void)pthread_mutex_unlock(&t->lock);
}

void
mrq_inode_ref(struct mrq_inode *ino)
{
	(void)atomic_fetch_add_explicit(&ino->refs, 1, memory_order_relaxed);
}

bool
mrq_inode_try_ref(struct mrq_inode *ino)
{
	unsigned long refs = atomic_load_explicit(&ino->refs, memory_order_relaxed);
	while (refs > 0)
		if (atomic_compare_exchange_weak(&ino->refs, &refs, refs + 1))
			return true;
	return false;
}

/** Drop n references without reaching 0; false when that would. */
static bool
unref_fast(struct mrq_inode *ino, unsigned long n)
{
	unsigned long refs = atomic_load_explicit(&ino->refs, memory_order_relaxed);
	while (refs > n)
		if (atomic_compare_exchange_weak(&ino->refs, &refs, refs - n))
			return true;
	return false;
}

void
mrq_inode_unref(struct mrq_fs *fs, struct mrq_inode *ino, unsigned long n)
{
	struct mrq_table *t = fs->table;
	while (ino && ino != t->root && !unref_fast(ino, n)) {
		/* The last reference goes under the lock under which a lookup would find it. */
		(void)pthread_mutex_lock(&t->lock);
		unsigned long refs = atomic_load(&ino->refs);
		bool last = n >= refs &&
			    atomic_compare_exchange_strong(&ino->refs, &refs, 0);
		if (last)
			unlist(t, ino);
		(void)pthread_mutex_unlock(&t->lock);
		if (!last)
			continue;
		ino = inode_free(fs, ino);
		n = 1;
	}
}
