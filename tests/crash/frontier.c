/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which states there may be after a step. */
#include "explore.h"

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A choice for each pending step. */
struct choice {
	enum part *parts;
	size_t n;
	uint64_t seed; /* of the pieces */
};

static void
make(const struct frontier *f, const struct choice *c, struct disk *ret)
{
	uint64_t seed = c->seed;

	disk_copy(ret, &f->durable);
	for (size_t i = 0; i < c->n; i++)
		disk_apply(ret, f->h, f->pending[i], c->parts[i], &seed);
}

static void
try(struct explorer *e, const struct frontier *f, const struct choice *c,
    enum power power, const char *how)
{
	struct disk d;

	if (explore_over(e))
		return;
	make(f, c, &d);
	bool ok = explore_state(e, &d, f->step, power, how);
	if (ok && e->cut_recovery && f->h == e->h &&
	    dice(&e->seed) % e->cut_recovery == 0)
		explore_recovery(e, f, power == POWER_CUT ? &d : NULL);
	disk_clear(&d);
}

static void
fill(struct choice *c, enum part part)
{
	for (size_t i = 0; i < c->n; i++)
		c->parts[i] = part;
}

static void
all_subsets(struct explorer *e, const struct frontier *f, struct choice *c)
{
	for (uint64_t bits = 0; bits < UINT64_C(1) << c->n; bits++) {
		for (size_t i = 0; i < c->n; i++)
			c->parts[i] = bits >> i & 1 ? PART_ALL : PART_NONE;
		try(e, f, c, POWER_CUT, "a subset");
	}
}

static void
random_subset(struct explorer *e, const struct frontier *f, struct choice *c)
{
	uint64_t odds = 1 + dice(&e->seed) % 7;

	for (size_t i = 0; i < c->n; i++)
		c->parts[i] = dice(&e->seed) % 8 < odds ? PART_ALL : PART_NONE;
	try(e, f, c, POWER_CUT, "a random subset");
}

/* One call in part, those about it all or none. */
static void
one_torn(struct explorer *e, const struct frontier *f, struct choice *c)
{
	static const enum part torn[] = { PART_SIZE, PART_PAGES, PART_SECTORS,
					  PART_HEAD };
	size_t at = dice(&e->seed) % c->n;

	fill(c, dice(&e->seed) % 2 ? PART_ALL : PART_NONE);
	if (dice(&e->seed) % 2)
		for (size_t i = at; i < c->n; i++)
			c->parts[i] = PART_NONE;
	c->parts[at] = torn[dice(&e->seed) % 4];
	try(e, f, c, POWER_CUT, "one torn");
}

static void
many_torn(struct explorer *e, const struct frontier *f, struct choice *c)
{
	for (size_t i = 0; i < c->n; i++)
		c->parts[i] = (enum part)(dice(&e->seed) % (PART_HEAD + 1));
	try(e, f, c, POWER_CUT, "many torn");
}

void
explore_frontier(struct explorer *e, const struct frontier *f)
{
	struct choice c = { .n = f->n_pending };

	c.parts = need(calloc(c.n + 1, sizeof(*c.parts)));
	fill(&c, PART_ALL);
	if (!e->cut_only && !f->forgot)
		try(e, f, &c, POWER_KEPT, "killed");
	try(e, f, &c, POWER_CUT, "all");
	fill(&c, PART_NONE);
	try(e, f, &c, POWER_CUT, "nothing");
	if (c.n && c.n <= e->subsets_max)
		all_subsets(e, f, &c);
	for (unsigned i = 0; c.n && i < e->budget && !explore_over(e); i++) {
		c.seed = dice(&e->seed);
		if (c.n > e->subsets_max && i % 3 == 0)
			random_subset(e, f, &c);
		else if (i % 3 == 1)
			one_torn(e, f, &c);
		else
			many_torn(e, f, &c);
	}
	free(c.parts);
}

/* The recovery of one object's image, as steps of a history that goes on from there. */
static void
record_recovery(struct explorer *e, struct history *h, size_t object,
		const struct image *image)
{
	struct stat st;
	int fd = e->fds[1];

	if (ftruncate(fd, 0) < 0 || fstat(fd, &st) < 0)
		return;
	image_store(image, fd);
	crash_log_clear(e->log);
	e->log->dev = st.st_dev;
	atomic_store(&e->log->on, 1);
	reader_recover_keyed(e->reader, fd);
	atomic_store(&e->log->on, 0);
	h->objects[object].ino = st.st_ino;
	history_add(h, e->log);
	h->objects[object].ino = 0;
	e->n_recoveries++;
}

/* A history that ends at the frontier, with room to go on. */
static void
clone(const struct frontier *f, struct history *ret)
{
	*ret = *f->h;
	ret->n_steps = ret->steps_room = f->step;
	ret->steps = need(malloc((f->step + 1) * sizeof(*ret->steps)));
	memcpy(ret->steps, f->h->steps, f->step * sizeof(*ret->steps));
	ret->objects = need(malloc(f->h->n_objects * sizeof(*ret->objects)));
	memcpy(ret->objects, f->h->objects, f->h->n_objects * sizeof(*ret->objects));
	ret->objects_room = f->h->n_objects;
	for (size_t i = 0; i < ret->n_objects; i++)
		ret->objects[i].ino = 0;
	ret->strings = NULL;
	ret->n_strings = 0;
}

static void
clone_clear(struct history *h)
{
	free(h->steps);
	free(h->objects);
	free(h->strings);
}

/* The frontier after a power cut (what there is, is durable), or with all pending. */
static void
go_on_from(const struct frontier *f, const struct history *h, const struct disk *state,
	   struct frontier *ret)
{
	*ret = (struct frontier){ .h = h, .step = f->step };
	disk_copy(&ret->durable, state ? state : &f->durable);
	if (state)
		return;
	ret->n_pending = ret->room = f->n_pending;
	ret->pending = need(malloc((f->n_pending + 1) * sizeof(*ret->pending)));
	memcpy(ret->pending, f->pending, f->n_pending * sizeof(*ret->pending));
}

/* Cut off the recovery of one object at each of its steps. */
static void
cut_recovery(struct explorer *e, const struct frontier *f, const struct disk *state,
	     size_t object, const struct image *image)
{
	struct history h;
	struct frontier next;

	clone(f, &h);
	record_recovery(e, &h, object, image);
	go_on_from(f, &h, state, &next);
	while (next.step < h.n_steps && !explore_over(e)) {
		size_t steps = f->step;
		struct frontier shown;
		frontier_step(&next);
		shown = next;
		shown.step = steps; /* no promise is newer */
		uint64_t before = e->n_judged;
		unsigned budget = e->budget;
		e->budget = budget < 4 ? budget : 4;
		e->cut_only = state != NULL;
		explore_frontier(e, &shown);
		e->cut_only = false;
		e->budget = budget;
		e->n_recovery_states += e->n_judged - before;
	}
	frontier_clear(&next);
	clone_clear(&h);
}

void
explore_recovery(struct explorer *e, const struct frontier *f, const struct disk *state)
{
	struct disk all;

	disk_copy(&all, state ? state : &f->durable);
	for (size_t i = 0; !state && i < f->n_pending; i++)
		disk_apply(&all, f->h, f->pending[i], PART_ALL, NULL);
	for (size_t i = 0; i < all.n_names; i++) {
		size_t object = all.names[i].object;
		if (object < all.n_images && !f->h->objects[object].folder &&
		    all.images[object].size)
			cut_recovery(e, f, state, object, &all.images[object]);
	}
	disk_clear(&all);
}
