/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "creds.h"
#include "notify.h"

#define KICK_SIGNAL    (SIGRTMIN + 3) /* makes a worker that sleeps in read(2) look up */
#define KICK_NS        10000000L      /* between two kicks */
#define PAGE           4096u
#define OPCODE_TMPFILE 51u /* FUSE_TMPFILE: libfuse 3.14 does not know it */
/* The headers of a WRITE end a page, so that its data begin one. */
#define WRITE_HEADERS (sizeof(struct fuse_in_header) + sizeof(struct fuse_write_in))
#define REQUEST_MAX   (MRQ_FS_IO_MAX + 2 * PAGE)

struct worker {
	struct mrq_fs *fs;
	struct fuse_session *se;
	pthread_t thread;
	int fd; /* a clone of the session's, or -1 */
	atomic_bool ended;
	struct mrq_error err;
	enum mrq_status status;
};

static _Thread_local int channel = -1;
static _Thread_local void *reply_buffer;

/* The INIT request that this thread serves: libfuse 3.14 offers no HANDLE_KILLPRIV_V2. */
static _Thread_local struct {
	uint64_t unique; /* 0: none */
	bool killpriv_v2;
} init_request;

int
mrq_loop_channel(void)
{
	return channel;
}

void
mrq_loop_use_channel(int fd)
{
	channel = fd;
}

static void *
map_buffer(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	return p == MAP_FAILED ? NULL : p;
}

void *
mrq_loop_buffer(void)
{
	if (!reply_buffer)
		reply_buffer = map_buffer(MRQ_FS_IO_MAX);
	return reply_buffer;
}

void
mrq_loop_wipe(size_t len)
{
	if (reply_buffer)
		explicit_bzero(reply_buffer, len < MRQ_FS_IO_MAX ? len : MRQ_FS_IO_MAX);
}

static ssize_t
io_read(int fd, void *buf, size_t len, void *userdata)
{
	(void)userdata;
	return read(channel >= 0 ? channel : fd, buf, len);
}

/** Add to INIT's answer what libfuse cannot say. */
static ssize_t
write_init(int fd, struct iovec *iov, struct mrq_fs *fs)
{
	struct fuse_init_out out;
	if (iov[1].iov_len != sizeof(out))
		return writev(fd, iov, 2);
	memcpy(&out, iov[1].iov_base, sizeof(out));
	out.flags &= ~(uint32_t)FUSE_HANDLE_KILLPRIV;
	out.flags |= FUSE_HANDLE_KILLPRIV_V2;
	struct iovec patched[2] = { iov[0],
				    { .iov_base = &out, .iov_len = sizeof(out) } };
	ssize_t n = writev(fd, patched, 2);
	if (n > 0)
		atomic_store(&fs->killpriv_v2, true);
	return n;
}

static ssize_t
io_writev(int fd, struct iovec *iov, int count, void *userdata)
{
	const struct fuse_out_header *out = iov[0].iov_base;
	int to = channel >= 0 ? channel : fd;
	if (init_request.unique && init_request.killpriv_v2 && count == 2 &&
	    out->unique == init_request.unique)
		return write_init(to, iov, userdata);
	return writev(to, iov, count);
}

static const struct fuse_custom_io transport = {
	.read = io_read,
	.writev = io_writev,
};

/** What the raw request says that libfuse 3.14 does not pass on. */
static void
look_at(struct fuse_in_header *in, size_t len)
{
	init_request.unique = 0;
	if (in->opcode == OPCODE_TMPFILE) {
		/* The same body as CREATE, with the name "/" that no CREATE can have. */
		in->opcode = FUSE_CREATE;
	} else if (in->opcode == FUSE_INIT &&
		   len >= sizeof(*in) + offsetof(struct fuse_init_in, flags2)) {
		struct fuse_init_in init = { 0 };
		memcpy(&init, in + 1, offsetof(struct fuse_init_in, flags2));
		init_request.unique = in->unique;
		init_request.killpriv_v2 = init.flags & FUSE_HANDLE_KILLPRIV_V2;
	}
}

static void
serve(struct worker *w, struct fuse_buf *buf)
{
	while (!fuse_session_exited(w->se)) {
		int n = fuse_session_receive_buf(w->se, buf);
		if (n == -EINTR || n == -EAGAIN)
			continue;
		if (n <= 0) {
			if (n < 0)
				w->status = mrq_fail(&w->err, MRQ_E_SYS,
						     "cannot read from the kernel: %s",
						     strerror(-n));
			return;
		}
		look_at(buf->mem, (size_t)n);
		(void)atomic_fetch_add_explicit(&w->fs->requests, 1,
						memory_order_relaxed);
		bool content =
			((struct fuse_in_header *)buf->mem)->opcode == FUSE_WRITE;
		fuse_session_process_buf(w->se, buf);
		if (content)
			explicit_bzero(buf->mem, (size_t)n);
	}
}

