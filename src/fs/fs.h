/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_FS_H
#define MRQ_FS_FS_H

/*
 * The mount: a tree of labelled, encrypted files shown in the clear to those who hold the right.
 * marquefs(8).  The program (main.c, daemon.c, ...) makes a session and a libfuse session, then:
 *
 *	mrq_fs_new -> fuse_session_new(&args, &mrq_fs_ops, sizeof(mrq_fs_ops), fs) -> fuse_session_mount
 *	-> mrq_fs_start (settler and notifier threads; after daemonising) -> mrq_session_start(session,
 *	mrq_fs_recheck, fs) -> mrq_fs_run (returns when unmounted or stopped) -> mrq_fs_flush ->
 *	fuse_session_unmount -> mrq_fs_free -> mrq_session_free
 */
#ifndef FUSE_USE_VERSION
#define FUSE_USE_VERSION 314
#endif
#include <fuse3/fuse_lowlevel.h>

#include "base/cleanup.h"
#include "base/error.h"

#include <marque/session.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define MRQ_FS_THREADS_MAX 64u

struct mrq_fs_options {
	bool allow_other; /* several users: act with the caller's identity */
	bool read_only;
	bool shared; /* other hosts write too: no writeback cache, timeouts 0 unless given */
	double attr_timeout;     /* seconds; negative: default (1.0, shared 0) */
	double entry_timeout;    /* seconds; negative: default (1.0, shared 0) */
	unsigned threads;        /* workers; 0: default; at most MRQ_FS_THREADS_MAX */
	unsigned settle_seconds; /* pause of the settler; 0: default (5) */
};

struct mrq_table;    /* inode.h */
struct mrq_settler;  /* settle.h */
struct mrq_notifier; /* notify.h */

struct mrq_fs {
	struct mrq_session *session;   /* borrowed */
	struct mrq_fs_options options; /* defaults resolved */
	int source_fd;                 /* root of the source tree, O_PATH; owned */
	char *source;                  /* its path, for messages */
	char *mount_point;             /* absolute */
	size_t open_files;             /* limit of descriptors */
	bool root; /* runs as root: acts with the callers' identities */
	struct mrq_table *table;
	struct mrq_settler *settler;
	struct mrq_notifier *notifier;
	pthread_mutex_t run_lock;
	pthread_cond_t run_end;  /* with run_lock: the session is to end */
	struct fuse_session *se; /* set by mrq_fs_run and mrq_fs_start; borrowed */
	atomic_bool stopping;
	atomic_bool draining;  /* no new opens */
	atomic_ulong handles;  /* open files and folders */
	atomic_ulong requests; /* served so far */
	atomic_ulong fenced;   /* inodes whose rights were withdrawn so far */
	atomic_bool writeback, killpriv_v2; /* as agreed with the kernel */
};

/** The operations, for fuse_session_new(..., fs). */
extern const struct fuse_lowlevel_ops mrq_fs_ops;

/**
 * A mount of source_fd (O_PATH or O_RDONLY, a folder; taken over on success).
 * Raises RLIMIT_NOFILE as far as it may: an inode that the kernel knows holds a descriptor.
 */
MRQ_MUST_CHECK enum mrq_status mrq_fs_new(struct mrq_session *session, int source_fd,
					  const char *source, const char *mount_point,
					  const struct mrq_fs_options *options,
					  struct mrq_fs **ret, struct mrq_error *err);
/** Accepts NULL.  After mrq_fs_run and fuse_session_unmount. */
void mrq_fs_free(struct mrq_fs *fs);
MRQ_DEFINE_CLEANUP(mrq_fs_free, struct mrq_fs *)

/** Start the threads that serve no requests (settler, notifier).  After daemonising, before mrq_fs_run. */
MRQ_MUST_CHECK enum mrq_status mrq_fs_start(struct mrq_fs *fs, struct fuse_session *se,
					    struct mrq_error *err);
/**
 * Serve a mounted session with options.threads workers until it is unmounted or mrq_fs_stop is
 * called, then join them.  MRQ_OK in both cases.
 */
MRQ_MUST_CHECK enum mrq_status mrq_fs_run(struct mrq_fs *fs, struct fuse_session *se,
					  struct mrq_error *err);
/**
 * Make mrq_fs_run return: from any thread (not from a signal handler: use a signalfd or sigwait
 * thread).  Requests in service end first.
 */
void mrq_fs_stop(struct mrq_fs *fs);

/** Commit and settle every file; durable on return.  The first failure, all tried. */
MRQ_MUST_CHECK enum mrq_status mrq_fs_flush(struct mrq_fs *fs, struct mrq_error *err);

/** mrq_withdraw_hook (arg is the struct mrq_fs): asks again for every open handle, fences. */
void mrq_fs_recheck(void *arg);

/** Configuration again, for SIGHUP and the control verb: mrq_session_reload, then a recheck. */
MRQ_MUST_CHECK enum mrq_status mrq_fs_reload(struct mrq_fs *fs, struct mrq_error *err);

/**
 * For `marque umount --drain`: refuse new opens (EBUSY), wait until no file is open or timeout_ms have passed,
 * then flush.  MRQ_E_BUSY names the number of files still open (new opens are allowed again).
 */
MRQ_MUST_CHECK enum mrq_status mrq_fs_drain(struct mrq_fs *fs, unsigned timeout_ms,
					    struct mrq_error *err);

/** Figures of the front for the control verb "counters" (inodes, handles, requests, unsettled). */
struct mrq_fs_counters {
	uint64_t inodes, files, handles, requests, unsettled, fenced;
};
void mrq_fs_count(struct mrq_fs *fs, struct mrq_fs_counters *ret);

/**
 * What the process must keep, for sandbox.c.  Capabilities (effective and permitted) when root:
 * CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID SETUID SETGID SETFCAP SYS_ADMIN (trusted.*
 * attributes, unmount) SYS_PTRACE (programs of callers) SYS_NICE (none needed), IPC_LOCK.
 * System calls besides those of a threaded program with LMDB and OpenSSL: openat2 openat
 * readlinkat linkat symlinkat mkdirat mknodat unlinkat renameat2 fchmodat fchmod fchownat
 * utimensat statx newfstatat fstat fstatfs statfs faccessat faccessat2 getdents64
 * pread64 pwrite64 preadv pwritev fallocate ftruncate fsync fdatasync syncfs lseek
 * (f|l|)setxattr (f|l|)getxattr (f|l|)listxattr (f|l|)removexattr setfsuid setfsgid setgroups
 * unshare (CLONE_FS) umask ioctl (FUSE_DEV_IOC_CLONE) read readv writev eventfd2 poll ppoll
 * flock fcntl copy_file_range sched_setaffinity inotify_init1 inotify_add_watch inotify_rm_watch.
 */

#endif
