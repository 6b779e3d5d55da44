/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_LOG_H
#define MRQ_TEST_CRASH_LOG_H

/*
 * What was done to a file system, in the order in which it was done: a file that several
 * processes map.  The recorder (LD_PRELOAD) holds the log's lock over each call and its
 * record, so that the order is that of the calls; the program that works on the mount
 * adds marks, which say what it asks for and what it was promised.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_LOG_ENV   "MARQUE_CRASH_LOG"
#define CRASH_LOG_MAGIC UINT64_C(0x31474f4c48535243)
#define CRASH_LOG_BYTES (UINT64_C(512) << 20)
#define CRASH_NAME_MAX  4096u
#define CRASH_SECTOR    512u
#define CRASH_STATE_MAX 32u
#define CRASH_SHORT     9999u /* as fail_errno: half of a write is done */

enum crash_fail {
	CRASH_FAIL_SOURCE, /* calls on files and folders, but for those of the state folder */
	CRASH_FAIL_STATE,  /* these: licence cache, authority, audit log */
	CRASH_FAIL_LMDB,   /* what takes room in LMDB's map: it is full */
	CRASH_FAIL_MEMORY, /* allocations */
};

enum crash_kind {
	/* calls; ino is that of the file, or of the folder of a name */
	CRASH_WRITE = 1, /* off, data */
	CRASH_RESIZE,    /* off: the new size */
	CRASH_PUNCH,     /* off, size */
	CRASH_SYNC,
	CRASH_SYNC_ALL,
	CRASH_MAKE,     /* ino, name: a new file ino2 */
	CRASH_MAKE_DIR, /* the same of a folder */
	CRASH_NAMELESS, /* ino2 is a new file without a name */
	CRASH_LINK,     /* ino, name: one more of ino2 */
	CRASH_UNLINK,   /* ino, name */
	CRASH_RENAME,   /* ino, name to ino2, name2 */
	CRASH_EXCHANGE,
	CRASH_SYNC_FAILED, /* what was not yet durable of it never will be */
	/* marks; off is the number of a file as the program counts them */
	CRASH_HAS = 64,      /* name, data: what is there at the beginning, durable */
	CRASH_WILL_MAKE,     /* name: file `off`, new and empty */
	CRASH_WILL_WRITE,    /* off, size: where; data */
	CRASH_WILL_RESIZE,   /* off, size: the new size */
	CRASH_WILL_PUNCH,    /* off, ino: where, size: how long */
	CRASH_WILL_RENAME,   /* name to name2 */
	CRASH_WILL_LINK,     /* name2 is one more of name */
	CRASH_WILL_UNLINK,   /* name */
	CRASH_WILL_LABEL,    /* off: file */
	CRASH_DONE,          /* the last WILL has returned */
	CRASH_CLOSED,        /* off: all of it is in the kernel */
	CRASH_SYNCED,        /* off: all of it is durable */
	CRASH_NAMES_SYNCED,  /* all names are */
	CRASH_LABELLED,      /* off: the new label is durable */
	CRASH_WILL_EXCHANGE, /* name and name2 */
	CRASH_WILL_NAME,     /* off: file, name: its first */
	CRASH_WILL_REVEAL,   /* from here on there may be plaintext */
	CRASH_WILL_COMMIT,   /* off: a transaction of a program that judges by itself */
	CRASH_COMMITTED,     /* off */
};

struct crash_record {
	uint32_t len; /* bytes with all that follows; a multiple of 8 */
	uint16_t kind;
	uint16_t name_len, name2_len; /* bytes */
	uint16_t unused;
	uint32_t data_len; /* bytes */
	uint64_t ino, ino2, off, size;
	char bytes[]; /* name, name2, data */
};

struct crash_log {
	uint64_t magic;
	atomic_uint lock;
	atomic_uint on;       /* 0: calls pass unrecorded */
	atomic_uint overflow; /* something did not fit */
	uint64_t dev;         /* of the file system of interest */
	uint64_t used;        /* bytes; guarded by lock, as the rest */
	uint64_t n;           /* records */
	/*
	 * One call to fail: number fail_at of those counted, with fail_errno; counted are
	 * those of enum crash_fail fail_what.
	 */
	atomic_uint fail_at, fail_errno, fail_what, counted, failed;
	uint64_t state[CRASH_STATE_MAX]; /* inodes of the state folder */
	_Alignas(8) char bytes[];
};

/** Map a log, which is made when `create`; NULL with errno. */
struct crash_log *crash_log_open(const char *path, bool create);
void crash_log_lock(struct crash_log *log);
void crash_log_unlock(struct crash_log *log);
/** Append; caller holds the lock.  `record` without lengths; names and data may be NULL. */
void crash_log_add(struct crash_log *log, const struct crash_record *record,
		   const char *name, const char *name2, const void *data, size_t len);
/** Record after `r`, the first for NULL; NULL at the end. */
const struct crash_record *crash_log_next(const struct crash_log *log,
					  const struct crash_record *r);
void crash_log_clear(struct crash_log *log);

#endif
