/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guard.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"

/* What a session reads of the state folder. */
static const char *const files[] = { "authority.mdb", "cache.mdb" };
#define N_FILES (sizeof(files) / sizeof(files[0]))

struct guard {
	const struct history *h;
	const char *config_file;
	char folder[CRASH_NAME_MAX];
	size_t step; /* so many are in `now` */
	struct disk now;
	uint64_t key; /* of what the session has */
	struct mrq_session *session;
};

static void
remove_files(const struct guard *g)
{
	static const char *const all[] = { "authority.mdb", "authority.mdb-lock",
					   "cache.mdb", "cache.mdb-lock", "audit.log" };
	int dir = open(g->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		(void)unlinkat(dir, all[i], 0);
	(void)close(dir);
}

struct guard *
guard_open(const struct history *h, const char *config_file, const char *scratch)
{
	struct guard *g = need(calloc(1, sizeof(*g)));
	struct frontier f;

	g->h = h;
	g->config_file = config_file;
	(void)snprintf(g->folder, sizeof(g->folder), "%s/marque-guard.XXXXXX", scratch);
	if (!mkdtemp(g->folder)) {
		perror(g->folder);
		exit(99);
	}
	frontier_begin(&f, h);
	disk_copy(&g->now, &f.durable);
	frontier_clear(&f);
	return g;
}

void
guard_close(struct guard *g)
{
	mrq_session_free(g->session);
	remove_files(g);
	(void)rmdir(g->folder);
	disk_clear(&g->now);
	free(g);
}

static const struct image *
image_of(const struct guard *g, const char *name)
{
	static const struct image none = { .size = 0 };
	size_t object = disk_find(&g->now, 0, name);

	return object == NO_OBJECT ? &none : &g->now.images[object];
}

static void
open_session(struct guard *g)
{
	const struct mrq_session_options options = {
		.state_dir = g->folder,
		.config_file = g->config_file,
		.keys = MRQ_SESSION_KEYS,
	};
	struct mrq_error err;

	mrq_session_free(g->session);
	g->session = NULL;
	remove_files(g);
	int dir = open(g->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < N_FILES; i++) {
		int fd = openat(dir, files[i], O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC,
				0600);
		image_store(image_of(g, files[i]), fd);
		(void)close(fd);
	}
	(void)close(dir);
	if (mrq_session_open(&options, &g->session, &err) != MRQ_OK) {
		(void)fprintf(stderr, "no session for the guard: %s\n", err.msg);
		exit(99);
	}
}

void
guard_move(struct guard *g, const struct crash_record *until)
{
	while (g->step < g->h->n_steps && g->h->steps[g->step].record <= until)
		disk_apply(&g->now, g->h, g->step++, PART_ALL, NULL);
	uint64_t key = image_hash(image_of(g, "cache.mdb"));
	if (g->session && key == g->key)
		return;
	g->key = key;
	open_session(g);
}

uint64_t
guard_key(const struct guard *g)
{
	return g->key;
}

bool
guard_allows(const struct guard *g, const uint8_t file_id[static 16], uint64_t sequence,
	     char why[static 512])
{
	struct mrq_guid id;
	struct mrq_error err;

	memcpy(id.bytes, file_id, sizeof(id.bytes));
	if (mrq_sequences_check(g->session->sequences, &id, sequence, "it", &err) ==
	    MRQ_OK)
		return true;
	(void)snprintf(why, 512, "refused after the power cut: %.400s", err.msg);
	return false;
}
