/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "promise.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK     4096u
#define FILES_MAX 256u
#define NO_FILE   UINT64_MAX

/* Content of a file from a step on. */
struct version {
	size_t step;
	uint8_t *data;
	uint64_t size;
};

/* From a step on, this version or a newer one is promised. */
struct floor {
	size_t step, version;
	enum power power;
};

struct file {
	struct version *versions;
	struct floor *floors;
	size_t n_versions, n_floors;
	size_t will_label, labelled; /* steps, 0: none */
	uint8_t old_label[16], new_label[16];
	bool labels_known;
};

/* All names from a step on; every name there ever is has a binding. */
struct names {
	size_t step;
	uint64_t *files; /* by path */
};

struct commit {
	size_t step;
	uint64_t number;
	bool done;
};

struct promises {
	struct file files[FILES_MAX];
	char **paths;
	struct names *names;
	struct floor *floors; /* of names */
	size_t n_paths, n_names, n_floors;
	struct commit *commits;
	size_t n_commits;
};

#define GROW(array, n) ((array) = need(realloc((array), ((n) + 1) * sizeof(*(array)))))

static struct file *
file_of(struct promises *p, uint64_t number)
{
	if (number >= FILES_MAX) {
		(void)fprintf(stderr, "file %llu is none\n",
			      (unsigned long long)number);
		exit(99);
	}
	return &p->files[number];
}

/* A new version, like the newest, of this size. */
static struct version *
version_add(struct file *f, size_t step, uint64_t size)
{
	struct version v = { .step = step,
			     .size = size,
			     .data = need(calloc(1, size + 1)) };

	if (f->n_versions) {
		const struct version *last = &f->versions[f->n_versions - 1];
		memcpy(v.data, last->data, last->size < size ? last->size : size);
	}
	GROW(f->versions, f->n_versions);
	f->versions[f->n_versions] = v;
	return &f->versions[f->n_versions++];
}

static uint64_t
newest_size(const struct file *f)
{
	return f->n_versions ? f->versions[f->n_versions - 1].size : 0;
}

static void
will_write(struct file *f, size_t step, const struct crash_record *r)
{
	uint64_t end = r->size + r->data_len, size = newest_size(f);
	struct version *v = version_add(f, step, end > size ? end : size);

	memcpy(v->data + r->size, r->bytes + r->name_len, r->data_len);
}

static void
will_punch(struct file *f, size_t step, const struct crash_record *r)
{
	struct version *v = version_add(f, step, newest_size(f));
	uint64_t end = r->ino + r->size < v->size ? r->ino + r->size : v->size;

	if (r->ino < end)
		memset(v->data + r->ino, 0, (size_t)(end - r->ino));
}

static void
floor_add(struct floor **floors, size_t *n, size_t step, size_t version,
	  enum power power)
{
	GROW(*floors, *n);
	(*floors)[(*n)++] = (struct floor){ step, version, power };
}

static size_t
path_number(struct promises *p, const char *path, size_t len)
{
	for (size_t i = 0; i < p->n_paths; i++)
		if (strlen(p->paths[i]) == len && memcmp(p->paths[i], path, len) == 0)
			return i;
	GROW(p->paths, p->n_paths);
	p->paths[p->n_paths] = need(strndup(path, len));
	for (size_t i = 0; i < p->n_names; i++) {
		p->names[i].files = need(realloc(p->names[i].files,
						 (p->n_paths + 1) * sizeof(uint64_t)));
		p->names[i].files[p->n_paths] = NO_FILE;
	}
	return p->n_paths++;
}

/* Names like the newest ones. */
static uint64_t *
names_add(struct promises *p, size_t step)
{
	uint64_t *files = need(malloc((p->n_paths + 1) * sizeof(*files)));

	for (size_t i = 0; i < p->n_paths; i++)
		files[i] = p->n_names ? p->names[p->n_names - 1].files[i] : NO_FILE;
	GROW(p->names, p->n_names);
	p->names[p->n_names++] = (struct names){ step, files };
	return files;
}

static void
name_change(struct promises *p, size_t step, const struct crash_record *r)
{
	size_t a = path_number(p, r->bytes, r->name_len);
	size_t b = path_number(p, r->bytes + r->name_len, r->name2_len);
	uint64_t *files = names_add(p, step);

	switch (r->kind) {
	case CRASH_WILL_RENAME:
		files[b] = files[a];
		files[a] = NO_FILE;
		break;
	case CRASH_WILL_EXCHANGE: {
		uint64_t was = files[b];
		files[b] = files[a];
		files[a] = was;
		break;
	}
	case CRASH_WILL_LINK:
		files[b] = files[a];
		break;
	case CRASH_WILL_UNLINK:
		files[a] = NO_FILE;
		break;
	default: /* HAS, WILL_MAKE */
		files[a] = r->off;
		break;
	}
}

