/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Life of a container: create, attach, unlock, protect, lock, free. */
#include "internal.h"

#include "base/bytes.h"

#include <sys/stat.h>

#include <stdlib.h>
#include <string.h>

enum mrq_status
mrq_container_named(struct mrq_container *c, enum mrq_status s, struct mrq_error *err)
{
	return s == MRQ_OK ? s : mrq_while(err, s, "'%s'", c->what);
}

enum mrq_status
mrq_container_check_open(const struct mrq_container *c, bool for_writing,
			 struct mrq_error *err)
{
	if (!c->keys)
		return mrq_fail(err, MRQ_E_NO_KEY, "the container is locked");
	if (for_writing && c->frozen)
		return mrq_fail(err, MRQ_E_BUSY,
				"the container was opened anew; try again");
	if (for_writing && !c->writable)
		return mrq_fail(err, MRQ_E_UNSUPPORTED,
				"the container was attached for reading only");
	return MRQ_OK;
}

enum mrq_status
mrq_container_change_held(struct mrq_container *c, struct mrq_error *err)
{
	MRQ_TRY(mrq_container_check_open(c, true, err));
	return mrq_rest_held(c, err);
}

static void
keys_free(struct mrq_file_keys *keys)
{
	mrq_data_key_wipe(&keys->data);
	mrq_mac_key_wipe(&keys->header);
	mrq_mac_key_wipe(&keys->tree);
	mrq_secret_free(keys);
}
MRQ_DEFINE_CLEANUP(keys_free, struct mrq_file_keys *)

static enum mrq_status
keys_new(struct mrq_file_keys **ret, struct mrq_error *err)
{
	struct mrq_file_keys *keys = mrq_secret_alloc(sizeof(*keys));

	if (!keys)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no locked memory for keys; raise RLIMIT_MEMLOCK");
	*ret = keys;
	return MRQ_OK;
}

static void
keys_derive(struct mrq_file_keys *keys, const struct mrq_guid *file_id)
{
	mrq_kdf_header_key(&keys->data, file_id, &keys->header);
	mrq_kdf_tree_key(&keys->data, file_id, &keys->tree);
}

static void
set_keys(struct mrq_container *c, struct mrq_file_keys *keys)
{
	c->keys = keys;
	c->tree.key = keys ? &keys->tree : NULL;
}

void
mrq_container_free(struct mrq_container *c)
{
	if (!c)
		return;
	mrq_ciphers_clear(&c->ciphers);
	pthread_mutex_destroy(&c->ciphers.lock);
	if (c->keys)
		keys_free(c->keys);
	mrq_tree_clear(&c->tree);
	mrq_tx_clear(&c->tx);
	mrq_pagemap_clear(&c->overlay);
	mrq_pagemap_clear(&c->in_place);
	pthread_rwlock_destroy(&c->state);
	pthread_mutex_destroy(&c->writer);
	free(c->replayed);
	free(c->first);
	free(c->image);
	free(c->licence);
	free(c->what);
	free(c);
}

static enum mrq_status
container_new(int fd, const char *what, bool writable, struct mrq_container **ret,
	      struct mrq_error *err)
{
	struct mrq_container *c = calloc(1, sizeof(*c));
	char *name = strdup(what);

	if (!c || !name) {
		free(c);
		free(name);
		return mrq_fail(err, MRQ_E_NOMEM, "no memory to open '%s'", what);
	}
	c->fd = fd;
	c->what = name;
	c->writable = writable;
	pthread_mutex_init(&c->writer, NULL);
	pthread_rwlock_init(&c->state, NULL);
	mrq_ciphers_init(&c->ciphers);
	*ret = c;
	return MRQ_OK;
}

static enum mrq_status
check_protection(const struct mrq_container_protection *p, struct mrq_error *err)
{
	if (p->licence_type != MRQ_LICENCE_JWS && p->licence_type != MRQ_LICENCE_XRML)
		return mrq_fail(err, MRQ_E_INVAL, "licence type %d is none",
				(int)p->licence_type);
	if (p->licence_len == 0 || p->licence_len > MRQ_PL_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a licence has 1 to %u bytes, not %u",
				MRQ_PL_MAX, p->licence_len);
	size_t len = strlen(p->owner);
	if (len > MRQ_MAIL_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "an owner has at most %d bytes",
				MRQ_MAIL_MAX);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p->owner[i] < 0x20 || p->owner[i] == 0x7f)
			return mrq_fail(err, MRQ_E_INVAL,
					"an owner has no control characters");
	return MRQ_OK;
}

