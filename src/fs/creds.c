/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "creds.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "path.h"
#include "reply.h"

#define GROUPS_MAX      65536u /* NGROUPS_MAX of the kernel */
#define STATUS_TEXT_MAX (1024u * 1024u)

/** What this thread is now. */
static _Thread_local struct {
	uid_t uid;
	gid_t gid;
	bool switched;   /* uid or gid is not the daemon's */
	size_t n_groups; /* supplementary groups set on this thread */
	bool groups_own; /* setgroups was called here */
	mode_t umask;
	bool umask_known;
} self;

struct mrq_call
mrq_call_of(fuse_req_t req)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	return (struct mrq_call){
		.fs = fuse_req_userdata(req),
		.who = { .uid = ctx->uid, .gid = ctx->gid, .pid = ctx->pid },
		.umask = ctx->umask,
	};
}

enum mrq_status
mrq_creds_thread_init(struct mrq_error *err)
{
	if (unshare(CLONE_FS) < 0)
		return mrq_fail_sys(err, "cannot give a worker its own umask");
	return MRQ_OK;
}

static void
set_fs_ids(uid_t uid, gid_t gid)
{
	/* The group first: without CAP_SETGID in the effective set it could not follow. */
	(void)syscall(SYS_setfsgid, gid);
	(void)syscall(SYS_setfsuid, uid);
}

static bool
set_groups(const gid_t *groups, size_t n)
{
	if (syscall(SYS_setgroups, n, groups) < 0)
		return false;
	self.n_groups = n;
	self.groups_own = true;
	return true;
}

/** The text of /proc/PID/status; NULL when the process is gone. */
static char *
status_text(pid_t pid)
{
	char name[40];
	(void)snprintf(name, sizeof(name), "/proc/%d/status", (int)pid);
	int fd MRQ_CLEANUP(mrq_close) = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	size_t cap = 4096, len = 0;
	char *text MRQ_CLEANUP(free) = malloc(cap);
	while (text) {
		ssize_t n = read(fd, text + len, cap - len - 1);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
		if (cap - len - 1 > 0)
			continue;
		if (cap >= STATUS_TEXT_MAX)
			return NULL;
		cap *= 2;
		char *more = realloc(text, cap);
		if (!more)
			return NULL;
		text = more;
	}
	if (text)
		text[len] = '\0';
	return MRQ_STEAL(text);
}

/** Supplementary groups of a process; an unknown one has none. */
static size_t
groups_of(pid_t pid, gid_t **ret)
{
	char *text MRQ_CLEANUP(free) = pid > 0 ? status_text(pid) : NULL;
	const char *at = text ? strstr(text, "\nGroups:") : NULL;
	if (!at)
		return 0;
	at += strlen("\nGroups:");
	gid_t *groups = NULL;
	size_t n = 0, cap = 0;
	for (;;) {
		while (*at == ' ' || *at == '\t')
			at++;
		if (*at < '0' || *at > '9' || n >= GROUPS_MAX)
			break;
		char *end;
		unsigned long gid = strtoul(at, &end, 10);
		at = end;
		if (n == cap) {
			cap = cap ? cap * 2 : 32;
			gid_t *more = realloc(groups, cap * sizeof(gid_t));
			if (!more)
				break;
			groups = more;
		}
		groups[n++] = (gid_t)gid;
	}
	*ret = groups;
	return n;
}

static bool
switch_groups(const struct mrq_call *call, enum mrq_creds_groups groups)
{
	if (groups == MRQ_CREDS_NO_GROUPS)
		return (self.groups_own && self.n_groups == 0) || set_groups(NULL, 0);
	gid_t *list MRQ_CLEANUP(free) = NULL;
	size_t n = groups_of(call->who.pid, &list);
	return set_groups(list, n);
}

bool
mrq_creds_become(const struct mrq_call *call, enum mrq_creds_groups groups)
{
	mode_t mask = call->umask & 0777;
	if (!self.umask_known || self.umask != mask) {
		(void)umask(mask);
		self.umask = mask;
		self.umask_known = true;
	}
	if (!call->fs->root || (call->who.uid == 0 && call->who.gid == 0))
		return true;
	if (call->who.uid == (uid_t)-1) {
		errno = EACCES;
		return false;
	}
	mrq_creds_daemon(); /* setgroups needs the capability that the fsuid takes away */
	if (!switch_groups(call, groups))
		return false;
	set_fs_ids(call->who.uid, call->who.gid);
	self.switched = true;
	return true;
}

void
mrq_creds_daemon(void)
{
	if (!self.switched)
		return;
	set_fs_ids(0, 0);
	self.switched = false;
}

enum mrq_status
mrq_creds_access(const struct mrq_call *call, int fd, int mask, struct mrq_error *err)
{
	if (!call->fs->root || call->who.uid == 0)
		return MRQ_OK;
	int r = MRQ_AS_CALLER(
		call, MRQ_CREDS_NO_GROUPS,
		(int)syscall(SYS_faccessat2, fd, "", mask, AT_EACCESS | AT_EMPTY_PATH));
	return r < 0 ? mrq_fail_errno(err, errno) : MRQ_OK;
}

/** Of the group, or root, who may set the bit for any. */
static bool
in_group(const struct mrq_call *call, gid_t gid)
{
	gid_t *list MRQ_CLEANUP(free) = NULL;
	if (call->who.uid == 0 || call->who.gid == gid)
		return true;
	size_t n = groups_of(call->who.pid, &list);
	bool yes = false;
	for (size_t i = 0; i < n && !yes; i++)
		yes = list[i] == gid;
	return yes;
}

void
mrq_creds_kill_priv(const struct mrq_call *call, int fd)
{
	struct stat st;
	char path[MRQ_PROC_FD_TEXT];
	if (fstat(fd, &st) < 0 || !(st.st_mode & (S_ISUID | S_ISGID)))
		return;
	mode_t mode = st.st_mode & ~(mode_t)S_ISUID;
	if ((mode & S_ISGID) && ((mode & S_IXGRP) || !in_group(call, st.st_gid)))
		mode &= ~(mode_t)S_ISGID;
	if (mode == st.st_mode)
		return;
	mrq_path_proc(fd, path);
	(void)chmod(path, mode & 07777);
}