static void
has(struct promises *p, size_t step, const struct crash_record *r)
{
	struct file *f = file_of(p, r->off);
	struct version *v = version_add(f, 0, r->data_len);

	memcpy(v->data, r->bytes + r->name_len, r->data_len);
	name_change(p, 0, r);
	floor_add(&f->floors, &f->n_floors, step, 0, POWER_CUT);
	floor_add(&p->floors, &p->n_floors, step, p->n_names - 1, POWER_CUT);
}

/* The first change alone has another label than before. */
static void
note_step(size_t *at, size_t step)
{
	if (*at == 0)
		*at = step;
}

static void
mark(struct promises *p, size_t step, const struct crash_record *r)
{
	switch (r->kind) {
	case CRASH_HAS:
		has(p, step, r);
		return;
	case CRASH_WILL_MAKE:
		(void)version_add(file_of(p, r->off), step, 0);
		if (r->name_len)
			name_change(p, step, r);
		return;
	case CRASH_WILL_NAME:
	case CRASH_WILL_RENAME:
	case CRASH_WILL_EXCHANGE:
	case CRASH_WILL_LINK:
	case CRASH_WILL_UNLINK:
		name_change(p, step, r);
		return;
	case CRASH_WILL_WRITE:
		will_write(file_of(p, r->off), step, r);
		return;
	case CRASH_WILL_RESIZE:
		(void)version_add(file_of(p, r->off), step, r->size);
		return;
	case CRASH_WILL_PUNCH:
		will_punch(file_of(p, r->off), step, r);
		return;
	case CRASH_WILL_LABEL:
		note_step(&file_of(p, r->off)->will_label, step);
		return;
	case CRASH_LABELLED:
		note_step(&file_of(p, r->off)->labelled, step);
		return;
	case CRASH_CLOSED:
	case CRASH_SYNCED: {
		struct file *f = file_of(p, r->off);
		floor_add(&f->floors, &f->n_floors, step, f->n_versions - 1,
			  r->kind == CRASH_SYNCED ? POWER_CUT : POWER_KEPT);
		return;
	}
	case CRASH_WILL_COMMIT:
	case CRASH_COMMITTED:
		GROW(p->commits, p->n_commits);
		p->commits[p->n_commits++] =
			(struct commit){ step, r->off, r->kind == CRASH_COMMITTED };
		return;
	case CRASH_DONE:
	case CRASH_NAMES_SYNCED:
		if (p->n_names)
			floor_add(&p->floors, &p->n_floors, step, p->n_names - 1,
				  r->kind == CRASH_DONE ? POWER_KEPT : POWER_CUT);
		return;
	default:
		return;
	}
}

struct promises *
promises_make(const struct history *h)
{
	struct promises *p = need(calloc(1, sizeof(*p)));

	(void)names_add(p, 0);
	for (size_t i = 0; i < h->n_steps; i++)
		if (h->steps[i].record->kind >= CRASH_HAS)
			mark(p, i + 1, h->steps[i].record);
	return p;
}

void
promises_free(struct promises *p)
{
	for (size_t i = 0; i < FILES_MAX; i++) {
		for (size_t v = 0; v < p->files[i].n_versions; v++)
			free(p->files[i].versions[v].data);
		free(p->files[i].versions);
		free(p->files[i].floors);
	}
	for (size_t i = 0; i < p->n_paths; i++)
		free(p->paths[i]);
	for (size_t i = 0; i < p->n_names; i++)
		free(p->names[i].files);
	free(p->commits);
	free(p->paths);
	free(p->names);
	free(p->floors);
	free(p);
}

/* A version of which something is promised; false: nothing is. */
static bool
floor_at(const struct floor *floors, size_t n, size_t steps, enum power power,
	 size_t *ret)
{
	bool found = false;

	*ret = 0;
	for (size_t i = 0; i < n && floors[i].step <= steps; i++) {
		if (floors[i].power > power || floors[i].version < *ret)
			continue;
		*ret = floors[i].version;
		found = true;
	}
	return found;
}

/* The version of the newest that was asked for. */
static size_t
ceiling(const struct file *f, size_t steps)
{
	size_t i = f->n_versions - 1;

	while (i > 0 && f->versions[i].step > steps)
		i--;
	return i;
}

