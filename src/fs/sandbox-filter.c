/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/sandbox.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/fuse.h>
#include <seccomp.h>

#include "base/cleanup.h"

MRQ_DEFINE_CLEANUP(seccomp_release, scmp_filter_ctx)

/* By what needs them.  Names that an architecture or an old libseccomp lacks are skipped. */
static const char *const allowed[] = {
	/* files of the source tree, LMDB, the audit log, NSS */
	"access",
	"chmod",
	"chown",
	"close",
	"close_range",
	"copy_file_range",
	"creat",
	"dup",
	"dup2",
	"dup3",
	"faccessat",
	"faccessat2",
	"fadvise64",
	"fallocate",
	"fchdir",
	"fchmod",
	"fchmodat",
	"fchown",
	"fchownat",
	"fcntl",
	"fdatasync",
	"fgetxattr",
	"flistxattr",
	"flock",
	"fremovexattr",
	"fsetxattr",
	"fstat",
	"fstatfs",
	"fsync",
	"ftruncate",
	"getcwd",
	"getdents64",
	"getxattr",
	"lgetxattr",
	"linkat",
	"listxattr",
	"llistxattr",
	"lremovexattr",
	"lseek",
	"lsetxattr",
	"lstat",
	"mkdir",
	"mkdirat",
	"mknodat",
	"name_to_handle_at",
	"newfstatat",
	"open",
	"openat",
	"openat2",
	"pread64",
	"preadv",
	"preadv2",
	"pwrite64",
	"pwritev",
	"pwritev2",
	"read",
	"readahead",
	"readlink",
	"readlinkat",
	"readv",
	"removexattr",
	"rename",
	"renameat",
	"renameat2",
	"rmdir",
	"setxattr",
	"stat",
	"statfs",
	"statx",
	"symlinkat",
	"sync_file_range",
	"syncfs",
	"truncate",
	"umask",
	"unlink",
	"unlinkat",
	"utimensat",
	"write",
	"writev",
	/* the FUSE device (spliced), watchers, events */
	"epoll_create1",
	"epoll_ctl",
	"epoll_pwait",
	"epoll_wait",
	"eventfd2",
	"inotify_add_watch",
	"inotify_init1",
	"inotify_rm_watch",
	"pipe2",
	"poll",
	"ppoll",
	"pselect6",
	"select",
	"signalfd4",
	"splice",
	"tee",
	"timerfd_create",
	"timerfd_gettime",
	"timerfd_settime",
	"vmsplice",
	/* memory */
	"brk",
	"madvise",
	"membarrier",
	"memfd_create",
	"memfd_secret",
	"mincore",
	"mlock",
	"mlock2",
	"mmap",
	"mprotect",
	"mremap",
	"msync",
	"munlock",
	"munmap",
	/* threads and time */
	"clock_getres",
	"clock_gettime",
	"clock_nanosleep",
	"exit",
	"exit_group",
	"futex",
	"futex_waitv",
	"get_robust_list",
	"getcpu",
	"gettimeofday",
	"nanosleep",
	"restart_syscall",
	"rseq",
	"sched_get_priority_max",
	"sched_get_priority_min",
	"sched_getaffinity",
	"sched_getparam",
	"sched_getscheduler",
	"sched_setaffinity",
	"sched_yield",
	"set_robust_list",
	"set_tid_address",
	"time",
	/* signals */
	"rt_sigaction",
	"rt_sigpending",
	"rt_sigprocmask",
	"rt_sigreturn",
	"rt_sigsuspend",
	"rt_sigtimedwait",
	"sigaltstack",
	"wait4",
	/* who asks; acting as the caller */
	"capget",
	"getegid",
	"geteuid",
	"getgid",
	"getgroups",
	"getpgrp",
	"getpid",
	"getppid",
	"getpriority",
	"getrandom",
	"getresgid",
	"getresuid",
	"getrlimit",
	"getrusage",
	"getsid",
	"gettid",
	"getuid",
	"prlimit64",
	"setfsgid",
	"setfsuid",
	"setgroups",
	"sysinfo",
	"times",
	"uname",
	/* the control socket, syslog, the journal, NSS daemons; unmounting */
	"accept4",
	"bind",
	"connect",
	"getpeername",
	"getsockname",
	"getsockopt",
	"listen",
	"recvfrom",
	"recvmmsg",
	"recvmsg",
	"sendmmsg",
	"sendmsg",
	"sendto",
	"setsockopt",
	"shutdown",
	"umount2",
};

/* An argument as a whole register: what has bits set above an int is refused. */
#define EQUAL(i, value)                                                                \
	{                                                                              \
		(i), SCMP_CMP_EQ, (value), 0                                           \
	}

