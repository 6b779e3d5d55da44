/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mutant.h"

#include <stdlib.h>
#include <string.h>

/*
 * A settle, as calls on one file: what goes to its place stands between two syncs, the
 * second of which is followed by the cut that drops the journal.
 */
struct settle {
	size_t commit, copied, cut; /* steps: first sync, second sync, resize */
};

static bool
is_call(const struct history *h, size_t i, size_t object, enum crash_kind kind)
{
	const struct step *s = &h->steps[i];

	return s->record->kind == kind &&
	       (s->object == object || s->object == NO_OBJECT);
}

static bool
is_sync(const struct history *h, size_t i, size_t object)
{
	return is_call(h, i, object, CRASH_SYNC) ||
	       is_call(h, i, object, CRASH_SYNC_ALL);
}

/* The last call on an object before step `i` that is a sync; SIZE_MAX: none. */
static size_t
sync_before(const struct history *h, size_t i, size_t object)
{
	while (i-- > 0)
		if (is_sync(h, i, object))
			return i;
	return SIZE_MAX;
}

/* The next settle whose cut is at or after step `from`. */
static bool
find_settle(const struct history *h, size_t from, struct settle *ret)
{
	for (size_t i = from; i < h->n_steps; i++) {
		const struct step *s = &h->steps[i];
		if (s->record->kind != CRASH_RESIZE)
			continue;
		size_t copied = sync_before(h, i, s->object);
		size_t commit = copied == SIZE_MAX ? SIZE_MAX
						   : sync_before(h, copied, s->object);
		bool copies = false;
		for (size_t k = commit; commit != SIZE_MAX && k < copied; k++)
			copies |= is_call(h, k, s->object, CRASH_WRITE) &&
				  h->steps[k].record->off < s->record->off;
		if (!copies)
			continue;
		*ret = (struct settle){ commit, copied, i };
		return true;
	}
	return false;
}

/* Take step `from` out and put it in at `to`, which is before it. */
static void
move(struct history *h, size_t from, size_t to)
{
	struct step s = h->steps[from];

	memmove(h->steps + to + 1, h->steps + to, (from - to) * sizeof(s));
	h->steps[to] = s;
}

static void
leave_out(struct history *h, size_t i)
{
	memmove(h->steps + i, h->steps + i + 1,
		(h->n_steps - i - 1) * sizeof(*h->steps));
	h->n_steps--;
}

static bool
all_settles(struct history *h, void (*change)(struct history *, struct settle *))
{
	struct settle s = { .cut = 0 };
	bool any = false;

	while (find_settle(h, s.cut + 1, &s)) {
		change(h, &s);
		any = true;
	}
	return any;
}

/* Nothing is made durable before it is promised. */
static bool
no_commit_sync(struct history *h)
{
	bool any = false;

	for (size_t i = h->n_steps; i-- > 0;) {
		if (h->steps[i].record->kind != CRASH_SYNCED)
			continue;
		for (size_t k = i; k-- > 0 && h->steps[k].record->kind < CRASH_HAS;) {
			if (h->steps[k].record->kind != CRASH_SYNC)
				continue;
			leave_out(h, k);
			any = true;
			break;
		}
	}
	return any;
}

/* The journal is dropped before what it holds is durable in its place. */
static void
forget_copy_sync(struct history *h, struct settle *s)
{
	leave_out(h, s->copied);
	s->cut--;
}

static bool
no_settle_sync(struct history *h)
{
	return all_settles(h, forget_copy_sync);
}

/* What is in the journal goes to its place before the journal is durable. */
static void
apply_early(struct history *h, struct settle *s)
{
	size_t object = h->steps[s->cut].object, to = s->commit;

	for (size_t i = s->commit + 1; i < s->copied; i++)
		if (is_call(h, i, object, CRASH_WRITE))
			move(h, i, to++);
}

static bool
apply_before_commit(struct history *h)
{
	return all_settles(h, apply_early);
}

/* The header goes to its place before the journal is durable. */
static void
header_early(struct history *h, struct settle *s)
{
	size_t object = h->steps[s->cut].object, to = s->commit;

	for (size_t i = s->commit + 1; i < s->copied; i++)
		if (is_call(h, i, object, CRASH_WRITE) && h->steps[i].record->off == 0)
			move(h, i, to++);
}

static bool
header_first(struct history *h)
{
	return all_settles(h, header_early);
}

/* All goes to its place at once, and there is no journal. */
static void
in_place(struct history *h, struct settle *s)
{
	size_t object = h->steps[s->cut].object;
	uint64_t end = h->steps[s->cut].record->off;

	apply_early(h, s);
	for (size_t i = s->cut; i-- > 0;) {
		if (is_call(h, i, object, CRASH_RESIZE))
			return;
		if (!is_call(h, i, object, CRASH_WRITE) ||
		    h->steps[i].record->off < end)
			continue;
		leave_out(h, i);
		s->cut--;
	}
}

static bool
no_journal(struct history *h)
{
	return all_settles(h, in_place);
}

/* A folder's sync that does nothing. */
static bool
no_folder_sync(struct history *h)
{
	bool any = false;

	for (size_t i = h->n_steps; i-- > 0;) {
		const struct step *s = &h->steps[i];
		if (s->record->kind != CRASH_SYNC || !h->objects[s->object].folder)
			continue;
		leave_out(h, i);
		any = true;
	}
	return any;
}

static const struct {
	const char *name;
	bool (*change)(struct history *);
} all[] = {
	{ "no-commit-sync", no_commit_sync },
	{ "no-settle-sync", no_settle_sync },
	{ "apply-before-commit", apply_before_commit },
	{ "header-first", header_first },
	{ "no-journal", no_journal },
	{ "no-folder-sync", no_folder_sync },
};

bool
mutate(struct history *h, const char *name)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].change(h);
	return false;
}