static size_t
names_ceiling(const struct promises *p, size_t steps)
{
	size_t i = p->n_names - 1;

	while (i > 0 && p->names[i].step > steps)
		i--;
	return i;
}

uint64_t
promises_key(const struct promises *p, size_t steps)
{
	uint64_t key = 0;
	size_t cut, kept;

	for (size_t i = 0; i < FILES_MAX; i++) {
		const struct file *f = &p->files[i];
		if (f->n_versions == 0 || f->versions[0].step > steps)
			continue;
		(void)floor_at(f->floors, f->n_floors, steps, POWER_CUT, &cut);
		(void)floor_at(f->floors, f->n_floors, steps, POWER_KEPT, &kept);
		key = mix(mix(mix(key, cut), kept), ceiling(f, steps));
		key = mix(key, (f->will_label <= steps) + 2u * (f->labelled <= steps));
	}
	(void)floor_at(p->floors, p->n_floors, steps, POWER_CUT, &cut);
	(void)floor_at(p->floors, p->n_floors, steps, POWER_KEPT, &kept);
	uint64_t from, to;
	(void)promises_commits(p, steps, &from, &to);
	key = mix(mix(key, from), to);
	return mix(mix(mix(key, cut), kept), p->n_names ? names_ceiling(p, steps) : 0);
}

bool
promises_commits(const struct promises *p, size_t steps, uint64_t *ret_floor,
		 uint64_t *ret_ceiling)
{
	*ret_floor = *ret_ceiling = 0;
	for (size_t i = 0; i < p->n_commits && p->commits[i].step <= steps; i++)
		*(p->commits[i].done ? ret_floor : ret_ceiling) = p->commits[i].number;
	return p->n_commits > 0;
}

struct range {
	size_t from, to; /* versions */
	bool born;       /* something of it is promised */
};

static struct range
range_of(const struct file *f, size_t steps, enum power power)
{
	struct range r = { .to = ceiling(f, steps) };

	r.born = floor_at(f->floors, f->n_floors, steps, power, &r.from);
	return r;
}

/* A size of a version, or of one that was being written. */
static bool
size_known(const struct file *f, const struct range *r, uint64_t size)
{
	for (size_t i = r->from; i <= r->to; i++) {
		if (f->versions[i].size == size)
			return true;
		if (i > r->from && size % BLOCK == 0 && f->versions[i].size > size &&
		    f->versions[i - 1].size < size)
			return true;
	}
	return false;
}

static bool
block_is(const struct version *v, uint64_t off, const uint8_t *data, size_t len)
{
	static const uint8_t zeros[BLOCK];
	size_t have = off >= v->size        ? 0
		      : v->size - off < len ? (size_t)(v->size - off)
					    : len;

	return (have == 0 || memcmp(v->data + off, data, have) == 0) &&
	       memcmp(zeros, data + have, len - have) == 0;
}

static bool
content_kept(const struct file *f, const struct range *r, const struct seen *s,
	     char why[static 512])
{
	if (!size_known(f, r, s->size)) {
		(void)snprintf(
			why, 512,
			"'%.100s' has %llu bytes, which is the size of no version "
			"from %zu (%llu) to %zu (%llu)",
			s->path, (unsigned long long)s->size, r->from,
			(unsigned long long)f->versions[r->from].size, r->to,
			(unsigned long long)f->versions[r->to].size);
		return false;
	}
	for (uint64_t off = 0; off < s->size; off += BLOCK) {
		size_t len = s->size - off < BLOCK ? (size_t)(s->size - off) : BLOCK;
		size_t i = r->from;
		while (i <= r->to &&
		       !block_is(&f->versions[i], off, s->data + off, len))
			i++;
		if (i <= r->to)
			continue;
		(void)snprintf(
			why, 512,
			"'%.100s' at %llu is of no version from %zu to %zu: %.20s",
			s->path, (unsigned long long)off, r->from, r->to,
			s->data[off] ? (const char *)s->data + off : "(zeros)");
		return false;
	}
	return true;
}

static bool
label_kept(const struct file *f, size_t steps, const struct seen *s,
	   char why[static 512])
{
	bool may_be_new = f->will_label && f->will_label <= steps;
	bool must_be_new = f->labelled && f->labelled <= steps;

	if (!f->labels_known ||
	    (!must_be_new && memcmp(s->label, f->old_label, 16) == 0) ||
	    (may_be_new && memcmp(s->label, f->new_label, 16) == 0))
		return true;
	(void)snprintf(why, 512, "'%.100s' has a label that it should not have",
		       s->path);
	return false;
}

