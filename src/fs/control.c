/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/control.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/*
 * States of a client:
 *
 *	FREE -accept-> READING -request-> ANSWERING           -sent-> FREE
 *	                       -slow----> QUEUED -> WORKING -> ANSWERING
 *
 * 1. All is guarded by control.lock.  The loop lets go of it while it polls, the worker while it works
 *    on a client in WORKING, which nobody else touches then.
 * 2. Nothing that the loop does under the lock waits for a client: every call is non-blocking.
 * 3. READING and ANSWERING have a deadline; the worker's jobs end by themselves.
 */
enum client_state { FREE, READING, QUEUED, WORKING, ANSWERING };

struct client {
	enum client_state state;
	int fd;
	uid_t uid;
	int64_t deadline_ns; /* monotonic; READING and ANSWERING */
	uint64_t ticket;     /* order of the queue */
	struct mrq_control_request request;
	char *answer;
};

struct mrq_control {
	struct mrq_control_mount mount;
	int dirfd, listener, wake;
	char name[MRQ_CONTROL_NAME_MAX];
	struct stat bound; /* what we made of that name; st_nlink 0: nothing */
	char *buffer;      /* of the loop: one request */
	pthread_t loop, worker;
	bool loop_runs, worker_runs;
	pthread_mutex_t lock;
	pthread_cond_t queued;
	/* guarded by lock: */
	struct client clients[MRQ_CONTROL_CLIENTS_MAX];
	int64_t pause_until_ns; /* after a failed accept */
	uint64_t tickets;
	bool stop_loop, stop_worker;
};

void
mrq_control_name(unsigned major, unsigned minor, char ret[static MRQ_CONTROL_NAME_MAX])
{
	(void)snprintf(ret, MRQ_CONTROL_NAME_MAX, "%u-%u.sock", major, minor);
}

static void
client_clear(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	mrq_control_request_clear(&c->request);
	free(c->answer);
	*c = (struct client){ .fd = -1 };
}

static void
set_deadline(struct client *c)
{
	c->deadline_ns = mrq_clock_monotonic_ns() + MRQ_CONTROL_PATIENCE_MS * 1000000LL;
}

/* NULL: nothing can be said without memory; the connection ends without an answer. */
static void
set_answer(struct client *c, char *answer)
{
	if (!answer) {
		client_clear(c);
		return;
	}
	c->answer = answer;
	c->state = ANSWERING;
	set_deadline(c);
}

static void
enqueue(struct mrq_control *control, struct client *c)
{
	c->ticket = control->tickets++;
	c->state = QUEUED;
	pthread_cond_signal(&control->queued);
}

static enum mrq_status
understand(struct mrq_control *control, struct client *c, size_t len,
	   struct mrq_error *err)
{
	MRQ_TRY(mrq_control_parse(control->buffer, len, &c->request, err));
	return mrq_control_allow(&control->mount, c->uid, c->request.verb, err);
}

static void
receive(struct mrq_control *control, struct client *c)
{
	struct mrq_error err = { 0 };
	/* Descriptors that come along are dropped by the kernel: nobody asks for them. */
	ssize_t n = recv(c->fd, control->buffer, MRQ_CONTROL_MESSAGE_MAX,
			 MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		client_clear(c);
		return;
	}
	if (understand(control, c, (size_t)n, &err) != MRQ_OK)
		set_answer(c, mrq_control_refusal(&err));
	else if (mrq_control_is_slow(c->request.verb))
		enqueue(control, c);
	else
		set_answer(c, mrq_control_serve(&control->mount, c->uid, &c->request));
}

