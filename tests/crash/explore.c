/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The crash explorer.
 *
 *	explore begin SOURCE STATE LOG   make a log, with the trees as they are in front
 *	explore on|off LOG           let the recorder record, or not
 *	explore fail LOG N WITH WHAT let call number N fail, with an errno or "short"; WHAT is
 *	                             "source", "state", "lmdb" or "memory"
 *	explore failed LOG           tell how many calls there were, and whether it failed
 *	explore judge SOURCE LOG STATE CONFIG SCRATCH [MUTANT]
 *	                             make all states that the log allows, and open them;
 *	                             SOURCE is the tree that the log ends with
 *
 * In the environment: CRASH_BUDGET, CRASH_SUBSETS, CRASH_RECOVERY, CRASH_SEED; CRASH_JUDGE is a
 * program that judges instead of the marks.  Exit 1 when
 * a promise was broken; with MUTANT, 3 when that bug does not show in this log.
 */
#include "explore.h"
#include "mutant.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_OF_FILES "plaintext of file " /* act.c writes it into each block */

static void
die(const char *what)
{
	perror(what);
	exit(99);
}

static unsigned
number(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);

	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static struct crash_log *
open_log(const char *path, bool create)
{
	struct crash_log *log = crash_log_open(path, create);

	if (!log)
		die(path);
	return log;
}

/* Write an image into the log, as calls. */
static void
log_image(struct crash_log *log, uint64_t ino, const struct image *image)
{
	struct crash_record r = { .kind = CRASH_RESIZE,
				  .ino = ino,
				  .off = image->size };

	crash_log_add(log, &r, NULL, NULL, NULL, 0);
	r.kind = CRASH_WRITE;
	for (size_t i = 0; i < image->n; i++) {
		uint64_t off = image->items[i].index * IMAGE_PAGE;
		uint64_t left = image->size - off;
		r.off = off;
		crash_log_add(log, &r, NULL, NULL, image_page_bytes(image, i),
			      left < IMAGE_PAGE ? (size_t)left : IMAGE_PAGE);
	}
}

/* A tree as it is, as calls. */
static void
log_tree(struct crash_log *log, const char *root)
{
	struct history h;

	history_begin(&h, root);
	for (size_t i = 0; i < h.start.n_names; i++) {
		const struct name *n = &h.start.names[i];
		const struct object *o = &h.objects[n->object];
		struct crash_record r = { .ino = h.objects[n->folder].ino,
					  .ino2 = o->ino };
		bool again = false;
		for (size_t k = 0; k < i; k++)
			again |= h.start.names[k].object == n->object;
		r.kind = o->folder ? CRASH_MAKE_DIR : again ? CRASH_LINK : CRASH_MAKE;
		crash_log_add(log, &r, n->name, NULL, NULL, 0);
		if (!o->folder && !again)
			log_image(log, o->ino, &h.start.images[n->object]);
	}
	history_clear(&h);
}

/* What to tell calls on the state folder by. */
static void
know_state(struct crash_log *log, const char *state)
{
	struct history h;

	history_begin(&h, state);
	for (size_t i = 0; i < h.n_objects && i < CRASH_STATE_MAX; i++)
		log->state[i] = h.objects[i].ino;
	history_clear(&h);
}

static void
begin(const char *source, const char *state, const char *path)
{
	struct crash_log *log = open_log(path, true);
	struct crash_record done = { .kind = CRASH_SYNC_ALL };
	struct stat st;

	if (stat(source, &st) < 0)
		die(source);
	log->dev = st.st_dev;
	log_tree(log, source);
	log_tree(log, state);
	know_state(log, state);
	crash_log_add(log, &done, NULL, NULL, NULL, 0);
}

/* The history of a log, from an empty root. */
static void
read_history(const char *source, const struct crash_log *log, struct history *ret)
{
	struct stat st;

	if (stat(source, &st) < 0)
		die(source);
	*ret = (struct history){ 0 };
	ret->objects = need(calloc(1, sizeof(*ret->objects)));
	ret->objects[0] = (struct object){ st.st_ino, true };
	ret->n_objects = ret->objects_room = 1;
	history_add(ret, log);
}

enum part_of_tree {
	TREE_ALL,
	TREE_DATABASES /* what else a state folder has is mapped */
};

