/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a tree and a log to a history. */
#include "disk.h"

#include <sys/stat.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *
keep(struct history *h, const char *text, size_t len)
{
	char *copy = need(strndup(text, len));

	h->strings = need(realloc(h->strings, (h->n_strings + 1) * sizeof(char *)));
	h->strings[h->n_strings++] = copy;
	return copy;
}

static size_t
object_new(struct history *h, uint64_t ino, bool folder)
{
	if (h->n_objects == h->objects_room) {
		h->objects_room = h->objects_room * 2 + 16;
		h->objects = need(
			realloc(h->objects, h->objects_room * sizeof(*h->objects)));
	}
	h->objects[h->n_objects] = (struct object){ ino, folder };
	return h->n_objects++;
}

/* The newest with this number: an older one is gone. */
static size_t
object_of(const struct history *h, uint64_t ino)
{
	for (size_t i = h->n_objects; i-- > 0;)
		if (h->objects[i].ino == ino)
			return i;
	return NO_OBJECT;
}

static void
start_name(struct history *h, size_t folder, const char *name, size_t object)
{
	struct disk *d = &h->start;

	d->names = need(realloc(d->names, (d->n_names + 1) * sizeof(*d->names)));
	d->names[d->n_names++] =
		(struct name){ folder, object, keep(h, name, strlen(name)) };
}

static void
load_image(struct history *h, size_t object, int dirfd, const char *name)
{
	struct disk *d = &h->start;

	d->images = need(realloc(d->images, h->n_objects * sizeof(*d->images)));
	for (; d->n_images < h->n_objects; d->n_images++)
		d->images[d->n_images] = (struct image){ 0 };
	if (h->objects[object].folder)
		return;
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		perror(name);
		exit(99);
	}
	image_load(&d->images[object], fd);
	(void)close(fd);
}

static void
walk(struct history *h, size_t folder, int fd)
{
	DIR *dir = need(fdopendir(fd));
	const struct dirent *e;
	struct stat st;

	while ((e = readdir(dir))) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 ||
		    fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
			continue;
		size_t object = object_of(h, st.st_ino);
		if (object == NO_OBJECT) {
			object = object_new(h, st.st_ino, S_ISDIR(st.st_mode));
			load_image(h, object, fd, e->d_name);
		}
		start_name(h, folder, e->d_name, object);
		if (S_ISDIR(st.st_mode))
			walk(h, object, openat(fd, e->d_name, O_RDONLY | O_DIRECTORY));
	}
	(void)closedir(dir);
}

void
history_begin(struct history *h, const char *root)
{
	int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	*h = (struct history){ 0 };
	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(root);
		exit(99);
	}
	load_image(h, object_new(h, st.st_ino, true), fd, ".");
	walk(h, 0, fd);
}

/* Names as the calls left them, to know what a rename moved. */
static void
step_names(struct history *h, struct step *s, const struct disk *live)
{
	const struct crash_record *r = s->record;
	size_t folder = s->object;
	char *name = keep(h, r->bytes, r->name_len);
	size_t was = disk_find(live, folder, name);

	s->n_names = 1;
	s->names[0] = (struct naming){ folder, NO_OBJECT, name };
	switch (r->kind) {
	case CRASH_MAKE:
	case CRASH_MAKE_DIR:
		s->names[0].object = object_new(h, r->ino2, r->kind == CRASH_MAKE_DIR);
		break;
	case CRASH_LINK:
		s->names[0].object = object_of(h, r->ino2);
		break;
	case CRASH_RENAME:
	case CRASH_EXCHANGE:
		s->names[1] = (struct naming){ object_of(h, r->ino2), was,
					       keep(h, r->bytes + r->name_len,
						    r->name2_len) };
		s->n_names = 2;
		if (r->kind == CRASH_EXCHANGE)
			s->names[0].object =
				disk_find(live, s->names[1].folder, s->names[1].name);
		break;
	default:
		break;
	}
}

/* Is it of this tree?  Fills in what it did. */
static bool
step_make(struct history *h, const struct crash_record *r, struct step *s,
	  const struct disk *live)
{
	*s = (struct step){ .record = r, .object = NO_OBJECT };
	if (r->kind >= CRASH_HAS || r->kind == CRASH_SYNC_ALL)
		return true;
	s->object = object_of(h, r->ino);
	if (s->object == NO_OBJECT)
		return false;
	switch (r->kind) {
	case CRASH_NAMELESS:
		(void)object_new(h, r->ino2, false);
		return false;
	case CRASH_MAKE:
	case CRASH_MAKE_DIR:
	case CRASH_LINK:
	case CRASH_UNLINK:
	case CRASH_RENAME:
	case CRASH_EXCHANGE:
		step_names(h, s, live);
		break;
	default:
		break;
	}
	return true;
}

void
history_add(struct history *h, const struct crash_log *log)
{
	const struct crash_record *r = NULL;
	struct disk live;

	disk_copy(&live, &h->start);
	for (size_t i = 0; i < h->n_steps; i++)
		if (h->steps[i].n_names)
			disk_apply(&live, h, i, PART_ALL, NULL);
	while ((r = crash_log_next(log, r))) {
		if (h->n_steps == h->steps_room) {
			h->steps_room = h->steps_room * 2 + 256;
			h->steps = need(
				realloc(h->steps, h->steps_room * sizeof(*h->steps)));
		}
		if (!step_make(h, r, &h->steps[h->n_steps], &live))
			continue;
		h->n_steps++;
		if (h->steps[h->n_steps - 1].n_names)
			disk_apply(&live, h, h->n_steps - 1, PART_ALL, NULL);
	}
	disk_clear(&live);
}

void
history_clear(struct history *h)
{
	disk_clear(&h->start);
	for (size_t i = 0; i < h->n_strings; i++)
		free(h->strings[i]);
	free(h->strings);
	free(h->objects);
	free(h->steps);
}