/* Fill in the fields of a header that follow from a protection. */
static void
header_protect(struct mrq_header *h, const struct mrq_container_protection *p,
	       const struct mrq_data_key *data_key)
{
	struct mrq_wrap_key wrap MRQ_CLEANUP(mrq_wrap_key_wipe) = { { 0 } };

	mrq_kdf_wrap_key(p->content_key, &h->file_id, &wrap);
	mrq_key_wrap(&wrap, data_key, h->wrapped_key);
	h->content_id = p->content_id;
	h->label_id = p->label_id;
	h->licence_type = (uint8_t)p->licence_type;
	h->licence_len = p->licence_len;
	mrq_sha256(p->licence, p->licence_len, h->licence_digest);
	memset(h->owner, 0, sizeof(h->owner));
	memcpy(h->owner, p->owner, strlen(p->owner));
}

static enum mrq_status
copy_licence(const void *licence, uint32_t len, uint8_t **ret, struct mrq_error *err)
{
	uint8_t *copy = malloc(len);

	if (!copy)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a licence");
	memcpy(copy, licence, len);
	*ret = copy;
	return MRQ_OK;
}

static enum mrq_status
check_empty(int fd, struct mrq_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return mrq_fail_sys(err, "cannot examine the file");
	if (st.st_size != 0)
		return mrq_fail(err, MRQ_E_EXISTS,
				"a container is made of an empty file, and this one is "
				"not");
	return MRQ_OK;
}

static bool
block_shift_of(uint32_t block_size, uint8_t *ret)
{
	for (unsigned shift = MRQ_BLOCK_SHIFT_MIN; shift <= MRQ_BLOCK_SHIFT_MAX;
	     shift++) {
		*ret = (uint8_t)shift;
		if (block_size == 1u << shift)
			return true;
	}
	return false;
}

static void
start_tree(struct mrq_container *c)
{
	const struct mrq_file_keys *keys = c->keys;

	mrq_tree_init(&c->tree, &c->layout, &c->hdr.file_id, mrq_container_load_page,
		      c);
	mrq_tree_reset(&c->tree, mrq_layout_blocks(&c->layout, c->hdr.size),
		       c->hdr.root);
	c->tree.key = keys ? &keys->tree : NULL;
}

static enum mrq_status
create(struct mrq_container *c, const struct mrq_container_protection *p,
       uint32_t block_size, int64_t now, struct mrq_error *err)
{
	struct mrq_header *h = &c->hdr;
	struct mrq_file_keys *keys MRQ_CLEANUP(keys_free) = NULL;

	MRQ_TRY(check_protection(p, err));
	if (!block_shift_of(block_size, &h->block_shift))
		return mrq_fail(
			err, MRQ_E_INVAL,
			"a block size of %u bytes is not 4096 to 65536, a power "
			"of two",
			block_size);
	MRQ_TRY(check_empty(c->fd, err));
	MRQ_TRY(copy_licence(p->licence, p->licence_len, &c->licence, err));
	MRQ_TRY(keys_new(&keys, err));
	h->pages = (uint16_t)mrq_header_pages_for(p->licence_len);
	h->generation = 1;
	h->created = now > 0 ? (uint64_t)now : 0;
	mrq_random(h->file_id.bytes, sizeof(h->file_id.bytes));
	mrq_data_key_random(&keys->data);
	keys_derive(keys, &h->file_id);
	mrq_kdf_commitment(&keys->data, &h->file_id, h->commitment);
	header_protect(h, p, &keys->data);
	c->layout = mrq_layout_make(h->pages, h->block_shift);
	c->dirty = true;
	start_tree(c);
	set_keys(c, MRQ_STEAL(keys));
	return MRQ_OK;
}

enum mrq_status
mrq_container_create(int fd, const struct mrq_container_protection *protection,
		     uint32_t block_size, int64_t now, const char *what,
		     struct mrq_container **ret, struct mrq_error *err)
{
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;