static bool
belongs(enum part_of_tree part, const char *name)
{
	size_t len = strlen(name);

	return part == TREE_ALL || (len > 4 && strcmp(name + len - 4, ".mdb") == 0);
}

/* All calls together make the tree that is there: nothing escaped the recorder. */
static bool
complete(const struct history *h, const char *source, enum part_of_tree part)
{
	struct frontier f;
	struct history now;
	bool same = true;

	frontier_begin(&f, h);
	for (size_t i = 0; i < h->n_steps; i++)
		disk_apply(&f.durable, h, i, PART_ALL, NULL);
	history_begin(&now, source);
	if (part == TREE_ALL && now.start.n_names != f.durable.n_names)
		same = false;
	for (size_t i = 0; i < now.start.n_names; i++) {
		const struct name *n = &now.start.names[i];
		size_t folder = 0;
		if (!belongs(part, n->name))
			continue;
		for (size_t k = 0; k < h->n_objects; k++)
			if (h->objects[k].ino == now.objects[n->folder].ino)
				folder = k;
		size_t object = disk_find(&f.durable, folder, n->name);
		if (object != NO_OBJECT &&
		    image_hash(&f.durable.images[object]) ==
			    image_hash(&now.start.images[n->object]))
			continue;
		(void)printf("# '%s' is not what its records say\n", n->name);
		same = false;
	}
	history_clear(&now);
	frontier_clear(&f);
	return same;
}

/* Where the program has begun: after the last thing it found. */
static size_t
first_step(const struct history *h)
{
	size_t first = h->n_steps;

	for (size_t i = 0; i < h->n_steps; i++)
		if (h->steps[i].record->kind == CRASH_HAS)
			first = i;
	if (first < h->n_steps)
		return first;
	for (size_t i = h->n_steps; i-- > 0;)
		if (h->steps[i].record->kind >= CRASH_HAS)
			first = i;
	return first;
}

static bool
plaintext_escapes(const struct history *h)
{
	for (size_t i = first_step(h); i < h->n_steps; i++) {
		const struct crash_record *r = h->steps[i].record;
		if (r->kind == CRASH_WILL_REVEAL)
			return false;
		if (r->kind == CRASH_WRITE && r->data_len &&
		    memmem(r->bytes + r->name_len + r->name2_len, r->data_len,
			   TEXT_OF_FILES, strlen(TEXT_OF_FILES)))
			return true;
	}
	return false;
}

static int
scratch_file(const char *folder)
{
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		die(folder);
	return fd;
}

static void
look_at(struct explorer *e, const struct frontier *f, struct seen *ret, size_t *ret_n)
{
	bool journal;

	*ret_n = 0;
	for (size_t i = 0; i < f->durable.n_names && *ret_n < SEEN_MAX; i++) {
		const struct name *n = &f->durable.names[i];
		if (f->h->objects[n->object].folder)
			continue;
		struct seen *s = &ret[*ret_n];
		disk_path(&f->durable, n, s->path);
		if (ftruncate(e->fds[0], 0) < 0)
			die("scratch");
		image_store(&f->durable.images[n->object], e->fds[0]);
		reader_look(e->reader, e->fds[0], s, &journal);
		++*ret_n;
	}
}

/* The labels at the beginning and at the end. */
static void
learn_labels(struct explorer *e)
{
	static struct seen before[SEEN_MAX], after[SEEN_MAX];
	size_t n_before = 0, n_after = 0, first = first_step(e->h);
	struct frontier f;

	frontier_begin(&f, e->h);
	for (size_t i = 0; i < e->h->n_steps; i++) {
		if (i == first)
			look_at(e, &f, before, &n_before);
		disk_apply(&f.durable, e->h, i, PART_ALL, NULL);
	}
	look_at(e, &f, after, &n_after);
	promises_labels(e->promises, before, n_before, after, n_after);
	frontier_clear(&f);
}

static void
explore_all(struct explorer *e)
{
	size_t first = first_step(e->h);
	struct frontier f;

	learn_labels(e);
	frontier_begin(&f, e->h);
	while (f.step < e->h->n_steps && !explore_over(e)) {
		frontier_step(&f);
		if (f.step <= first)
			continue;
		if (e->guard)
			guard_move(e->guard, e->h->steps[f.step - 1].record);
		explore_frontier(e, &f);
	}
	frontier_clear(&f);
}

