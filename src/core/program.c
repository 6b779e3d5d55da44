/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mountinfo.h"
#include "crypto/hash.h"

#define DIGEST_MAX_BYTES (512ll * 1024 * 1024) /* larger executables stay undigested */
#define CACHE_SLOTS      256u                  /* a power of two */
#define TRUSTED_MAX      256u

/** An executable, by what changes when its content changes. */
struct exe {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	char path[256];
	char digest[65];
	bool trusted_file; /* digest, owner and mode are those of a trusted program */
};

/** A thread seen: dirfd answers as long as this very thread lives. */
struct seen {
	pid_t tid;
	int dirfd;
	pid_t tgid;
	uid_t login_uid;
};

struct mrq_programs {
	pthread_mutex_t lock;
	struct exe exes[CACHE_SLOTS];  /* guarded by lock */
	struct seen seen[CACHE_SLOTS]; /* guarded by lock */
	char trusted[TRUSTED_MAX][65];
	size_t n_trusted;
	gid_t trusted_gid; /* (gid_t)-1: no such group */
};

static bool
digest_fd(int fd, char ret[static 65])
{
	struct mrq_sha256_ctx *ctx MRQ_CLEANUP(mrq_sha256_free) = NULL;
	if (mrq_sha256_new(&ctx, NULL) != MRQ_OK)
		return false;
	uint8_t buf[65536];
	off_t off = 0;
	for (;;) {
		ssize_t n = pread(fd, buf, sizeof(buf), off);
		if (n < 0 && errno == EINTR)
			continue;
		if (n >= 0 && off > DIGEST_MAX_BYTES)
			errno = EFBIG;
		if (n < 0 || off > DIGEST_MAX_BYTES)
			return false;
		if (n == 0)
			break;
		mrq_sha256_update(ctx, buf, (size_t)n);
		off += n;
	}
	uint8_t sum[MRQ_SHA256_BYTES];
	mrq_sha256_final(ctx, sum);
	mrq_hex_encode(sum, sizeof(sum), ret);
	return true;
}

static gid_t
group_id(const char *name)
{
	struct group gr;
	struct group *found = NULL;
	char buf[16384];
	if (getgrnam_r(name, &gr, buf, sizeof(buf), &found) != 0 || !found)
		return (gid_t)-1;
	return found->gr_gid;
}

static enum mrq_status
add_trusted(struct mrq_programs *p, const char *value, struct mrq_error *err)
{
	if (p->n_trusted == TRUSTED_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "more than %u trusted programs",
				TRUSTED_MAX);
	char *slot = p->trusted[p->n_trusted];
	if (!strncmp(value, "sha256:", 7)) {
		uint8_t sum[MRQ_SHA256_BYTES];
		if (!mrq_hex_decode(value + 7, sum, sizeof(sum)))
			return mrq_fail(
				err, MRQ_E_CONFIG,
				"trusted program '%.80s' is not sha256: and 64 hex "
				"digits",
				value);
		mrq_hex_encode(sum, sizeof(sum), slot);
	} else {
		int fd MRQ_CLEANUP(mrq_close) =
			open(value, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fd < 0 || !digest_fd(fd, slot)) {
			struct mrq_error why = { 0 };
			enum mrq_status ignored =
				mrq_fail_sys(&why, "cannot digest it");
			(void)ignored;
			mrq_log(MRQ_LOG_WARNING, "program '%s' is not trusted: %s",
				value, why.msg);
			return MRQ_OK; /* that one alone: all else goes on */
		}
	}
	p->n_trusted++;
	return MRQ_OK;
}

enum mrq_status
mrq_programs_new(const struct mrq_config *config, struct mrq_programs **ret,
		 struct mrq_error *err)
{
	struct mrq_programs *p MRQ_CLEANUP(mrq_programs_free) = calloc(1, sizeof(*p));
	if (!p)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the table of programs");
	pthread_mutex_init(&p->lock, NULL);
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		p->seen[i].dirfd = -1;
	p->trusted_gid = group_id(config->trusted_group);
	for (size_t i = 0; i < config->trusted.n; i++)
		MRQ_TRY(add_trusted(p, config->trusted.items[i].value, err));
	*ret = MRQ_STEAL(p);
	return MRQ_OK;
}