	MRQ_TRY(mrq_crypto_init(err));
	MRQ_TRY(container_new(fd, what, true, &c, err));
	enum mrq_status s = create(c, protection, block_size, now, err);
	if (s != MRQ_OK)
		return mrq_container_named(c, s, err);
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

/*
 * What of a file that is met is known to be durable.  The header that says "settled" is written
 * when that before it was, and need not have reached storage itself.
 */
static uint64_t
durable_of(const struct mrq_header *h, bool journal)
{
	return h->unsettled || journal || h->sequence == 0 ? 0 : h->sequence - 1;
}

/* Take over what recovery found. */
static enum mrq_status
adopt(struct mrq_container *c, struct mrq_recovered *r, struct mrq_error *err)
{
	c->hdr = r->hdr;
	c->layout = mrq_layout_make(r->hdr.pages, r->hdr.block_shift);
	start_tree(c);
	MRQ_TRY(copy_licence(mrq_header_licence(r->image), r->hdr.licence_len,
			     &c->licence, err));
	c->image = MRQ_STEAL(r->image);
	c->image_unsettled = r->hdr.unsettled;
	c->overlay = r->overlay;
	r->overlay = (struct mrq_pagemap){ 0 };
	c->in_place = r->in_place;
	r->in_place = (struct mrq_pagemap){ 0 };
	c->journal_start = r->journal_start;
	c->last_commit = r->last_commit;
	c->journal_end = r->last_commit ? r->last_commit + 1 : 0;
	c->replayed = MRQ_STEAL(r->replayed);
	c->n_replayed = r->n_replayed;
	c->high_end = mrq_layout_end(&c->layout, c->hdr.size);
	c->durable = durable_of(&c->hdr, c->last_commit != 0);
	c->rest_due = c->last_commit != 0 || r->file_pages > c->high_end;
	return MRQ_OK;
}

static enum mrq_status
attach(struct mrq_container *c, struct mrq_error *err)
{
	struct mrq_recovered r MRQ_CLEANUP(mrq_recovered_clear) = { .image = NULL };

	MRQ_TRY(mrq_recover(c->fd, &r, err));
	return adopt(c, &r, err);
}

enum mrq_status
mrq_container_attach(int fd, enum mrq_attach mode, const char *what,
		     struct mrq_container **ret, struct mrq_error *err)
{
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;

	MRQ_TRY(mrq_crypto_init(err));
	MRQ_TRY(container_new(fd, what, mode == MRQ_ATTACH_READ_WRITE, &c, err));
	enum mrq_status s = attach(c, err);
	if (s != MRQ_OK)
		return mrq_container_named(c, s, err);
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

static void
facts_of(const struct mrq_header *h, struct mrq_container_facts *ret)
{
	*ret = (struct mrq_container_facts){
		.version = MRQ_FORMAT_VERSION,
		.block_size = 1u << h->block_shift,
		.size = h->size,
		.sequence = h->sequence,
		.generation = h->generation,
		.created = h->created,
		.file_id = h->file_id,
		.content_id = h->content_id,
		.label_id = h->label_id,
		.licence_type = (enum mrq_licence_type)h->licence_type,
		.licence_len = h->licence_len,
	};
	memcpy(ret->owner, h->owner, sizeof(ret->owner));
	memcpy(ret->licence_digest, h->licence_digest, sizeof(ret->licence_digest));
}

enum mrq_status
mrq_container_facts_load(int fd, const char *what, struct mrq_container_facts *ret,
			 struct mrq_error *err)
{
	struct mrq_recovered r MRQ_CLEANUP(mrq_recovered_clear) = { .image = NULL };
	enum mrq_status s = mrq_recover(fd, &r, err);

	if (s != MRQ_OK)
		return mrq_while(err, s, "'%s'", what);
	facts_of(&r.hdr, ret);
	ret->journal = r.last_commit != 0;
	ret->settled = !ret->journal && !r.hdr.unsettled;
	ret->durable = durable_of(&r.hdr, ret->journal);
	return MRQ_OK;
}

void
mrq_container_facts_get(struct mrq_container *c, struct mrq_container_facts *ret)
{
	pthread_rwlock_rdlock(&c->state);
	facts_of(&c->hdr, ret);
	ret->journal = c->last_commit != 0;
	ret->settled = c->image && !c->dirty && !ret->journal && !c->image_unsettled;
	ret->durable = __atomic_load_n(&c->durable, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&c->state);
}

const void *
mrq_container_licence(struct mrq_container *c, size_t *ret_len)
{
	pthread_rwlock_rdlock(&c->state);
	const void *licence = c->licence;
	*ret_len = c->hdr.licence_len;
	pthread_rwlock_unlock(&c->state);
	return licence;
}

enum mrq_status
mrq_container_licence_copy(struct mrq_container *c, void **ret, size_t *ret_len,
			   struct mrq_container_facts *ret_facts, struct mrq_error *err)
{
	enum mrq_status status = MRQ_OK;
	uint8_t *copy = NULL;