/** Tell the workers and mrq_fs_run that it is over. */
static void
end_run(struct mrq_fs *fs, struct fuse_session *se)
{
	(void)pthread_mutex_lock(&fs->run_lock);
	fuse_session_exit(se);
	(void)pthread_cond_broadcast(&fs->run_end);
	(void)pthread_mutex_unlock(&fs->run_lock);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	sigset_t set;
	(void)sigemptyset(&set);
	(void)sigaddset(&set, KICK_SIGNAL);
	(void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	channel = w->fd;
	char *map = map_buffer(REQUEST_MAX + PAGE);
	w->status = mrq_creds_thread_init(&w->err);
	if (!map)
		w->status = mrq_fail(&w->err, MRQ_E_NOMEM, "no memory for a worker");
	if (w->status == MRQ_OK) {
		struct fuse_buf buf = { .mem = map + PAGE - WRITE_HEADERS };
		serve(w, &buf);
	}
	if (map)
		(void)munmap(map, REQUEST_MAX + PAGE);
	if (reply_buffer)
		(void)munmap(reply_buffer, MRQ_FS_IO_MAX);
	reply_buffer = NULL;
	end_run(w->fs, w->se);
	atomic_store(&w->ended, true);
	return NULL;
}

static void
on_kick(int signal)
{
	(void)signal;
}

/** Another descriptor of the same connection; -1 where the kernel cannot. */
static int
clone_channel(struct fuse_session *se)
{
	int fd MRQ_CLEANUP(mrq_close) = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	uint32_t master = (uint32_t)fuse_session_fd(se);
	if (fd < 0 || ioctl(fd, FUSE_DEV_IOC_CLONE, &master) < 0)
		return -1;
	return MRQ_STEAL_FD(fd);
}

/** Start worker i; INIT comes to the first one's descriptor, so that is the session's own. */
static enum mrq_status
start_worker(struct mrq_fs *fs, struct fuse_session *se, struct worker *w, bool first,
	     struct mrq_error *err)
{
	*w = (struct worker){ .fs = fs,
			      .se = se,
			      .fd = first ? -1 : clone_channel(se) };
	int r = pthread_create(&w->thread, NULL, work, w);
	if (r == 0)
		return MRQ_OK;
	if (w->fd >= 0)
		(void)close(w->fd);
	errno = r;
	return mrq_fail_sys(err, "cannot start a worker");
}

/** Join all; the first one blocks, since they end together. */
static void
wait_for(struct mrq_fs *fs, struct worker *w, size_t n)
{
	const struct timespec pause = { .tv_nsec = KICK_NS };
	(void)pthread_mutex_lock(&fs->run_lock);
	while (n > 0 && !fuse_session_exited(w[0].se))
		(void)pthread_cond_wait(&fs->run_end, &fs->run_lock);
	(void)pthread_mutex_unlock(&fs->run_lock);
	for (size_t i = 0; i < n; i++)
		while (!atomic_load(&w[i].ended)) {
			/* It may have gone to sleep just after it looked: kick until it ends. */
			(void)pthread_kill(w[i].thread, KICK_SIGNAL);
			(void)nanosleep(&pause, NULL);
		}
	for (size_t i = 0; i < n; i++)
		(void)pthread_join(w[i].thread, NULL);
}

enum mrq_status
mrq_fs_run(struct mrq_fs *fs, struct fuse_session *se, struct mrq_error *err)
{
	struct sigaction kick = { .sa_handler = on_kick };
	if (sigaction(KICK_SIGNAL, &kick, NULL) < 0)
		return mrq_fail_sys(err, "cannot prepare the workers");
	int r = fuse_session_custom_io(se, &transport, fuse_session_fd(se));
	if (r < 0) {
		errno = -r;
		return mrq_fail_sys(err, "cannot prepare the connection to the kernel");
	}
	fs->se = se;
	struct worker *workers MRQ_CLEANUP(free) =
		calloc(fs->options.threads, sizeof(struct worker));
	if (!workers)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the workers");
	enum mrq_status st = MRQ_OK;
	size_t n = 0;
	while (st == MRQ_OK && n < fs->options.threads) {
		st = start_worker(fs, se, &workers[n], n == 0, err);
		n += st == MRQ_OK;
	}
	if (st != MRQ_OK || atomic_load(&fs->stopping))
		end_run(fs, se);
	wait_for(fs, workers, n);
	for (size_t i = 0; i < n; i++) {
		if (st == MRQ_OK && workers[i].status != MRQ_OK) {
			st = workers[i].status;
			if (err)
				*err = workers[i].err;
		}
	}
	mrq_notifier_stop(fs->notifier); /* it may answer through their channels */
	for (size_t i = 0; i < n; i++)
		if (workers[i].fd >= 0)
			(void)close(workers[i].fd);
	return st;
}

void
mrq_fs_stop(struct mrq_fs *fs)
{
	atomic_store(&fs->stopping, true);
	if (fs->se)
		end_run(fs, fs->se);
}
