/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader.h"

#include "image.h"

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/internal.h"
#include "core/licences.h"

#define KEYS_MAX 64u

struct known_key {
	uint8_t licence[MRQ_SHA256_BYTES];
	struct mrq_content_key key;
};

struct reader {
	struct mrq_session *session;
	struct known_key keys[KEYS_MAX];
	size_t n_keys;
	uint8_t *data;
	size_t room;
	struct mrq_error err;
};

struct reader *
reader_open(const char *state_dir, const char *config_file)
{
	struct reader *r = need(calloc(1, sizeof(*r)));
	const struct mrq_session_options options = {
		.state_dir = state_dir,
		.config_file = config_file,
		.keys = MRQ_SESSION_KEYS,
	};

	if (mrq_session_open(&options, &r->session, &r->err) != MRQ_OK) {
		(void)fprintf(stderr, "no session: %s\n", r->err.msg);
		exit(99);
	}
	return r;
}

void
reader_close(struct reader *r)
{
	mrq_session_free(r->session);
	free(r->data);
	free(r);
}

static enum mrq_status
ask_authority(struct reader *r, int fd, struct mrq_content_key *ret)
{
	struct mrq_use_licence use MRQ_CLEANUP(mrq_use_licence_wipe) = { .rights = 0 };
	struct mrq_file *file = NULL;
	char path[64];

	/* For reading only: who may write recovers. */
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = open(path, O_RDONLY | O_CLOEXEC);
	MRQ_TRY(mrq_file_attach(r->session, own, "a state", &file, &r->err));
	enum mrq_status s = mrq_session_admin_use(file, &use, &r->err);
	*ret = use.key;
	mrq_file_free(file);
	return s;
}

/* One key serves all files of a licence. */
static enum mrq_status
key_of(struct reader *r, int fd, const struct mrq_container_facts *facts,
       const struct mrq_content_key **ret)
{
	struct known_key *k = r->keys;

	while (k < r->keys + r->n_keys &&
	       memcmp(k->licence, facts->licence_digest, sizeof(k->licence)) != 0)
		k++;
	if (k == r->keys + r->n_keys) {
		if (r->n_keys == KEYS_MAX)
			r->n_keys = 0, k = r->keys;
		MRQ_TRY(ask_authority(r, fd, &k->key));
		memcpy(k->licence, facts->licence_digest, sizeof(k->licence));
		r->n_keys++;
	}
	*ret = &k->key;
	return MRQ_OK;
}

static enum mrq_status
open_with_key(struct reader *r, int fd, enum mrq_attach mode,
	      struct mrq_container **ret)
{
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct mrq_container_facts facts;
	const struct mrq_content_key *key;