/* May this be that file? */
static bool
file_kept(const struct promises *p, uint64_t number, size_t steps, enum power power,
	  const struct seen *s, char why[static 512])
{
	const struct file *f = &p->files[number];
	struct range r = range_of(f, steps, power);

	if (!s->readable) {
		/* Nothing of it was ever promised: what is there need not be whole. */
		if (!r.born)
			return true;
		(void)snprintf(why, 512, "'%.100s' is unreadable: %.300s", s->path,
			       s->why);
		return false;
	}
	if (!content_kept(f, &r, s, why))
		return false;
	return s->size == 0 || !r.born || label_kept(f, steps, s, why);
}

static const struct seen *
seen_at(const struct seen *seen, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(seen[i].path, path) == 0)
			return &seen[i];
	return NULL;
}

/* What is, or is not, at a path may be one of the files it led to. */
static bool
name_kept(const struct promises *p, size_t path, size_t steps, enum power power,
	  const struct seen *s, char why[static 512])
{
	size_t from, to = names_ceiling(p, steps);

	(void)floor_at(p->floors, p->n_floors, steps, power, &from);
	(void)snprintf(why, 512,
		       s ? "'%.100s' should not be there" : "'%.100s' is lost",
		       p->paths[path]);
	for (size_t i = to + 1; i-- > from;) {
		uint64_t number = p->names[i].files[path];
		if (number == NO_FILE ? !s
				      : s && file_kept(p, number, steps, power, s, why))
			return true;
	}
	return false;
}

/*
 * A file that had a name in all states since the promise has one.  (Of two changes the kernel
 * may keep either.)
 */
static bool
has_a_name(const struct promises *p, uint64_t number, size_t steps, enum power power,
	   const struct seen *seen, size_t n_seen)
{
	size_t from, to = names_ceiling(p, steps);
	bool found = false;
	char why[512];

	(void)floor_at(p->floors, p->n_floors, steps, power, &from);
	if (to - from > 1)
		return true;
	for (size_t i = from; i <= to; i++) {
		bool named = false;
		for (size_t k = 0; k < p->n_paths; k++) {
			if (p->names[i].files[k] != number)
				continue;
			named = true;
			const struct seen *s = seen_at(seen, n_seen, p->paths[k]);
			found |= s && file_kept(p, number, steps, power, s, why);
		}
		if (!named)
			return true;
	}
	return found;
}

static bool
temporary(const char *path)
{
	const char *slash = strrchr(path, '/');

	const char *name = slash ? slash + 1 : path;
	return strncmp(name, ".marque", 7) == 0 || strncmp(name, ".crash", 6) == 0;
}

bool
promises_kept(const struct promises *p, size_t steps, enum power power,
	      const struct seen *seen, size_t n_seen, char why[static 512])
{
	for (size_t i = 0; i < p->n_paths; i++)
		if (!name_kept(p, i, steps, power, seen_at(seen, n_seen, p->paths[i]),
			       why))
			return false;
	for (uint64_t i = 0; i < FILES_MAX && p->n_names; i++) {
		const struct file *f = &p->files[i];
		if (f->n_versions && f->versions[0].step <= steps &&
		    !has_a_name(p, i, steps, power, seen, n_seen)) {
			(void)snprintf(why, 512, "file %llu has no name",
				       (unsigned long long)i);
			return false;
		}
	}
	for (size_t i = 0; i < n_seen; i++) {
		size_t k = 0;
		while (k < p->n_paths && strcmp(p->paths[k], seen[i].path) != 0)
			k++;
		if (k == p->n_paths && !temporary(seen[i].path)) {
			(void)snprintf(why, 512, "nobody made '%.100s'", seen[i].path);
			return false;
		}
	}
	return true;
}

void
promises_labels(struct promises *p, const struct seen *before, size_t n_before,
		const struct seen *after, size_t n_after)
{
	const struct names *last = &p->names[p->n_names - 1];
	const struct names *first = &p->names[names_ceiling(p, 0)];

	for (size_t i = 0; i < p->n_paths; i++) {
		uint64_t number = last->files[i];
		const struct seen *a = seen_at(before, n_before, p->paths[i]);
		const struct seen *b = seen_at(after, n_after, p->paths[i]);
		if (number == NO_FILE || !a || !b || first->files[i] != number)
			continue;
		struct file *f = &p->files[number];
		memcpy(f->old_label, a->label, 16);
		memcpy(f->new_label, b->label, 16);
		f->labels_known = true;
	}
}
