/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *	act list
 *	act setup WORK MOUNTPOINT SOURCE
 *	act run WORK MOUNTPOINT LOG
 *	act follow LOG               "begin N" and "commit N" on standard input become marks,
 *	                             each answered by an empty line on descriptor 3
 */
#include "act.h"
#include "log.h"

#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MOST (4u << 20) /* bytes of one write */

static struct crash_log *the_log;
static int the_mount = -1;
static const char *mount_point;
static const struct act_work *the_work;
static uint64_t n_files, n_writes;

static void
must(bool ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	exit(1);
}

/* Every 48 bytes say of which file and write they are, and where they stand. */
static void
fill(char *buf, size_t len, uint64_t off, uint64_t number, uint64_t write)
{
	char unit[64];

	for (size_t i = 0; i < len; i++) {
		uint64_t at = off + i;
		if (i == 0 || at % 48 == 0)
			(void)snprintf(unit, sizeof(unit),
				       "plaintext of file %03u write %06u at %09llx\n ",
				       (unsigned)number, (unsigned)write,
				       (unsigned long long)(at / 48));
		buf[i] = unit[at % 48];
	}
}

static char *
content(size_t len, uint64_t off, uint64_t number, uint64_t write)
{
	char *buf = malloc(len + 1);

	must(buf && len <= SIZE_MOST, "content");
	fill(buf, len, off, number, write);
	return buf;
}

static void
tell(struct crash_record r, const char *name, const char *name2, const void *data,
     size_t len)
{
	crash_log_lock(the_log);
	crash_log_add(the_log, &r, name, name2, data, len);
	crash_log_unlock(the_log);
}

static void
tell_file(enum crash_kind kind, const struct act_file *f)
{
	tell((struct crash_record){ .kind = (uint16_t)kind, .off = f->number }, NULL,
	     NULL, NULL, 0);
}

static void
tell_names(enum crash_kind kind, const char *a, const char *b)
{
	tell((struct crash_record){ .kind = (uint16_t)kind }, a, b, NULL, 0);
}

/* What there is, before anything is done. */
static void
tell_found(void)
{
	for (const struct act_found *t = the_work->found; t->path; t++) {
		char *data = content(t->size, 0, n_files, 0);
		tell((struct crash_record){ .kind = CRASH_HAS, .off = n_files++ },
		     t->path, NULL, data, t->size);
		free(data);
	}
}

struct act_file
act_found(const char *path)
{
	uint64_t number = 0;

	while (strcmp(the_work->found[number].path, path) != 0)
		number++;
	return act_again(path, number);
}

struct act_file
act_again(const char *path, uint64_t number)
{
	struct act_file f = { .number = number };

	f.fd = openat(the_mount, path, O_RDWR | O_CLOEXEC);
	must(f.fd >= 0, path);
	return f;
}

