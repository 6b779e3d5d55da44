/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_INODE_H
#define MRQ_FS_INODE_H

/*
 * The inodes that the kernel knows: one object per node id, held by an O_PATH descriptor, found
 * by (device, number).  A node id is the address of its object, so no request ever searches.
 *
 * 1. An object lives as long as somebody refers to it: the kernel (lookup counts), open handles,
 *    children (their names), queues.
 * 2. At most one object of a (device, number) is in the hash.  A detached one is not: the next
 *    lookup makes another, with another node id.
 * 3. Between looking at a name in the source and finding its object, table.backing is shared; who
 *    puts another file behind a name, and who relies on what a name leads to, holds it alone.
 * 4. The descriptor pins the backing inode, so (device, number) is not used again meanwhile.
 */
#include "locks.h"

#include "fs.h"

#include <marque/file.h>

#include <sys/stat.h>

#define MRQ_FS_PATH_MAX 4096u /* bytes of a path in audit records, with its NUL */

/** State of a backing file by which a change behind the mount is seen. */
struct mrq_stamp {
	int64_t mtime_ns, ctime_ns;
	uint64_t size; /* bytes, of the backing file */
};
struct mrq_stamp mrq_stamp_of(const struct stat *st);
bool mrq_stamp_equal(const struct mrq_stamp *a, const struct mrq_stamp *b);

/** Withdrawal of rights; DESIGN: fence.h has the states. */
enum mrq_fence { MRQ_FENCE_NONE, MRQ_FENCE_DRAINING, MRQ_FENCE_CLOSED };

struct mrq_fh;     /* handle.h */
struct mrq_parked; /* notify.h */

struct mrq_inode {
	struct mrq_inode *next; /* hash chain; guarded by table.lock */
	bool hashed;            /* guarded by table.lock */
	atomic_ulong refs;
	uint64_t generation;
	dev_t dev;   /* guarded by table.lock */
	ino_t nr;    /* guarded by table.lock */
	mode_t type; /* S_IFMT bits, constant */
	int fd;      /* O_PATH; the number is constant */

	struct mrq_inode *parent; /* referred to; guarded by table.names */
	char *name;               /* guarded by table.names */

	pthread_mutex_t lock;
	/* Changed under lock and io both; stays while users > 0. */
	struct mrq_file *file;
	struct mrq_retired
		*retired; /* files it had before a conversion; guarded by lock */
	unsigned users;   /* who use or change the backing file; guarded by lock */
	unsigned writers; /* writable handles; guarded by lock */
	struct mrq_fh *handles; /* guarded by lock */
	bool known;             /* kind, size and stamp hold; guarded by lock */
	enum mrq_file_kind kind;
	uint64_t size; /* plaintext bytes */
	struct mrq_stamp stamp;
	struct timespec told; /* mtime that the kernel has; guarded by lock */
	bool is_told;         /* guarded by lock */
	bool stale;           /* was changed behind the mount; guarded by lock */
	bool gone;            /* detached for that: answers ESTALE; guarded by lock */
	enum mrq_fence fence; /* changed under lock and io, read under either */
	enum mrq_status fenced;
	struct mrq_parked *parked; /* guarded by lock */
	struct mrq_handle
		*keeper; /* of a conversion, until a fence closes; guarded by lock */
	struct mrq_error
		*late; /* failure for the next flush or fsync; guarded by lock */

	atomic_bool
		leaving; /* the kernel was asked to forget it, and has not asked since */

	pthread_rwlock_t io;
	atomic_ulong
		writes; /* changes of ours to the backing file so far, commits too */
	unsigned long stamped; /* writes when the stamp was taken; guarded by lock */
	atomic_bool
		metadata; /* owner, mode or attributes changed since the last fsync */

	struct mrq_inode *lru_next, *lru_prev; /* guarded by settler.lock */
	bool in_lru;                           /* guarded by settler.lock */
	time_t idle_since;                     /* monotonic; guarded by settler.lock */
	struct mrq_inode *unsettled_next;      /* guarded by settler.lock */
	bool unsettled;                        /* guarded by settler.lock */
};

struct mrq_table {
	struct mrq_fs *fs;
	pthread_rwlock_t backing;
	pthread_rwlock_t names;
	pthread_mutex_t lock;
	struct mrq_inode **buckets; /* guarded by lock */
	struct mrq_inode *detached; /* guarded by lock */
	size_t n_buckets, n;        /* guarded by lock; n_buckets a power of two */
	size_t crowd;               /* n beyond which it is crowded; guarded by lock */
	atomic_bool crowded;        /* the kernel should forget some: settle.h */
	uint64_t generations;       /* guarded by lock */
	struct mrq_inode *root;
};

/** A table whose root is root_fd (O_PATH; taken over on success). */
MRQ_MUST_CHECK enum mrq_status mrq_table_new(struct mrq_fs *fs, int root_fd,
					     struct mrq_table **ret,
					     struct mrq_error *err);
/** Frees all inodes, whoever refers to them: the session is over. */
void mrq_table_free(struct mrq_table *t);

/** Inode of a node id; never NULL for one the kernel may use. */
struct mrq_inode *mrq_inode_of(const struct mrq_fs *fs, fuse_ino_t id);
fuse_ino_t mrq_inode_id(const struct mrq_fs *fs, const struct mrq_inode *ino);

/**
 * The inode of an O_PATH descriptor and its stat, named name in parent: the one in the table, or
 * a new one.  fd is taken over in any case.  *ret carries one reference.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_table_intern(struct mrq_table *t, int fd, const struct stat *st,
		 struct mrq_inode *parent, const char *name, struct mrq_inode **ret,
		 struct mrq_error *err);
/** The inode of (device, number) with one reference more, or NULL. */
struct mrq_inode *mrq_table_find(struct mrq_table *t, dev_t dev, ino_t nr);
/** Take an inode out of the hash: later lookups make another.  False when it was out. */
bool mrq_table_detach(struct mrq_table *t, struct mrq_inode *ino);
/**
 * Put another backing inode under the node: its descriptor (copied onto ino->fd), device, number.
 * Caller holds ino->io and table.backing exclusively.
 */
MRQ_MUST_CHECK enum mrq_status mrq_table_rebase(struct mrq_table *t,
						struct mrq_inode *ino, int fd,
						const struct stat *st,
						struct mrq_error *err);
/** Every inode for which want says so (called under table.lock), each with a reference; *ret
 * malloc'ed. */
MRQ_MUST_CHECK enum mrq_status mrq_table_collect(struct mrq_table *t,
						 bool (*want)(struct mrq_inode *ino),
						 struct mrq_inode ***ret, size_t *ret_n,
						 struct mrq_error *err);
size_t mrq_table_size(struct mrq_table *t);
/** The size up to which the kernel may know whatever it likes. */
size_t mrq_table_comfort(const struct mrq_table *t);
/** No longer crowded, until it has grown by a part of the room that is left. */
void mrq_table_relieved(struct mrq_table *t);

void mrq_inode_ref(struct mrq_inode *ino);
/** A reference unless the last one is gone already. */
bool mrq_inode_try_ref(struct mrq_inode *ino);
/** Drop n references; at the last the object goes. */
void mrq_inode_unref(struct mrq_fs *fs, struct mrq_inode *ino, unsigned long n);

#endif
