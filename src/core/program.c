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

#include "base/bytes.h"
#include "base/log.h"
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

static bool
same_exe(const struct exe *e, const struct stat *st)
{
	return e->ino == st->st_ino && e->dev == st->st_dev && e->size == st->st_size &&
	       e->mtime.tv_sec == st->st_mtim.tv_sec &&
	       e->mtime.tv_nsec == st->st_mtim.tv_nsec &&
	       e->ctime.tv_sec == st->st_ctim.tv_sec &&
	       e->ctime.tv_nsec == st->st_ctim.tv_nsec;
}

static bool
listed(const struct mrq_programs *p, const char *digest)
{
	for (size_t i = 0; i < p->n_trusted; i++)
		if (!strcmp(p->trusted[i], digest))
			return true;
	return false;
}

/** Digest an executable; done without the lock, since it may read much. */
static bool
exe_fill(const struct mrq_programs *p, int dirfd, struct exe *e)
{
	int fd MRQ_CLEANUP(mrq_close) = openat(dirfd, "exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	*e = (struct exe){ .dev = st.st_dev,
			   .ino = st.st_ino,
			   .size = st.st_size,
			   .mtime = st.st_mtim,
			   .ctime = st.st_ctim };
	ssize_t n = readlinkat(dirfd, "exe", e->path, sizeof(e->path) - 1);
	e->path[n > 0 ? n : 0] = 0;
	if (!digest_fd(fd, e->digest))
		e->digest[0] = 0;
	e->trusted_file = e->digest[0] && listed(p, e->digest) && st.st_uid == 0 &&
			  !(st.st_mode & (S_IWGRP | S_IWOTH)) &&
			  (st.st_mode & S_ISGID) && st.st_gid == p->trusted_gid;
	return true;
}

/** Effective group is the trusted one and nobody traces it, now. */
static bool
runs_trusted(const struct mrq_programs *p, int dirfd)
{
	char text[4096];
	unsigned long egid = 0, tracer = 1;
	return p->trusted_gid != (gid_t)-1 &&
	       read_proc(dirfd, "status", text, sizeof(text)) &&
	       status_field(text, "\nGid:", 1, &egid) && egid == p->trusted_gid &&
	       status_field(text, "\nTracerPid:", 0, &tracer) && tracer == 0;
}

static void
fill_info(const struct mrq_programs *p, const struct exe *e, int dirfd,
	  struct mrq_program_info *ret)
{
	memcpy(ret->path, e->path, sizeof(ret->path));
	memcpy(ret->digest, e->digest, sizeof(ret->digest));
	if (e->trusted_file && runs_trusted(p, dirfd))
		ret->kind = MRQ_PROGRAM_TRUSTED;
}

void
mrq_programs_identify(struct mrq_programs *p, pid_t pid, struct mrq_program_info *ret)
{
	*ret = (struct mrq_program_info){ .kind = MRQ_PROGRAM_ORDINARY,
					  .login_uid = (uid_t)-1 };
	if (pid <= 0)
		return;
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &p->lock;
	pthread_mutex_lock(held);
	struct seen *s = &p->seen[(unsigned)pid % CACHE_SLOTS];
	struct stat st;
	if (s->tid != pid || s->dirfd < 0 || fstatat(s->dirfd, "exe", &st, 0) < 0) {
		if (s->dirfd >= 0)
			(void)close(s->dirfd);
		*s = (struct seen){ .dirfd = -1 };
		if (!seen_fill(s, pid) || fstatat(s->dirfd, "exe", &st, 0) < 0)
			return;
	}
	ret->tgid = s->tgid;
	ret->login_uid = s->login_uid;
	struct exe *e = &p->exes[(st.st_ino ^ st.st_dev) % CACHE_SLOTS];
	if (same_exe(e, &st)) {
		fill_info(p, e, s->dirfd, ret);
		return;
	}
	int dirfd MRQ_CLEANUP(mrq_close) = fcntl(s->dirfd, F_DUPFD_CLOEXEC, 3);
	pthread_mutex_unlock(held);
	struct exe fresh;
	bool filled = dirfd >= 0 && exe_fill(p, dirfd, &fresh);
	pthread_mutex_lock(held);
	if (!filled)
		return;
	*e = fresh;
	fill_info(p, &fresh, dirfd, ret);
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