struct act_file
act_make(const char *path)
{
	struct act_file f = { .number = n_files++ };

	tell((struct crash_record){ .kind = CRASH_WILL_MAKE, .off = f.number }, path,
	     NULL, NULL, 0);
	f.fd = openat(the_mount, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	must(f.fd >= 0, path);
	tell_names(CRASH_DONE, NULL, NULL);
	return f;
}

static char *
will_write(struct act_file *f, uint64_t off, size_t len)
{
	char *data = content(len, off, f->number, ++n_writes);

	tell((struct crash_record){ .kind = CRASH_WILL_WRITE,
				    .off = f->number,
				    .size = off },
	     NULL, NULL, data, len);
	return data;
}

void
act_write(struct act_file *f, uint64_t off, size_t len)
{
	char *data = will_write(f, off, len);

	must(pwrite(f->fd, data, len, (off_t)off) == (ssize_t)len, "write");
	free(data);
}

/* It promises this range alone: no other may be unsynced. */
void
act_write_synced(struct act_file *f, const char *path, uint64_t off, size_t len)
{
	int fd = openat(the_mount, path, O_WRONLY | O_DSYNC | O_CLOEXEC);
	char *data = will_write(f, off, len);

	must(fd >= 0 && pwrite(fd, data, len, (off_t)off) == (ssize_t)len, "write");
	tell_file(CRASH_SYNCED, f);
	(void)close(fd);
	free(data);
}

void
act_write_mapped(struct act_file *f, uint64_t off, size_t len)
{
	size_t skip = (size_t)(off % 4096);
	char *data = will_write(f, off, len);
	char *map = mmap(NULL, len + skip, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd,
			 (off_t)(off - skip));

	must(map != MAP_FAILED, "map");
	memcpy(map + skip, data, len);
	must(msync(map, len + skip, MS_SYNC) == 0, "msync");
	tell_file(CRASH_SYNCED, f);
	(void)munmap(map, len + skip);
	free(data);
}

unsigned
act_random(unsigned n)
{
	static uint64_t seed;
	const char *text = getenv("CRASH_SEED");

	if (!seed)
		seed = text ? strtoull(text, NULL, 10) * 2 + 1 : 1;
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(seed >> 33) % n;
}

void
act_append(struct act_file *f, size_t len)
{
	struct stat st;

	must(fstat(f->fd, &st) == 0, "stat");
	act_write(f, (uint64_t)st.st_size, len);
}

void
act_resize(struct act_file *f, uint64_t size)
{
	tell((struct crash_record){ .kind = CRASH_WILL_RESIZE,
				    .off = f->number,
				    .size = size },
	     NULL, NULL, NULL, 0);
	must(ftruncate(f->fd, (off_t)size) == 0, "truncate");
}

struct act_file
act_truncate(const char *path, uint64_t number)
{
	struct act_file f = { .number = number };

	tell((struct crash_record){ .kind = CRASH_WILL_RESIZE, .off = number }, NULL,
	     NULL, NULL, 0);
	f.fd = openat(the_mount, path, O_RDWR | O_TRUNC | O_CLOEXEC);
	must(f.fd >= 0, path);
	return f;
}

struct act_file
act_make_nameless(void)
{
	struct act_file f = { .number = n_files++ };

	tell((struct crash_record){ .kind = CRASH_WILL_MAKE, .off = f.number }, NULL,
	     NULL, NULL, 0);
	f.fd = openat(the_mount, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0644);
	must(f.fd >= 0, "a file without a name");
	return f;
}

void
act_name(struct act_file *f, const char *path)
{
	char own[64];

	(void)snprintf(own, sizeof(own), "/proc/self/fd/%d", f->fd);
	tell((struct crash_record){ .kind = CRASH_WILL_NAME, .off = f->number }, path,
	     NULL, NULL, 0);
	must(linkat(AT_FDCWD, own, the_mount, path, AT_SYMLINK_FOLLOW) == 0, path);
	tell_names(CRASH_DONE, NULL, NULL);
}

void
act_reserve(struct act_file *f, uint64_t off, uint64_t len)
{
	struct stat st;

	must(fstat(f->fd, &st) == 0, "stat");
	if (off + len > (uint64_t)st.st_size)
		tell((struct crash_record){ .kind = CRASH_WILL_RESIZE,
					    .off = f->number,
					    .size = off + len },
		     NULL, NULL, NULL, 0);
	must(fallocate(f->fd, 0, (off_t)off, (off_t)len) == 0, "allocate");
}

static void
clear_range(struct act_file *f, int mode, uint64_t off, uint64_t len)
{
	tell((struct crash_record){ .kind = CRASH_WILL_PUNCH,
				    .off = f->number,
				    .ino = off,
				    .size = len },
	     NULL, NULL, NULL, 0);
	must(fallocate(f->fd, mode, (off_t)off, (off_t)len) == 0, "clear");
}

void
act_punch(struct act_file *f, uint64_t off, uint64_t len)
{
	clear_range(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
}

void
act_zero(struct act_file *f, uint64_t off, uint64_t len)
{
	clear_range(f, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, off, len);
}

void
act_sync(struct act_file *f)
{
	must(fsync(f->fd) == 0, "fsync");
	tell_file(CRASH_SYNCED, f);
}

void
act_close(struct act_file *f)
{
	must(close(f->fd) == 0, "close");
	tell_file(CRASH_CLOSED, f);
}

void
act_label(struct act_file *f, const char *label)
{
	tell_file(CRASH_WILL_LABEL, f);
	must(fsetxattr(f->fd, "user.marque.label", label, strlen(label), 0) == 0,
	     "label");
	tell_file(CRASH_LABELLED, f);
}

void
act_rename(const char *from, const char *to)
{
	tell_names(CRASH_WILL_RENAME, from, to);
	must(renameat(the_mount, from, the_mount, to) == 0, "rename");
	tell_names(CRASH_DONE, NULL, NULL);
}

void
act_exchange(const char *a, const char *b)
{
	tell_names(CRASH_WILL_EXCHANGE, a, b);
	must(renameat2(the_mount, a, the_mount, b, RENAME_EXCHANGE) == 0, "exchange");
	tell_names(CRASH_DONE, NULL, NULL);
}

void
act_link(const char *from, const char *to)
{
	tell_names(CRASH_WILL_LINK, from, to);
	must(linkat(the_mount, from, the_mount, to, 0) == 0, "link");
	tell_names(CRASH_DONE, NULL, NULL);
}

void
act_unlink(const char *path)
{
	tell_names(CRASH_WILL_UNLINK, path, NULL);
	must(unlinkat(the_mount, path, 0) == 0, "unlink");
	tell_names(CRASH_DONE, NULL, NULL);
}

void
act_sync_names(void)
{
	must(fsync(the_mount) == 0, "fsync of the folder");
	tell_names(CRASH_NAMES_SYNCED, NULL, NULL);
}

/* One verb to the control socket; its answer is valid until the next. */
static const char *
control(const char *verb)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	static char answer[4096];
	char request[64];
	struct stat st;

	must(s >= 0 && fstat(the_mount, &st) == 0, "socket");
	(void)snprintf(to.sun_path, sizeof(to.sun_path), "/run/marque/%u-%u.sock",
		       major(st.st_dev), minor(st.st_dev));
	must(connect(s, (const struct sockaddr *)&to, sizeof(to)) == 0, to.sun_path);
	(void)snprintf(request, sizeof(request), "{\"verb\":\"%s\"}", verb);
	must(send(s, request, strlen(request), 0) > 0, "send");
	ssize_t got = recv(s, answer, sizeof(answer) - 1, 0);
	must(got > 0, "receive");
	answer[got] = '\0';
	must(strstr(answer, "\"ok\"") != NULL, answer);
	(void)close(s);
	return answer;
}

void
act_settle(void)
{
	(void)control("flush");
}

void
act_poll(void)
{
	(void)control("revoked");
}

static void
command(const char *text)
{
	must(system(text) == 0, text); /* NOLINT: the test's own */
}

static const char *
setting(const char *name)
{
	const char *text = getenv(name);

	must(text, name);
	return text;
}

void
act_marque(struct act_file *f, const char *verb, const char *path)
{
	char text[4096];
	bool mounted = the_mount >= 0;

	/* On the mount, too: it may write to the state folder. */
	(void)snprintf(text, sizeof(text), "%s %s %s '%s/%s' >&2",
		       setting("CRASH_RECORDED"), setting("CRASH_MARQUE"), verb,
		       mounted ? mount_point : setting("CRASH_SOURCE"), path);
	tell_file(CRASH_WILL_LABEL, f);
	command(text);
	tell_file(CRASH_LABELLED, f);
}

void
act_reveal(void)
{
	tell_names(CRASH_WILL_REVEAL, NULL, NULL);
}

void
act_unmount(void)
{
	(void)close(the_mount);
	the_mount = -1;
	command(setting("CRASH_UMOUNT"));
}

static void
kill_and_wait(pid_t pid)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0),
			      .events = POLLIN };

	must(end.fd >= 0, "the daemon");
	must(kill(pid, SIGKILL) == 0, "kill");
	must(poll(&end, 1, 60000) == 1, "the daemon does not die");
	(void)close(end.fd);
}