	pthread_rwlock_rdlock(&c->state);
	if (c->licence)
		status = copy_licence(c->licence, c->hdr.licence_len, &copy, err);
	if (copy) {
		*ret = copy;
		*ret_len = c->hdr.licence_len;
		if (ret_facts)
			facts_of(&c->hdr, ret_facts);
	}
	pthread_rwlock_unlock(&c->state);
	if (status == MRQ_OK && !copy)
		return mrq_fail(err, MRQ_E_DAMAGED, "'%s' holds no whole licence",
				c->what);
	return status;
}

/* Keys of a container, when the content key is its licence's. */
static enum mrq_status
keys_unwrap(const struct mrq_container *c, const struct mrq_content_key *ck,
	    struct mrq_file_keys *ret, struct mrq_error *err)
{
	struct mrq_wrap_key wrap MRQ_CLEANUP(mrq_wrap_key_wipe) = { { 0 } };
	uint8_t commitment[MRQ_COMMIT_BYTES];

	mrq_kdf_wrap_key(ck, &c->hdr.file_id, &wrap);
	MRQ_TRY(mrq_key_unwrap(&wrap, c->hdr.wrapped_key, &ret->data, err));
	mrq_kdf_commitment(&ret->data, &c->hdr.file_id, commitment);
	if (!mrq_equal(commitment, c->hdr.commitment, sizeof(commitment)))
		return mrq_fail(err, MRQ_E_DAMAGED,
				"the data key is not the one that the "
				"header commits to");
	keys_derive(ret, &c->hdr.file_id);
	return MRQ_OK;
}

static enum mrq_status
check_macs(const struct mrq_container *c, const struct mrq_file_keys *keys,
	   struct mrq_error *err)
{
	if (!mrq_header_authentic(c->image, &keys->header))
		return mrq_fail(err, MRQ_E_DAMAGED, "the header fails authentication");
	for (size_t i = 0; i < c->n_replayed; i++) {
		uint8_t mac[MRQ_MAC_BYTES];
		mrq_commit_page_mac(&c->replayed[i], &keys->header, mac);
		if (!mrq_equal(mac, c->replayed[i].mac, sizeof(mac)))
			return mrq_fail(err, MRQ_E_DAMAGED,
					"the journal fails authentication");
	}
	return MRQ_OK;
}

/*
 * After a power cut, blocks of an unsettled header that never reached storage are
 * holes.  The state that has them is still the newest in the file, so none of these
 * places is fresh.
 */
static enum mrq_status
drop_lost(struct mrq_container *c, struct mrq_error *err)
{
	uint64_t blocks = mrq_layout_blocks(&c->layout, c->hdr.size);
	uint64_t lost = 0;
	uint8_t *data MRQ_CLEANUP(free) = malloc(c->layout.block_size);

	if (!data)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a block");
	for (uint64_t i = 0; i < blocks && i < MRQ_INLINE_ENTRIES; i++) {
		if (mrq_entry_is_hole(c->hdr.entries[i]))
			continue;
		MRQ_TRY(mrq_blocks_load(c, i, 1, data, err));
		if (mrq_crc32c(0, data, c->layout.block_size) == c->hdr.inline_crc[i])
			continue;
		memset(c->hdr.entries[i], 0, MRQ_ENTRY_BYTES);
		c->hdr.inline_crc[i] = 0;
		lost++;
	}
	if (lost) {
		c->lost += lost;
		c->taint_end = c->tree.taint_end = blocks;
		c->rest_due = true;
	}
	return MRQ_OK;
}

static enum mrq_status
unlock_held(struct mrq_container *c, const struct mrq_content_key *ck,
	    struct mrq_error *err)
{
	struct mrq_file_keys *keys MRQ_CLEANUP(keys_free) = NULL;