	MRQ_TRY(mrq_container_attach(fd, mode, "a state", &c, &r->err));
	mrq_container_facts_get(c, &facts);
	MRQ_TRY(key_of(r, fd, &facts, &key));
	MRQ_TRY(mrq_container_unlock(c, key, &r->err));
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

static void
make_room(struct reader *r, uint64_t size)
{
	if (size < r->room)
		return;
	r->room = (size_t)size + 65536;
	r->data = need(realloc(r->data, r->room));
}

/* A file that was not protected: it begins with text of the test's. */
static bool
look_plain(struct reader *r, int fd, uint64_t size)
{
	make_room(r, size);
	r->data[size] = '\0';
	return pread(fd, r->data, (size_t)size, 0) == (ssize_t)size &&
	       strncmp((const char *)r->data, "plaintext", 9) == 0;
}

static enum mrq_status
read_all(struct reader *r, struct mrq_container *c, uint64_t size)
{
	size_t got;

	make_room(r, size);
	MRQ_TRY(mrq_container_read(c, r->data, (size_t)size, 0, &got, &r->err));
	r->data[size] = '\0';
	return got == size ? MRQ_OK
			   : mrq_fail(&r->err, MRQ_E_DAMAGED, "the read is short");
}

static enum mrq_status
look(struct reader *r, int fd, struct seen *ret, bool *ret_journal)
{
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct mrq_container_facts facts;

	MRQ_TRY(mrq_container_facts_load(fd, "a state", &facts, &r->err));
	*ret_journal = facts.journal;
	MRQ_TRY(open_with_key(r, fd, MRQ_ATTACH_READ_ONLY, &c));
	mrq_container_facts_get(c, &facts);
	MRQ_TRY(read_all(r, c, facts.size));
	ret->size = facts.size;
	memcpy(ret->label, facts.label_id.bytes, sizeof(ret->label));
	memcpy(ret->file_id, facts.file_id.bytes, sizeof(ret->file_id));
	ret->sequence = facts.sequence;
	return MRQ_OK;
}

void
reader_look(struct reader *r, int fd, struct seen *ret, bool *ret_journal)
{
	struct stat st;

	*ret_journal = false;
	ret->size = ret->sequence = 0;
	ret->readable = true;
	if (fstat(fd, &st) == 0 && st.st_size == 0)
		return;
	enum mrq_status s = look(r, fd, ret, ret_journal);
	if (s == MRQ_E_PLAIN && look_plain(r, fd, (uint64_t)st.st_size)) {
		ret->size = (uint64_t)st.st_size;
		s = MRQ_OK;
	}
	ret->readable = s == MRQ_OK;
	ret->why = r->err.msg;
	ret->data = r->data;
}

static enum mrq_status
settle_keyless(int fd, struct mrq_error *err)
{
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;

	MRQ_TRY(mrq_container_attach(fd, MRQ_ATTACH_READ_WRITE, "a state", &c, err));
	MRQ_TRY(mrq_container_commit(c, MRQ_COMMIT_DURABLE, err));
	return mrq_container_settle(c, MRQ_SETTLE_SYNC, err);
}

bool
reader_attach_keyless(int fd, char why[static 512])
{
	struct image before = { 0 }, after = { 0 };
	struct mrq_error err;

	image_load(&before, fd);
	enum mrq_status s = settle_keyless(fd, &err);
	image_load(&after, fd);
	bool same = image_hash(&before) == image_hash(&after);
	image_clear(&before);
	image_clear(&after);
	if (s != MRQ_OK)
		(void)snprintf(why, 512, "without a key: %.400s", err.msg);
	else if (!same)
		(void)snprintf(why, 512, "the file was changed without a key");
	return s == MRQ_OK && same;
}

static enum mrq_status
check(struct reader *r, int fd)
{
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct mrq_check found;

	MRQ_TRY(open_with_key(r, fd, MRQ_ATTACH_READ_ONLY, &c));
	return mrq_container_check(c, NULL, NULL, &found, &r->err);
}

bool
reader_check(struct reader *r, int fd, char why[static 512])
{
	if (check(r, fd) == MRQ_OK)
		return true;
	(void)snprintf(why, 512, "fsck: %.400s", r->err.msg);
	return false;
}

void
reader_recover_keyed(struct reader *r, int fd)
{
	struct mrq_container *c = NULL;
	struct stat st;

	if (fstat(fd, &st) < 0 || st.st_size == 0 ||
	    open_with_key(r, fd, MRQ_ATTACH_READ_WRITE, &c) != MRQ_OK)
		return;
	enum mrq_status s = mrq_container_settle(c, MRQ_SETTLE_SYNC, &r->err);
	(void)s;
	mrq_container_free(c);
}

static enum mrq_status
go_on(struct reader *r, int fd)
{
	static const char text[] = "and so it goes on";
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct mrq_container_facts facts;

	MRQ_TRY(open_with_key(r, fd, MRQ_ATTACH_READ_WRITE, &c));
	mrq_container_facts_get(c, &facts);
	uint64_t off = facts.size / 2;
	MRQ_TRY(mrq_container_write(c, text, sizeof(text), off, &r->err));
	MRQ_TRY(mrq_container_commit(c, MRQ_COMMIT_DURABLE, &r->err));
	MRQ_TRY(mrq_container_settle(c, MRQ_SETTLE_SYNC, &r->err));
	mrq_container_facts_get(c, &facts);
	MRQ_TRY(read_all(r, c, facts.size));
	if (memcmp(r->data + off, text, sizeof(text)) != 0)
		return mrq_fail(&r->err, MRQ_E_DAMAGED,
				"what was written is not there");
	return MRQ_OK;
}

bool
reader_go_on(struct reader *r, int fd, char why[static 512])
{
	if (go_on(r, fd) == MRQ_OK)
		return true;
	(void)snprintf(why, 512, "after the recovery: %.400s", r->err.msg);
	return false;
}
