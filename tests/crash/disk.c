/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "disk.h"

#include <stdlib.h>
#include <string.h>

void
disk_copy(struct disk *to, const struct disk *from)
{
	*to = *from;
	to->images = need(calloc(from->n_images + 1, sizeof(*to->images)));
	for (size_t i = 0; i < from->n_images; i++)
		image_copy(&to->images[i], &from->images[i]);
	to->room = from->n_names + 4;
	to->names = need(malloc(to->room * sizeof(*to->names)));
	if (from->n_names)
		memcpy(to->names, from->names, from->n_names * sizeof(*to->names));
}

void
disk_clear(struct disk *d)
{
	for (size_t i = 0; i < d->n_images; i++)
		image_clear(&d->images[i]);
	free(d->images);
	free(d->names);
	*d = (struct disk){ 0 };
}

uint64_t
disk_hash(const struct disk *d)
{
	uint64_t h = 0;

	for (size_t i = 0; i < d->n_names; i++) {
		const struct name *n = &d->names[i];
		uint64_t one = mix(n->folder, 7);
		for (const char *c = n->name; *c; c++)
			one = mix(one, (unsigned char)*c);
		if (n->object < d->n_images)
			one = mix(one, image_hash(&d->images[n->object]));
		h += one; /* whatever the order */
	}
	return h;
}

static struct name *
entry(const struct disk *d, size_t folder, const char *name)
{
	for (size_t i = 0; i < d->n_names; i++)
		if (d->names[i].folder == folder && strcmp(d->names[i].name, name) == 0)
			return &d->names[i];
	return NULL;
}

size_t
disk_find(const struct disk *d, size_t folder, const char *name)
{
	const struct name *n = entry(d, folder, name);

	return n ? n->object : NO_OBJECT;
}

static const struct name *
name_of_folder(const struct disk *d, size_t folder)
{
	for (size_t i = 0; i < d->n_names; i++)
		if (d->names[i].object == folder)
			return &d->names[i];
	return NULL;
}

void
disk_path(const struct disk *d, const struct name *n, char ret[static CRASH_NAME_MAX])
{
	char path[CRASH_NAME_MAX] = "", longer[CRASH_NAME_MAX];

	for (unsigned depth = 0; n && depth < 16; depth++) {
		size_t room = sizeof(longer) - 2 - strlen(path);
		if (strlen(n->name) > room)
			break;
		(void)stpcpy(stpcpy(stpcpy(longer, n->name), *path ? "/" : ""), path);
		memcpy(path, longer, sizeof(path));
		if (n->folder == 0) {
			memcpy(ret, path, sizeof(path));
			return;
		}
		n = name_of_folder(d, n->folder);
	}
	ret[0] = '\0';
}

static void
set_name(struct disk *d, const struct naming *naming)
{
	struct name *n = entry(d, naming->folder, naming->name);

	if (n && naming->object == NO_OBJECT) {
		*n = d->names[--d->n_names];
		return;
	}
	if (n) {
		n->object = naming->object;
		return;
	}
	if (naming->object == NO_OBJECT)
		return;
	if (d->n_names == d->room) {
		d->room = d->room * 2 + 8;
		d->names = need(realloc(d->names, d->room * sizeof(*d->names)));
	}
	d->names[d->n_names++] =
		(struct name){ naming->folder, naming->object, naming->name };
}

/* Some pieces of a write, and the growth that goes with them. */
static void
write_some(struct image *image, const struct crash_record *r, size_t unit, bool head,
	   uint64_t *seed)
{
	const char *data = r->bytes + r->name_len + r->name2_len;
	uint64_t end = r->off + r->data_len, reached = 0;
	uint64_t odds = 1 + dice(seed) % 7,
		 first = dice(seed) % (r->data_len / unit + 1);

	for (uint64_t at = r->off, i = 0; at < end; i++) {
		uint64_t next = (at / unit + 1) * unit;
		next = next < end ? next : end;
		if (head ? i < first : dice(seed) % 8 < odds) {
			image_write(image, at, data + (at - r->off),
				    (size_t)(next - at));
			reached = next;
		}
		at = next;
	}
	if (dice(seed) % 4 == 0)
		reached = end;
	if (reached > image->size)
		image->size = reached;
}