	if (c->keys)
		return MRQ_OK;
	if (c->frozen)
		return mrq_fail(err, MRQ_E_BUSY,
				"the container was opened anew; try again");
	MRQ_TRY(keys_new(&keys, err));
	MRQ_TRY(keys_unwrap(c, ck, keys, err));
	MRQ_TRY(check_macs(c, keys, err));
	if (c->hdr.unsettled && c->image_unsettled)
		MRQ_TRY(drop_lost(c, err));
	set_keys(c, MRQ_STEAL(keys));
	return MRQ_OK;
}

enum mrq_status
mrq_container_unlock(struct mrq_container *c, const struct mrq_content_key *ck,
		     struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	return mrq_container_named(held.c, unlock_held(c, ck, err), err);
}

bool
mrq_container_unlocked(struct mrq_container *c)
{
	pthread_rwlock_rdlock(&c->state);
	bool unlocked = c->keys != NULL;
	pthread_rwlock_unlock(&c->state);
	return unlocked;
}

void
mrq_container_freeze(struct mrq_container *c)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	held.c->frozen = true;
	held.c->writable = held.c->dirty = false;
}

static enum mrq_status
lock_held(struct mrq_container *c, struct mrq_error *err)
{
	if (!c->keys)
		return MRQ_OK;
	MRQ_TRY(mrq_commit_held(c, err));
	mrq_ciphers_clear(&c->ciphers);
	keys_free(c->keys);
	set_keys(c, NULL);
	return MRQ_OK;
}

enum mrq_status
mrq_container_lock(struct mrq_container *c, struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	return mrq_container_named(held.c, lock_held(c, err), err);
}

static void
set_pages(struct mrq_container *c, uint16_t pages)
{
	c->hdr.pages = pages;
	c->layout = mrq_layout_make(pages, c->hdr.block_shift);
	c->tree.layout = c->layout;
}

/* The header of a new file still may have any length. */
static enum mrq_status
fit_licence(struct mrq_container *c, uint32_t len, struct mrq_error *err)
{
	if (c->image && len > mrq_header_licence_room(c->hdr.pages))
		return mrq_fail(
			err, MRQ_E_LIMIT,
			"a licence of %u bytes does not fit the header, which has "
			"room for %u: the file must be written anew",
			len, mrq_header_licence_room(c->hdr.pages));
	if (!c->image && len > mrq_header_licence_room(c->hdr.pages))
		set_pages(c, (uint16_t)mrq_header_pages_for(len));
	return MRQ_OK;
}

/*
 * What is open is not undone when the change fails.  And header pages past the first
 * may change only in the first transaction of a journal: recovery checks the headers of
 * those before with what is in place, which a settle that was cut short may have
 * replaced.
 */
static enum mrq_status
close_open_state(struct mrq_container *c, struct mrq_error *err)
{
	if (!c->image)
		return MRQ_OK;
	MRQ_TRY(mrq_commit_held(c, err));
	return c->hdr.pages > 1 && c->last_commit ? mrq_settle_held(c, err) : MRQ_OK;
}

static enum mrq_status
protect_held(struct mrq_container *c, const struct mrq_container_protection *p,
	     struct mrq_error *err)
{
	uint8_t *licence MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(mrq_container_check_open(c, true, err));
	MRQ_TRY(check_protection(p, err));
	MRQ_TRY(mrq_rest_held(c, err));
	MRQ_TRY(copy_licence(p->licence, p->licence_len, &licence, err));
	MRQ_TRY(close_open_state(c, err));

	struct mrq_header before = c->hdr;
	uint8_t *licence_before = c->licence;
	MRQ_TRY(fit_licence(c, p->licence_len, err));
	header_protect(&c->hdr, p, &c->keys->data);
	c->licence = licence;
	c->licence_changed = c->dirty = true;
	enum mrq_status s = mrq_commit_held(c, err);
	if (s != MRQ_OK) {
		c->hdr = before;
		c->licence = licence_before;
		set_pages(c, before.pages);
		c->licence_changed = false;
		c->dirty = !c->image;
		return s;
	}
	licence = licence_before; /* to be freed */
	return MRQ_OK;
}

enum mrq_status
mrq_container_protect(struct mrq_container *c,
		      const struct mrq_container_protection *protection,
		      struct mrq_error *err)
{
	enum mrq_status s;
	{
		struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) =
			mrq_writing_begin(c);
		s = protect_held(held.c, protection, err);
	}
	if (s != MRQ_OK)
		return mrq_container_named(c, s, err);
	return mrq_container_commit(c, MRQ_COMMIT_DURABLE, err);
}

static enum mrq_status
next_generation_held(struct mrq_container *c, struct mrq_error *err)
{
	MRQ_TRY(mrq_container_change_held(c, err));
	if (c->hdr.generation == UINT32_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "all key generations are used up");
	c->hdr.generation++;
	c->hdr.writes = 0;
	c->dirty = true;
	return MRQ_OK;
}

enum mrq_status
mrq_container_next_generation(struct mrq_container *c, struct mrq_error *err)
{
	struct mrq_writing held MRQ_CLEANUP(mrq_writing_end) = mrq_writing_begin(c);

	return mrq_container_named(held.c, next_generation_held(c, err), err);
}