/* A packet goes whole or not at all. */
static void
send_answer(struct client *c)
{
	ssize_t n =
		send(c->fd, c->answer, strlen(c->answer), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	client_clear(c);
}

static struct client *
find_place(struct mrq_control *control, uid_t uid)
{
	struct client *place = NULL;
	int used = 0, of_user = 0;

	for (size_t i = 0; i < MRQ_CONTROL_CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		if (c->state == FREE) {
			place = c;
			continue;
		}
		used++;
		of_user += c->uid == uid;
	}
	if (uid != 0 && (of_user >= MRQ_CONTROL_CLIENTS_USER ||
			 used >= MRQ_CONTROL_CLIENTS_MAX - MRQ_CONTROL_CLIENTS_ROOT))
		return NULL;
	return place;
}

static void
turn_away(int fd)
{
	static const char busy[] =
		"{\"status\":\"busy\",\"message\":\"too many callers; try again\"}";

	(void)send(fd, busy, sizeof(busy) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
welcome(struct mrq_control *control)
{
	int fd MRQ_CLEANUP(mrq_close) =
		accept4(control->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0) {
		/* Out of descriptors, mostly: do not spin on it. */
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			control->pause_until_ns = mrq_clock_monotonic_ns() + 100000000;
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return;
	struct client *c = find_place(control, peer.uid);
	if (!c) {
		turn_away(fd);
		return;
	}
	c->fd = MRQ_STEAL_FD(fd);
	c->uid = peer.uid;
	c->state = READING;
	set_deadline(c);
}

struct round {
	struct pollfd fds[2 + MRQ_CONTROL_CLIENTS_MAX];
	struct client *who[2 + MRQ_CONTROL_CLIENTS_MAX];
	nfds_t n;
	int64_t next_ns; /* the first deadline; INT64_MAX: none */
};

static void
round_add(struct round *r, int fd, short events, struct client *c, int64_t deadline_ns)
{
	r->fds[r->n] = (struct pollfd){ .fd = fd, .events = events };
	r->who[r->n++] = c;
	if (deadline_ns < r->next_ns)
		r->next_ns = deadline_ns;
}

/* Whom to listen to; those out of time go. */
static void
round_begin(struct mrq_control *control, struct round *r)
{
	int64_t now = mrq_clock_monotonic_ns();
	bool paused = now < control->pause_until_ns;

	r->n = 0;
	r->next_ns = paused ? control->pause_until_ns : INT64_MAX;
	round_add(r, control->wake, POLLIN, NULL, INT64_MAX);
	round_add(r, paused ? -1 : control->listener, POLLIN, NULL, INT64_MAX);
	for (size_t i = 0; i < MRQ_CONTROL_CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		if (c->state != READING && c->state != ANSWERING)
			continue;
		if (now >= c->deadline_ns)
			client_clear(c);
		else
			round_add(r, c->fd, c->state == READING ? POLLIN : POLLOUT, c,
				  c->deadline_ns);
	}
}

static int
round_timeout(const struct round *r)
{
	if (r->next_ns == INT64_MAX)
		return -1;
	int64_t left = r->next_ns - mrq_clock_monotonic_ns();
	return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

static void
round_serve(struct mrq_control *control, struct round *r)
{
	uint64_t count;

	if (r->fds[0].revents)
		(void)!read(control->wake, &count, sizeof(count));
	for (nfds_t i = 2; i < r->n; i++) {
		struct client *c = r->who[i];
		if (!r->fds[i].revents)
			continue;
		if (c->state == READING)
			receive(control, c);
		else
			send_answer(c);
	}
	if (r->fds[1].revents)
		welcome(control);
}

static void *
loop_main(void *arg)
{
	struct mrq_control *control = arg;
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &control->lock;
	struct round r;

	pthread_mutex_lock(held);
	while (!control->stop_loop) {
		round_begin(control, &r);
		pthread_mutex_unlock(held);
		int n = poll(r.fds, r.n, round_timeout(&r));
		pthread_mutex_lock(held);
		if (n > 0)
			round_serve(control, &r);
	}
	for (size_t i = 0; i < MRQ_CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].state == ANSWERING)
			send_answer(&control->clients[i]);
	}
	return NULL;
}

static void
wake_loop(struct mrq_control *control)
{
	uint64_t one = 1;

	(void)!write(control->wake, &one, sizeof(one));
}

/* Called with the lock held. */
static struct client *
first_queued(struct mrq_control *control)
{
	struct client *first = NULL;

	for (size_t i = 0; i < MRQ_CONTROL_CLIENTS_MAX; i++) {
		struct client *c = &control->clients[i];
		if (c->state == QUEUED && (!first || c->ticket < first->ticket))
			first = c;
	}
	return first;
}

/* NULL: stop. */
static struct client *
next_job(struct mrq_control *control)
{
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &control->lock;
	struct client *c = NULL;

	pthread_mutex_lock(held);
	while (!control->stop_worker && !(c = first_queued(control)))
		pthread_cond_wait(&control->queued, held);
	if (control->stop_worker)
		return NULL;
	c->state = WORKING;
	return c;
}

static void *
worker_main(void *arg)
{
	struct mrq_control *control = arg;
	struct client *c;

	while ((c = next_job(control))) {
		char *answer = mrq_control_serve(&control->mount, c->uid, &c->request);
		pthread_mutex_lock(&control->lock);
		set_answer(c, answer);
		pthread_mutex_unlock(&control->lock);
		wake_loop(control);
	}
	return NULL;
}

static enum mrq_status
make_listener(struct mrq_control *control, const char *name, struct mrq_error *err)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(control->name, sizeof(control->name), "%s", name);
	/* Through the folder's descriptor: its path may be longer than an address. */
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/proc/self/fd/%d/%s", control->dirfd, control->name);
	control->listener =
		socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (control->listener < 0)
		return mrq_fail_sys(err, "cannot make the control socket");
	if (unlinkat(control->dirfd, control->name, 0) < 0 && errno != ENOENT)
		return mrq_fail_sys(err, "cannot replace the control socket '%s'",
				    control->name);
	if (bind(control->listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		return mrq_fail_sys(err, "cannot make the control socket '%s'",
				    control->name);
	if (fstatat(control->dirfd, control->name, &control->bound,
		    AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(control->dirfd, control->name, 0666, 0) < 0 ||
	    listen(control->listener, MRQ_CONTROL_CLIENTS_MAX) < 0)
		return mrq_fail_sys(err, "cannot open the control socket '%s'",
				    control->name);
	return MRQ_OK;
}

static struct mrq_control *
control_alloc(void)
{
	struct mrq_control *control = calloc(1, sizeof(*control));

	if (!control)
		return NULL;
	control->dirfd = control->listener = control->wake = -1;
	for (size_t i = 0; i < MRQ_CONTROL_CLIENTS_MAX; i++)
		control->clients[i].fd = -1;
	pthread_mutex_init(&control->lock, NULL);
	pthread_cond_init(&control->queued, NULL);
	control->buffer = malloc(MRQ_CONTROL_MESSAGE_MAX);
	return control;
}

enum mrq_status
mrq_control_new(int dirfd, const char *name, const struct mrq_control_mount *mount,
		struct mrq_control **ret, struct mrq_error *err)
{
	struct mrq_control *control MRQ_CLEANUP(mrq_control_free) = control_alloc();

	if (!control || !control->buffer)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the control socket");
	control->mount = *mount;
	control->dirfd = fcntl(dirfd, F_DUPFD_CLOEXEC, 3);
	control->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (control->dirfd < 0 || control->wake < 0)
		return mrq_fail_sys(err, "cannot make the control socket");
	MRQ_TRY(make_listener(control, name, err));
	*ret = MRQ_STEAL(control);
	return MRQ_OK;
}

enum mrq_status
mrq_control_start(struct mrq_control *control, struct mrq_error *err)
{
	errno = pthread_create(&control->worker, NULL, worker_main, control);
	if (errno)
		return mrq_fail_sys(err, "cannot start a thread of the control socket");
	control->worker_runs = true;
	errno = pthread_create(&control->loop, NULL, loop_main, control);
	if (errno)
		return mrq_fail_sys(err, "cannot start a thread of the control socket");
	control->loop_runs = true;
	return MRQ_OK;
}

/* The worker first: its last answer is sent by the loop. */
static void
stop_threads(struct mrq_control *control)
{
	pthread_mutex_lock(&control->lock);
	control->stop_worker = true;
	pthread_cond_signal(&control->queued);
	pthread_mutex_unlock(&control->lock);
	if (control->worker_runs)
		(void)pthread_join(control->worker, NULL);
	pthread_mutex_lock(&control->lock);
	control->stop_loop = true;
	pthread_mutex_unlock(&control->lock);
	wake_loop(control);
	if (control->loop_runs)
		(void)pthread_join(control->loop, NULL);
}

/*
 * The name may be another's by now: once unmounted, our device number can be that of the next mount.
 * Before the listener is closed, which keeps the inode number ours.
 */
static void
remove_name(const struct mrq_control *control)
{
	struct stat st;

	if (control->bound.st_nlink > 0 &&
	    fstatat(control->dirfd, control->name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == control->bound.st_dev && st.st_ino == control->bound.st_ino)
		(void)unlinkat(control->dirfd, control->name, 0);
}

void
mrq_control_free(struct mrq_control *control)
{
	if (!control)
		return;
	stop_threads(control);
	for (size_t i = 0; i < MRQ_CONTROL_CLIENTS_MAX; i++)
		client_clear(&control->clients[i]);
	remove_name(control);
	if (control->listener >= 0)
		(void)close(control->listener);
	if (control->wake >= 0)
		(void)close(control->wake);
	if (control->dirfd >= 0)
		(void)close(control->dirfd);
	pthread_cond_destroy(&control->queued);
	pthread_mutex_destroy(&control->lock);
	free(control->buffer);
	free(control);
}