void
act_remount(void)
{
	const char *pid = strstr(control("status"), "\"pid\":");

	must(pid, "who serves the mount?");
	(void)close(the_mount);
	/* No call may be under way, done and not yet recorded. */
	crash_log_lock(the_log);
	kill_and_wait((pid_t)strtol(pid + 6, NULL, 10));
	crash_log_unlock(the_log);
	must(umount2(mount_point, MNT_DETACH) == 0, "unmount");
	command(setting("CRASH_MOUNT"));
	the_mount = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(the_mount >= 0, mount_point);
}

static void
setup(const char *source)
{
	int plain = open(source, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (const struct act_found *t = the_work->found; t->path; t++) {
		char *data = content(t->size, 0, n_files++, 0);
		int fd = openat(strncmp(t->path, "plain", 5) ? the_mount : plain,
				t->path, O_WRONLY | O_CREAT | O_EXCL, 0644);
		must(fd >= 0 && write(fd, data, t->size) == (ssize_t)t->size, t->path);
		must(fsync(fd) == 0 && close(fd) == 0, t->path);
		free(data);
	}
}

/* Of a program whose other end of the pipes waits for the answer. */
static void
follow(void)
{
	FILE *answer = fdopen(3, "w");
	unsigned long long n;
	char what[16];

	must(answer, "descriptor 3");
	while (scanf("%15s %llu", what, &n) == 2) {
		tell((struct crash_record){ .kind = what[0] == 'b' ? CRASH_WILL_COMMIT
								   : CRASH_COMMITTED,
					    .off = n },
		     NULL, NULL, NULL, 0);
		must(fputc('\n', answer) != EOF && fflush(answer) == 0, "answer");
	}
}

int
main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "list") == 0) {
		for (size_t i = 0; i < act_n_works; i++)
			(void)puts(act_works[i].name);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "follow") == 0) {
		the_log = crash_log_open(argv[2], false);
		must(the_log, argv[2]);
		follow();
		return 0;
	}
	for (size_t i = 0; argc == 5 && i < act_n_works; i++)
		if (strcmp(act_works[i].name, argv[2]) == 0)
			the_work = &act_works[i];
	if (!the_work) {
		(void)fputs("usage: act list | setup WORK MOUNT SOURCE |\n"
			    "       run WORK MOUNT LOG\n",
			    stderr);
		return 2;
	}
	mount_point = argv[3];
	the_mount = open(mount_point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(the_mount >= 0, mount_point);
	if (strcmp(argv[1], "setup") == 0) {
		setup(argv[4]);
		return 0;
	}
	the_log = crash_log_open(argv[4], false);
	must(the_log, argv[4]);
	tell_found();
	the_work->run();
	return 0;
}