void
mrq_programs_free(struct mrq_programs *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < CACHE_SLOTS; i++)
		if (p->seen[i].dirfd >= 0)
			(void)close(p->seen[i].dirfd);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

/** Read a small file of /proc into buf as a string. */
static bool
read_proc(int dirfd, const char *name, char *buf, size_t len)
{
	int fd MRQ_CLEANUP(mrq_close) = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, buf, len - 1);
	if (n <= 0)
		return false;
	buf[n] = 0;
	return true;
}

/** A decimal field of /proc/PID/status, as "Tgid:" or the second of "Gid:". */
static bool
status_field(const char *status, const char *field, int column, unsigned long *ret)
{
	const char *at = strstr(status, field);
	if (!at)
		return false;
	at += strlen(field);
	char *end = NULL;
	for (int i = 0; i <= column; i++) {
		*ret = strtoul(at, &end, 10);
		if (end == at)
			return false;
		at = end;
	}
	return true;
}

static bool
seen_fill(struct seen *s, pid_t tid)
{
	char name[32], text[4096];
	(void)snprintf(name, sizeof(name), "/proc/%d", tid);
	int fd MRQ_CLEANUP(mrq_close) = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	unsigned long tgid = 0;
	if (fd < 0 || !read_proc(fd, "status", text, sizeof(text)) ||
	    !status_field(text, "\nTgid:", 0, &tgid))
		return false;
	s->login_uid = (uid_t)-1;
	if (read_proc(fd, "loginuid", text, sizeof(text)))
		s->login_uid = (uid_t)strtoul(text, NULL, 10);
	s->tid = tid;
	s->tgid = (pid_t)tgid;
	s->dirfd = MRQ_STEAL_FD(fd);
	return true;
}

static struct timespec
time_of(const struct statx_timestamp *t)
{
	return (struct timespec){ .tv_sec = t->tv_sec, .tv_nsec = t->tv_nsec };
}

/**
 * What the kernel knows of an executable.  Its file system is not asked: it may be a mount of ours,
 * whose workers may all be where this one is.
 */
static bool
exe_look(int dirfd, struct exe *ret)
{
	struct statx st;
	if (statx(dirfd, "exe", AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &st) < 0)
		return false;
	*ret = (struct exe){ .dev = makedev(st.stx_dev_major, st.stx_dev_minor),
			     .ino = st.stx_ino,
			     .size = (off_t)st.stx_size,
			     .mtime = time_of(&st.stx_mtime),
			     .ctime = time_of(&st.stx_ctime) };
	return true;
}

static bool
same_exe(const struct exe *e, dev_t dev, ino_t ino, off_t size, struct timespec mtime,
	 struct timespec ctime)
{
	return e->ino == ino && e->dev == dev && e->size == size &&
	       e->mtime.tv_sec == mtime.tv_sec && e->mtime.tv_nsec == mtime.tv_nsec &&
	       e->ctime.tv_sec == ctime.tv_sec && e->ctime.tv_nsec == ctime.tv_nsec;
}

/** Is it on a mount of marque?  Also of another one: two that ask each other would wait for ever. */
static bool
on_marque(dev_t dev)
{
	struct mrq_mounts mounts MRQ_CLEANUP(mrq_mounts_clear) = { 0 };
	if (major(dev) != 0)
		return false;
	return mrq_mounts_load(&mounts, NULL) != MRQ_OK ||
	       mrq_mounts_of(&mounts, dev, MRQ_MOUNT_TYPE) != NULL;
}

static bool
listed(const struct mrq_programs *p, const char *digest)
{
	for (size_t i = 0; i < p->n_trusted; i++)
		if (!strcmp(p->trusted[i], digest))
			return true;
	return false;
}