/* All of these must hold of the arguments. */
struct rule {
	const char *call;
	unsigned n;
	struct scmp_arg_cmp args[2];
};

static enum mrq_status
add(scmp_filter_ctx filter, uint32_t action, const struct rule *rule,
    struct mrq_error *err)
{
	int call = seccomp_syscall_resolve_name(rule->call);

	if (call == __NR_SCMP_ERROR)
		return MRQ_OK;
	int r = seccomp_rule_add_array(filter, action, call, rule->n, rule->args);
	/* -EDOM: a call of another architecture. */
	if (r == 0 || r == -EDOM)
		return MRQ_OK;
	errno = -r;
	return mrq_fail_sys(err, "cannot add '%s' to the system call filter",
			    rule->call);
}

/* Threads, no processes. */
static enum mrq_status
add_threads(scmp_filter_ctx filter, struct mrq_error *err)
{
	const struct rule thread = {
		"clone", 1, { { 0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD } }
	};
	const struct rule own_fs = { "unshare", 1, { EQUAL(0, CLONE_FS) } };

	MRQ_TRY(add(filter, SCMP_ACT_ALLOW, &thread, err));
	return add(filter, SCMP_ACT_ALLOW, &own_fs, err);
}

static enum mrq_status
add_limited(scmp_filter_ctx filter, struct mrq_error *err)
{
	scmp_datum_t self = (scmp_datum_t)getpid();
	const struct rule rules[] = {
		{ "socket", 1, { EQUAL(0, AF_UNIX) } },
		{ "socketpair", 1, { EQUAL(0, AF_UNIX) } },
		/* Signals to this process only. */
		{ "kill", 1, { EQUAL(0, self) } },
		{ "tgkill", 1, { EQUAL(0, self) } },
		{ "rt_tgsigqueueinfo", 1, { EQUAL(0, self) } },
		{ "prctl", 1, { EQUAL(0, PR_SET_NAME) } },
		{ "prctl", 1, { EQUAL(0, PR_GET_NAME) } },
		{ "prctl", 1, { EQUAL(0, PR_GET_DUMPABLE) } },
		{ "prctl", 1, { EQUAL(0, PR_CAPBSET_READ) } }, /* libcap, by NSS */
		{ "prctl", 2, { EQUAL(0, PR_SET_DUMPABLE), EQUAL(1, 0) } },
		{ "ioctl", 1, { EQUAL(1, FUSE_DEV_IOC_CLONE) } },
		{ "ioctl", 1, { EQUAL(1, TCGETS) } }, /* stdio */
		{ "ioctl", 1, { EQUAL(1, FIONREAD) } },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		MRQ_TRY(add(filter, SCMP_ACT_ALLOW, &rules[i], err));
	return MRQ_OK;
}

static enum mrq_status
add_allowed(scmp_filter_ctx filter, struct mrq_error *err)
{
	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		const struct rule rule = { .call = allowed[i] };
		MRQ_TRY(add(filter, SCMP_ACT_ALLOW, &rule, err));
	}
	return MRQ_OK;
}

static enum mrq_status
load(scmp_filter_ctx filter, struct mrq_error *err)
{
	/* A binary tree: the filter runs at every call. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	int r = seccomp_load(filter);
	if (r == 0)
		return MRQ_OK;
	errno = -r;
	return mrq_fail_sys(err, "cannot load the system call filter");
}

/*
 * clone3 hides its flags behind a pointer, so glibc must take clone.  A filter of its own, as
 * every thread tries this first and the log is for what should not happen.
 */
static enum mrq_status
load_no_clone3(struct mrq_error *err)
{
	const struct rule clone3 = { .call = "clone3" };
	scmp_filter_ctx filter MRQ_CLEANUP(seccomp_release) =
		seccomp_init(SCMP_ACT_ALLOW);

	if (!filter)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a system call filter");
	MRQ_TRY(add(filter, SCMP_ACT_ERRNO(ENOSYS), &clone3, err));
	return load(filter, err);
}

enum mrq_status
mrq_sandbox_filter(struct mrq_error *err)
{
	const struct rule clone3 = { .call = "clone3" };
	scmp_filter_ctx filter MRQ_CLEANUP(seccomp_release) =
		seccomp_init(SCMP_ACT_ERRNO(EPERM));

	if (!filter)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a system call filter");
	/* Kernels before 4.14 cannot log. */
	(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
	MRQ_TRY(add_allowed(filter, err));
	MRQ_TRY(add_limited(filter, err));
	MRQ_TRY(add_threads(filter, err));
	MRQ_TRY(add(filter, SCMP_ACT_ALLOW, &clone3, err));
	MRQ_TRY(load_no_clone3(err));
	return load(filter, err);
}