static void
apply_write(struct image *image, const struct crash_record *r, enum part part,
	    uint64_t *seed)
{
	const char *data = r->bytes + r->name_len + r->name2_len;

	switch (part) {
	case PART_NONE:
		return;
	case PART_PAGES:
		write_some(image, r, IMAGE_PAGE, false, seed);
		break;
	case PART_SECTORS:
		write_some(image, r, 512, false, seed);
		break;
	case PART_HEAD:
		write_some(image, r, 512, true, seed);
		break;
	case PART_ALL:
		image_write(image, r->off, data, r->data_len);
		/* fall through */
	case PART_SIZE:
		if (r->off + r->data_len > image->size)
			image->size = r->off + r->data_len;
		break;
	}
	/* No bytes of a file are past its end. */
	uint64_t size = image->size;
	image->size = UINT64_MAX;
	image_resize(image, size);
}

void
disk_apply(struct disk *d, const struct history *h, size_t step, enum part part,
	   uint64_t *seed)
{
	const struct step *s = &h->steps[step];

	if (part == PART_NONE)
		return;
	for (unsigned i = 0; i < s->n_names; i++)
		set_name(d, &s->names[i]);
	if (s->n_names || s->object == NO_OBJECT)
		return;
	struct image *image = &d->images[s->object];
	switch (s->record->kind) {
	case CRASH_WRITE:
		apply_write(image, s->record, part, seed);
		break;
	case CRASH_RESIZE:
		image_resize(image, s->record->off);
		break;
	case CRASH_PUNCH:
		image_punch(image, s->record->off, s->record->size);
		break;
	default:
		break;
	}
}

void
frontier_begin(struct frontier *f, const struct history *h)
{
	*f = (struct frontier){ .h = h };
	disk_copy(&f->durable, &h->start);
	/* Those that come later. */
	f->durable.images = need(realloc(
		f->durable.images, (h->n_objects + 1) * sizeof(*f->durable.images)));
	for (size_t i = f->durable.n_images; i < h->n_objects; i++)
		f->durable.images[i] = (struct image){ 0 };
	f->durable.n_images = h->n_objects;
}

static bool
concerns(const struct step *s, size_t object)
{
	if (object == NO_OBJECT) /* all */
		return true;
	if (s->n_names == 0)
		return s->object == object;
	for (unsigned i = 0; i < s->n_names; i++)
		if (s->names[i].folder == object)
			return true;
	return false;
}

static void
make_durable(struct frontier *f, size_t object)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n_pending; i++) {
		size_t step = f->pending[i];
		if (concerns(&f->h->steps[step], object))
			disk_apply(&f->durable, f->h, step, PART_ALL, NULL);
		else
			f->pending[kept++] = step;
	}
	f->n_pending = kept;
}

/* Pages that could not be written are forgotten: what was done to its bytes is lost. */
static void
forget(struct frontier *f, size_t object)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->n_pending; i++)
		if (f->h->steps[f->pending[i]].n_names ||
		    f->h->steps[f->pending[i]].object != object)
			f->pending[kept++] = f->pending[i];
	f->n_pending = kept;
	f->forgot = true;
}

void
frontier_step(struct frontier *f)
{
	size_t step = f->step++;
	const struct step *s = &f->h->steps[step];

	if (s->record->kind >= CRASH_HAS)
		return;
	if (s->record->kind == CRASH_SYNC || s->record->kind == CRASH_SYNC_ALL) {
		make_durable(f, s->record->kind == CRASH_SYNC ? s->object : NO_OBJECT);
		return;
	}
	if (s->record->kind == CRASH_SYNC_FAILED) {
		forget(f, s->object);
		return;
	}
	if (f->n_pending == f->room) {
		f->room = f->room * 2 + 64;
		f->pending = need(realloc(f->pending, f->room * sizeof(*f->pending)));
	}
	f->pending[f->n_pending++] = step;
}

void
frontier_clear(struct frontier *f)
{
	disk_clear(&f->durable);
	free(f->pending);
}