static int
judge(char **argv, const char *mutant)
{
	struct crash_log *log = open_log(argv[1], false);
	const char *own = getenv(CRASH_LOG_ENV);
	struct history h, state;

	if (atomic_load(&log->overflow)) {
		(void)puts("# the log is too short");
		return 99;
	}
	read_history(argv[0], log, &h);
	read_history(argv[2], log, &state);
	/* The reader below changes the state: no second look is at what the log ends with. */
	if (!complete(&h, argv[0], TREE_ALL) || plaintext_escapes(&h) ||
	    (!mutant && !complete(&state, argv[2], TREE_DATABASES))) {
		(void)puts("# the record is not complete, or holds plaintext");
		return 2;
	}
	if (mutant && !mutate(&h, mutant))
		return 3;
	struct explorer e = {
		.reader = reader_open(argv[2], argv[3]),
		.h = &h,
		.promises = promises_make(&h),
		.guard = mutant ? NULL : guard_open(&state, argv[3], argv[4]),
		.log = own ? open_log(own, false) : NULL,
		.fds = { scratch_file(argv[4]), scratch_file(argv[4]) },
		.seed = number("CRASH_SEED", 1),
		.budget = number("CRASH_BUDGET", 8),
		.subsets_max = number("CRASH_SUBSETS", 4),
		.cut_recovery = own ? number("CRASH_RECOVERY", 64) : 0,
		.stop_at_first = mutant != NULL,
	};
	const char *program = getenv("CRASH_JUDGE");
	if (program)
		e.outside = outside_start(program, argv[4]);
	explore_all(&e);
	if (e.outside)
		outside_end(e.outside);
	(void)printf("%zu states, %llu judged, %llu recoveries cut off in %llu, "
		     "%llu violations, %zu steps\n",
		     e.states.n, (unsigned long long)e.n_judged,
		     (unsigned long long)e.n_recoveries,
		     (unsigned long long)e.n_recovery_states,
		     (unsigned long long)e.n_violations, h.n_steps);
	if (e.guard)
		guard_close(e.guard);
	reader_close(e.reader);
	promises_free(e.promises);
	history_clear(&h);
	history_clear(&state);
	return e.n_violations ? 1 : 0;
}

static unsigned
errno_of(const char *name)
{
	static const struct {
		const char *name;
		unsigned number;
	} all[] = {
		{ "EIO", EIO },       { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
		{ "ESTALE", ESTALE }, { "EINTR", EINTR },   { "short", CRASH_SHORT },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].number;
	die(name);
	return 0;
}

static unsigned
what_of(const char *name)
{
	static const char *const all[] = {
		[CRASH_FAIL_SOURCE] = "source",
		[CRASH_FAIL_STATE] = "state",
		[CRASH_FAIL_LMDB] = "lmdb",
		[CRASH_FAIL_MEMORY] = "memory",
	};

	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (strcmp(all[i], name) == 0)
			return i;
	die(name);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "begin") == 0) {
		begin(argv[2], argv[3], argv[4]);
		return 0;
	}
	if (argc == 3 && (strcmp(argv[1], "on") == 0 || strcmp(argv[1], "off") == 0)) {
		atomic_store(&open_log(argv[2], false)->on, argv[1][1] == 'n');
		return 0;
	}
	if (argc == 6 && strcmp(argv[1], "fail") == 0) {
		struct crash_log *log = open_log(argv[2], false);
		atomic_store(&log->fail_what, what_of(argv[5]));
		atomic_store(&log->counted, 0);
		atomic_store(&log->fail_errno, errno_of(argv[4]));
		atomic_store(&log->fail_at, (unsigned)strtoul(argv[3], NULL, 10));
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "failed") == 0) {
		struct crash_log *log = open_log(argv[2], false);
		(void)printf("%u %u\n", atomic_load(&log->counted),
			     atomic_load(&log->failed));
		return 0;
	}
	if (argc >= 7 && strcmp(argv[1], "judge") == 0)
		return judge(argv + 2, argc > 7 ? argv[7] : NULL);
	(void)fputs("usage: explore begin SOURCE STATE LOG | on LOG | off LOG |\n"
		    "       fail LOG N ERRNO WHAT | failed LOG |\n"
		    "       judge SOURCE LOG STATE CONFIG SCRATCH [MUTANT]\n",
		    stderr);
	return 99;
}