/** Digest an executable, as exe_look found it; may read much. */
static bool
exe_fill(const struct mrq_programs *p, int dirfd, struct exe *e)
{
	ssize_t n = readlinkat(dirfd, "exe", e->path, sizeof(e->path) - 1);
	e->path[n > 0 ? n : 0] = 0;
	if (on_marque(e->dev))
		return true; /* neither digested nor trusted */
	int fd MRQ_CLEANUP(mrq_close) = openat(dirfd, "exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	e->dev = st.st_dev;
	e->ino = st.st_ino;
	e->size = st.st_size;
	e->mtime = st.st_mtim;
	e->ctime = st.st_ctim;
	if (!digest_fd(fd, e->digest))
		e->digest[0] = 0;
	e->trusted_file = e->digest[0] && listed(p, e->digest) && st.st_uid == 0 &&
			  !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
			  (st.st_mode & S_ISGID) && st.st_gid == p->trusted_gid;
	return true;
}

/** Whoever traces one thread holds the memory of all. */
static bool
untraced(int proc)
{
	int fd MRQ_CLEANUP(mrq_close) =
		openat(proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir MRQ_CLEANUP(closedir) = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return false;
	fd = -1;
	const struct dirent *e;
	while ((e = readdir(dir))) {
		char name[sizeof(e->d_name) + 8], text[4096];
		unsigned long tracer = 1;
		if (e->d_name[0] == '.')
			continue;
		(void)snprintf(name, sizeof(name), "%s/status", e->d_name);
		errno = 0;
		if (!read_proc(dirfd(dir), name, text, sizeof(text))) {
			if (errno == ENOENT || errno == ESRCH)
				continue; /* it has ended */
			return false;
		}
		if (!status_field(text, "\nTracerPid:", 0, &tracer) || tracer != 0)
			return false;
	}
	return true;
}

/**
 * Set-group-ID took effect, and nobody traces it, now.  A real group that is the trusted one would
 * mean that the kernel saw no change of group at execve(2): no AT_SECURE, LD_PRELOAD obeyed.
 */
static bool
runs_trusted(const struct mrq_programs *p, int dirfd)
{
	char text[4096];
	unsigned long rgid = 0, egid = 0;
	return p->trusted_gid != (gid_t)-1 &&
	       read_proc(dirfd, "status", text, sizeof(text)) &&
	       status_field(text, "\nGid:", 0, &rgid) && rgid != p->trusted_gid &&
	       status_field(text, "\nGid:", 1, &egid) && egid == p->trusted_gid &&
	       untraced(dirfd);
}

/** The file system of a trusted program is asked: it may be one that others write to. */
static bool
is_trusted(const struct mrq_programs *p, const struct exe *e, int dirfd)
{
	struct stat st;
	return e->trusted_file && fstatat(dirfd, "exe", &st, 0) == 0 &&
	       same_exe(e, st.st_dev, st.st_ino, st.st_size, st.st_mtim, st.st_ctim) &&
	       runs_trusted(p, dirfd);
}

/** A descriptor of the thread's folder, if it is one seen before. */
static int
seen_get(struct mrq_programs *p, pid_t tid, struct seen *ret)
{
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &p->lock;
	pthread_mutex_lock(held);
	*ret = p->seen[(unsigned)tid % CACHE_SLOTS];
	return ret->tid == tid && ret->dirfd >= 0
		       ? fcntl(ret->dirfd, F_DUPFD_CLOEXEC, 3)
		       : -1;
}

/** Keep a thread's folder for the next time; *s has a descriptor of its own. */
static void
seen_put(struct mrq_programs *p, const struct seen *s)
{
	struct seen *slot = &p->seen[(unsigned)s->tid % CACHE_SLOTS];
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &p->lock;
	pthread_mutex_lock(held);
	if (slot->dirfd >= 0)
		(void)close(slot->dirfd);
	*slot = *s;
}

/** The folder of a living thread and its executable; -1 when it is gone. */
static int
find_thread(struct mrq_programs *p, pid_t tid, struct seen *ret, struct exe *ret_exe)
{
	int fd MRQ_CLEANUP(mrq_close) = seen_get(p, tid, ret);
	if (fd >= 0 && exe_look(fd, ret_exe))
		return MRQ_STEAL_FD(fd);
	struct seen s = { .dirfd = -1 };
	if (!seen_fill(&s, tid))
		return -1;
	int again = fcntl(s.dirfd, F_DUPFD_CLOEXEC, 3);
	*ret = s;
	seen_put(p, &s);
	if (again >= 0 && exe_look(again, ret_exe))
		return again;
	if (again >= 0)
		(void)close(again);
	return -1;
}

static bool
find_exe(struct mrq_programs *p, int dirfd, struct exe *e)
{
	struct exe *slot = &p->exes[(e->ino ^ e->dev) % CACHE_SLOTS];
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &p->lock;
	pthread_mutex_lock(held);
	if (same_exe(slot, e->dev, e->ino, e->size, e->mtime, e->ctime)) {
		*e = *slot;
		return true;
	}
	pthread_mutex_unlock(held);
	bool filled = exe_fill(p, dirfd, e);
	pthread_mutex_lock(held);
	if (filled)
		p->exes[(e->ino ^ e->dev) % CACHE_SLOTS] = *e;
	return filled;
}

void
mrq_programs_identify(struct mrq_programs *p, pid_t pid, struct mrq_program_info *ret)
{
	struct seen s;
	struct exe e;
	*ret = (struct mrq_program_info){ .kind = MRQ_PROGRAM_ORDINARY,
					  .login_uid = (uid_t)-1 };
	if (pid <= 0)
		return;
	int dirfd MRQ_CLEANUP(mrq_close) = find_thread(p, pid, &s, &e);
	if (dirfd < 0)
		return;
	ret->tgid = s.tgid;
	ret->login_uid = s.login_uid;
	if (!find_exe(p, dirfd, &e))
		return;
	memcpy(ret->path, e.path, sizeof(ret->path));
	memcpy(ret->digest, e.digest, sizeof(ret->digest));
	if (is_trusted(p, &e, dirfd))
		ret->kind = MRQ_PROGRAM_TRUSTED;
}

bool
mrq_process_load(pid_t pid, struct mrq_process *ret)
{
	char name[32], text[4096];
	unsigned long tgid = 0;
	*ret = (struct mrq_process){ 0 };
	(void)snprintf(name, sizeof(name), "/proc/%d/status", pid);
	if (pid <= 0 || !read_proc(AT_FDCWD, name, text, sizeof(text)) ||
	    !status_field(text, "\nTgid:", 0, &tgid))
		return false;
	(void)snprintf(name, sizeof(name), "/proc/%lu/stat", tgid);
	if (!read_proc(AT_FDCWD, name, text, sizeof(text)))
		return false;
	/* pid (comm) state ppid pgrp ... starttime is field 22; comm may hold anything */
	const char *at = strrchr(text, ')');
	if (!at || at[1] != ' ')
		return false;
	at += 4; /* ") S " */
	char *end = NULL;
	for (int field = 4; field <= 22; field++) {
		unsigned long long v = strtoull(at, &end, 10);
		if (end == at)
			return false;
		at = end;
		if (field == 4)
			ret->parent = (pid_t)v;
		else if (field == 5)
			ret->group = (pid_t)v;
		else if (field == 22)
			ret->start = v;
	}
	ret->tgid = (pid_t)tgid;
	return true;
}

/** Can data come in through this descriptor of a process: the reading end of a pipe, a socket? */
static bool
brings_data(int dirfd, pid_t tgid, const char *name)
{
	char to[32], path[64], text[256];
	unsigned long octal = 0;
	ssize_t n = readlinkat(dirfd, name, to, sizeof(to) - 1);
	to[n > 0 ? n : 0] = 0;
	if (!strncmp(to, "socket:", 7))
		return true;
	if (strncmp(to, "pipe:", 5) != 0)
		return false;
	(void)snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", tgid, name);
	const char *flags = read_proc(AT_FDCWD, path, text, sizeof(text))
				    ? strstr(text, "flags:")
				    : NULL;
	if (flags)
		octal = strtoul(flags + 6, NULL, 8);
	return !flags || (octal & O_ACCMODE) != O_WRONLY;
}

bool
mrq_process_piped(pid_t tgid)
{
	char name[64];
	(void)snprintf(name, sizeof(name), "/proc/%d/fd", tgid);
	DIR *dir MRQ_CLEANUP(closedir) = opendir(name);
	if (!dir)
		return true; /* cannot tell: the stricter answer */
	const struct dirent *e;
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.' && brings_data(dirfd(dir), tgid, e->d_name))
			return true;
	return false;
}
