/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One state: put into files, opened by the reader, compared with what was promised. */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool
hashes_add(struct hashes *s, uint64_t hash)
{
	if (s->n * 2 >= s->room) {
		struct hashes more = { .room = s->room ? s->room * 2 : 4096 };
		more.slots = need(calloc(more.room, sizeof(*more.slots)));
		for (size_t i = 0; i < s->room; i++)
			if (s->slots[i])
				(void)hashes_add(&more, s->slots[i]);
		free(s->slots);
		*s = more;
	}
	hash |= hash == 0;
	for (size_t i = hash % s->room;; i = (i + 1) % s->room) {
		if (s->slots[i] == hash)
			return false;
		if (s->slots[i])
			continue;
		s->slots[i] = hash;
		s->n++;
		return true;
	}
}

static void
put(int fd, const struct image *image)
{
	if (ftruncate(fd, 0) < 0) {
		perror("cannot empty a state");
		exit(99);
	}
	image_store(image, fd);
}

static void
remember(struct memory *m, const struct seen *s, uint64_t hash)
{
	m->hash = hash;
	m->valid = true;
	m->data = need(realloc(m->data, (size_t)s->size + 1));
	if (s->size)
		memcpy(m->data, s->data, (size_t)s->size);
	m->data[s->size] = '\0';
	if (!s->readable)
		(void)snprintf(m->why, sizeof(m->why), "%.250s", s->why);
	m->seen = *s;
	m->seen.data = m->data;
	m->seen.why = m->why;
}

/* What a recovery leaves is what was seen before it. */
static bool
same_after_recovery(struct explorer *e, const struct memory *m, char why[static 512])
{
	struct seen again = { .readable = false };
	bool journal;

	if (!reader_check(e->reader, e->fds[0], why) ||
	    !reader_attach_keyless(e->fds[0], why))
		return false;
	reader_recover_keyed(e->reader, e->fds[0]);
	if (!reader_check(e->reader, e->fds[0], why))
		return false;
	reader_look(e->reader, e->fds[0], &again, &journal);
	if (!again.readable) {
		(void)snprintf(why, 512, "unreadable after recovery: %.300s",
			       again.why);
		return false;
	}
	if (again.size == m->seen.size &&
	    memcmp(again.data, m->data, (size_t)again.size) == 0 &&
	    memcmp(again.label, m->seen.label, sizeof(again.label)) == 0)
		return true;
	(void)snprintf(why, 512, "recovery changed what is read");
	return false;
}

/* Look at an object's image, unless it is the one that was looked at before. */
static bool
look(struct explorer *e, size_t object, const struct image *image, char why[static 512])
{
	struct memory *m = &e->memory[object];
	struct seen s = { .readable = false };
	uint64_t hash = image_hash(image);
	bool journal;

	if (m->valid && m->hash == hash)
		return true;
	put(e->fds[0], image);
	reader_look(e->reader, e->fds[0], &s, &journal);
	remember(m, &s, hash);
	if (!s.readable || s.size == 0 || s.sequence == 0)
		return true;
	bool ok = true;
	if (journal || dice(&e->seed) % 8 == 0)
		ok = same_after_recovery(e, m, why);
	if (ok && dice(&e->seed) % 8 == 0)
		ok = reader_go_on(e->reader, e->fds[0], why);
	m->valid = ok; /* or it would be seen once only */
	return ok;
}

static void
memory_room(struct explorer *e, size_t n)
{
	if (n <= e->n_memory)
		return;
	e->memory = need(realloc(e->memory, n * sizeof(*e->memory)));
	for (; e->n_memory < n; e->n_memory++)
		e->memory[e->n_memory] = (struct memory){ .valid = false };
}

/* Look at what a name leads to, in *ret. */
static bool
look_at(struct explorer *e, const struct disk *d, const struct name *n,
	struct seen *ret, char why[static 512])
{
	char path[CRASH_NAME_MAX], reason[512] = "";

	disk_path(d, n, path);
	bool ok = look(e, n->object, &d->images[n->object], reason);
	*ret = e->memory[n->object].seen;
	memcpy(ret->path, path, sizeof(path));
	if (ok && e->guard && ret->sequence)
		ok = guard_allows(e->guard, ret->file_id, ret->sequence, reason);
	if (!ok)
		(void)snprintf(why, 512, "'%.100s': %.350s", path, reason);
	return ok;
}

static bool
look_at_all(struct explorer *e, const struct disk *d, struct seen *seen, size_t *ret_n,
	    char why[static 512])
{
	memory_room(e, d->n_images);
	for (size_t i = 0; i < d->n_names; i++) {
		size_t object = d->names[i].object;
		if (object >= d->n_images || e->h->objects[object].folder)
			continue;
		if (*ret_n == SEEN_MAX) {
			(void)snprintf(why, 512, "too many files");
			return false;
		}
		if (!look_at(e, d, &d->names[i], &seen[*ret_n], why))
			return false;
		*ret_n += seen[*ret_n].path[0] != '\0';
	}
	return true;
}

static bool
judge(struct explorer *e, size_t steps, enum power power, const struct seen *seen,
      size_t n, char why[static 512])
{
	uint64_t floor, ceiling;

	if (!e->outside)
		return promises_kept(e->promises, steps, power, seen, n, why);
	(void)promises_commits(e->promises, steps, &floor, &ceiling);
	return outside_agrees(e->outside, seen, n, floor, ceiling, why);
}

bool
explore_over(const struct explorer *e)
{
	return e->n_violations && e->stop_at_first;
}

bool
explore_state(struct explorer *e, const struct disk *d, size_t steps, enum power power,
	      const char *how)
{
	static struct seen seen[SEEN_MAX];
	uint64_t hash = disk_hash(d), guard = e->guard ? guard_key(e->guard) : 0;
	char why[512] = "";
	size_t n = 0;

	(void)hashes_add(&e->states, hash);
	if (!hashes_add(&e->judged,
			mix(mix(mix(hash, guard), promises_key(e->promises, steps)),
			    power)))
		return true;
	e->n_judged++;
	if (look_at_all(e, d, seen, &n, why) && judge(e, steps, power, seen, n, why))
		return true;
	e->n_violations++;
	if (e->n_violations <= 5)
		(void)printf("# violation at step %zu (%s): %s\n", steps, how, why);
	return false;
}
