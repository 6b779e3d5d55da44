/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "core/lineage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct entry {
	struct mrq_process process;
	uint64_t when; /* clock ticks since boot, as start times are */
	struct mrq_mark mark;
};

struct mrq_lineage {
	pthread_mutex_t lock;
	struct entry entries[MRQ_LINEAGE_MAX]; /* guarded by lock; a ring */
	size_t next;                           /* guarded by lock */
	atomic_size_t used;
};

static uint64_t
ticks_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_BOOTTIME, &ts);
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	return (uint64_t)ts.tv_sec * hz + (uint64_t)ts.tv_nsec * hz / 1000000000u;
}

enum mrq_status
mrq_lineage_new(struct mrq_lineage **ret, struct mrq_error *err)
{
	struct mrq_lineage *l = calloc(1, sizeof(*l));
	if (!l)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no memory for the marks of processes");
	pthread_mutex_init(&l->lock, NULL);
	*ret = l;
	return MRQ_OK;
}

void
mrq_lineage_free(struct mrq_lineage *l)
{
	if (!l)
		return;
	pthread_mutex_destroy(&l->lock);
	free(l);
}

bool
mrq_lineage_empty(struct mrq_lineage *l)
{
	return atomic_load_explicit(&l->used, memory_order_relaxed) == 0;
}

static bool
same_process(const struct mrq_process *a, const struct mrq_process *b)
{
	return a->tgid == b->tgid && a->start == b->start;
}

void
mrq_lineage_note(struct mrq_lineage *l, const struct mrq_process *process,
		 const struct mrq_mark *mark)
{
	if (process->tgid <= 0)
		return;
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &l->lock;
	pthread_mutex_lock(held);
	size_t used = atomic_load(&l->used);
	for (size_t i = 0; i < used; i++) {
		struct entry *e = &l->entries[i];
		if (same_process(&e->process, process)) {
			if (mark->rank > e->mark.rank) {
				e->mark = *mark;
				e->when = ticks_now();
			}
			return;
		}
	}
	l->entries[l->next] = (struct entry){ *process, ticks_now(), *mark };
	l->next = (l->next + 1) % MRQ_LINEAGE_MAX;
	if (used < MRQ_LINEAGE_MAX)
		atomic_store(&l->used, used + 1);
}

void
mrq_ancestry_load(const struct mrq_process *process, struct mrq_ancestry *ret)
{
	struct mrq_process *line = ret->line;
	size_t n = 0;
	line[n++] = *process;
	while (n < MRQ_ANCESTORS_MAX && line[n - 1].parent > 1) {
		if (!mrq_process_load(line[n - 1].parent, &line[n]) ||
		    line[n].start > line[n - 1].start)
			break; /* gone, or its pid was taken by a younger one */
		n++;
	}
	ret->n = n;
}

static bool
pipeline(const struct mrq_process *reader, const struct mrq_process *writer)
{
	return reader->group > 0 && reader->group == writer->group &&
	       (writer->parent <= 1 || mrq_process_piped(writer->tgid));
}

bool
mrq_lineage_reaches(const struct mrq_ancestry *reader, const struct mrq_process *writer)
{
	for (size_t i = 0; i < reader->n; i++) {
		if (same_process(&reader->line[i], writer))
			return true;
	}
	return pipeline(&reader->line[0], writer);
}

bool
mrq_lineage_mark(struct mrq_lineage *l, const struct mrq_process *process,
		 struct mrq_mark *ret)
{
	if (mrq_lineage_empty(l) || process->tgid <= 0)
		return false;
	struct mrq_ancestry ancestry;
	mrq_ancestry_load(process, &ancestry);
	const struct mrq_process *line = ancestry.line;
	size_t n = ancestry.n;
	int piped = -1; /* not asked yet */
	bool found = false;
	pthread_mutex_t *held MRQ_CLEANUP(pthread_mutex_unlock) = &l->lock;
	pthread_mutex_lock(held);
	size_t used = atomic_load(&l->used);
	for (size_t i = 0; i < used; i++) {
		const struct entry *e = &l->entries[i];
		if (found && e->mark.rank <= ret->rank)
			continue;
		bool reached = false;
		for (size_t k = 0; k < n && !reached; k++)
			/* by (1) itself, by (2) a child made after the reading */
			reached = same_process(&e->process, &line[k]) &&
				  (k == 0 || line[k - 1].start >= e->when);
		if (!reached && e->process.group > 0 &&
		    e->process.group == process->group) {
			if (piped < 0)
				piped = process->parent <= 1 ||
					mrq_process_piped(process->tgid);
			reached = piped;
		}
		if (reached) {
			*ret = e->mark;
			found = true;
		}
	}
	return found;
}
