/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CORE_WORLD_H
#define MRQ_TEST_CORE_WORLD_H

/*
 * An authority in a temporary folder, a session on it, and people by uid rule.  The clock is the
 * test's.  Configurations are written whole: WORLD_PEOPLE and what a test adds.
 */
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <marque/marque.h>

#include "check.h"

#define ANN 70001
#define BOB 70002
#define WORLD_PEOPLE                                                                   \
	"[identity]\nuid.70001 = ann@example.org\nuid.70002 = bob@example.org\n"

struct world {
	char dir[64], state[96], conf[128];
	int64_t time;
	struct mrq_session *session;
};

static inline int64_t
world_now(void *arg)
{
	return ((const struct world *)arg)->time;
}

static inline struct mrq_caller
world_caller(uid_t uid)
{
	return (struct mrq_caller){ .uid = uid, .gid = uid, .pid = getpid() };
}

static inline void
world_write(const char *path, const char *text, const char *more)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0 && fputs(more, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static inline enum mrq_status
world_try_session(struct world *w, struct mrq_error *err)
{
	const struct mrq_session_options o = {
		.state_dir = w->state,
		.config_file = w->conf,
		.keys = MRQ_SESSION_KEYS,
		.mount_point = "/mnt/test",
		.now = world_now,
		.now_arg = w,
	};
	return mrq_session_open(&o, &w->session, err);
}

static inline void
world_session(struct world *w)
{
	struct mrq_error err = { 0 };
	check_ok(world_try_session(w, &err), &err);
}

/** The configuration: people, and more. */
static inline void
world_configure(struct world *w, const char *more)
{
	world_write(w->conf, WORLD_PEOPLE, more);
}

static inline void
world_reload(struct world *w, const char *more)
{
	struct mrq_error err = { 0 };
	world_configure(w, more);
	check_ok(mrq_session_reload(w->session, &err), &err);
}

static inline void
world_admin(struct world *w, const char *verb, const char *args)
{
	struct mrq_error err = { 0 };
	char *json = NULL;
	check_ok(mrq_admin(w->session, verb, args, &json, &err), &err);
	free(json);
	check_ok(mrq_session_poll(w->session, &err), &err);
}

static inline int
world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct mrq_error err = { 0 };
	char etc[96];
	assert_non_null(w);
	w->time = time(NULL);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/marque-world-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->state, sizeof(w->state), "%s/state", w->dir);
	(void)snprintf(etc, sizeof(etc), "%s/etc", w->dir);
	(void)snprintf(w->conf, sizeof(w->conf), "%s/marque.conf", etc);
	const struct mrq_init_options init = { .state_dir = w->state,
					       .config_dir = etc,
					       .org = "example.org" };
	check_ok(mrq_init(&init, &err), &err);
	world_configure(w, "");
	world_session(w);
	*state = w;
	return 0;
}

static inline int
world_remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline int
world_teardown(void **state)
{
	struct world *w = *state;
	mrq_session_free(w->session);
	(void)nftw(w->dir, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(w);
	return 0;
}

/** Make a file without a name as uid; a refusal is the status. */
static inline enum mrq_status
world_try_make(struct world *w, uid_t uid, const char *path, struct mrq_file **ret,
	       struct mrq_error *err)
{
	struct mrq_caller who = world_caller(uid);
	int fd = open(w->dir, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	struct mrq_file *f = NULL;
	check_ok(mrq_file_attach_new(w->session, fd, path, &f, err), err);
	enum mrq_status s = mrq_file_create(f, &who, path, err);
	if (s != MRQ_OK)
		mrq_file_free(f);
	else
		*ret = f;
	return s;
}

/** The same with some text in it. */
static inline struct mrq_file *
world_make(struct world *w, uid_t uid, const char *path)
{
	struct mrq_error err = { 0 };
	struct mrq_file *f = NULL;
	struct mrq_handle *h = NULL;
	struct mrq_caller who = world_caller(uid);
	check_ok(world_try_make(w, uid, path, &f, &err), &err);
	check_ok(mrq_file_open(f, &who, MRQ_REQUEST_WRITE, path, &h, &err), &err);
	check_ok(mrq_file_write(f, "text", 4, 0, &err), &err);
	check_ok(mrq_file_commit(f, false, &err), &err);
	mrq_handle_free(h);
	return f;
}

static inline enum mrq_status
world_open(struct mrq_file *f, uid_t uid, enum mrq_request request,
	   struct mrq_error *err)
{
	struct mrq_handle *h = NULL;
	struct mrq_caller who = world_caller(uid);
	enum mrq_status s = mrq_file_open(f, &who, request, "/a.txt", &h, err);
	mrq_handle_free(h);
	return s;
}

#endif
