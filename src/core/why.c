/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/why.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_KEPT 512 /* longer paths are compared by their tail */

struct refusal {
	uid_t uid;
	char path[PATH_KEPT];
	char msg[512];
};

struct mrq_refusals {
	pthread_mutex_t lock;
	struct refusal *ring[MRQ_REFUSALS_MAX]; /* guarded by lock */
	size_t next;                            /* guarded by lock */
};

enum mrq_status
mrq_refusals_new(struct mrq_refusals **ret, struct mrq_error *err)
{
	struct mrq_refusals *r = calloc(1, sizeof(*r));
	if (!r)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for the list of refusals");
	pthread_mutex_init(&r->lock, NULL);
	*ret = r;
	return MRQ_OK;
}

void
mrq_refusals_free(struct mrq_refusals *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < MRQ_REFUSALS_MAX; i++)
		free(r->ring[i]);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/** What is compared of a path: below the mount, with or without its first slash. */
static const char *
tail(const char *path)
{
	path += strspn(path, "/");
	size_t len = strlen(path);
	return len < PATH_KEPT ? path : path + len - (PATH_KEPT - 1);
}

void
mrq_refusals_note(struct mrq_refusals *r, uid_t uid, const char *path,
		  const struct mrq_error *why)
{
	struct refusal *fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return; /* `why` then knows the refusal before */
	fresh->uid = uid;
	(void)snprintf(fresh->path, sizeof(fresh->path), "%s", path ? tail(path) : "");
	(void)snprintf(fresh->msg, sizeof(fresh->msg), "%s", why->msg);
	pthread_mutex_lock(&r->lock);
	free(r->ring[r->next]);
	r->ring[r->next] = fresh;
	r->next = (r->next + 1) % MRQ_REFUSALS_MAX;
	pthread_mutex_unlock(&r->lock);
}

enum mrq_status
mrq_refusals_find(struct mrq_refusals *r, uid_t uid, const char *path, char *ret,
		  size_t len, struct mrq_error *err)
{
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &r->lock;
	pthread_mutex_lock(held);
	for (size_t i = 1; i <= MRQ_REFUSALS_MAX; i++) {
		const struct refusal *f =
			r->ring[(r->next + MRQ_REFUSALS_MAX - i) % MRQ_REFUSALS_MAX];
		if (!f)
			break;
		if (f->uid != uid || (path && strcmp(f->path, tail(path)) != 0))
			continue;
		(void)snprintf(ret, len, "%s", f->msg);
		return MRQ_OK;
	}
	return mrq_fail(err, MRQ_E_NOT_FOUND, "nothing was refused to you%s%s%s",
			path ? " at '" : "", path ? path : "", path ? "'" : "");
}
