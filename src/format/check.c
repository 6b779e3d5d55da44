/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Verifying a container: the header, journal and licence were verified when it was attached;
 * with a key every block that exists is read and authenticated, through the path that readers use.
 */
#include "base/cleanup.h"
#include "internal.h"

#define CHECK_BLOCKS 64u /* read at once; singly again where that fails */

struct walk {
	struct mrq_container *c;
	mrq_check_report report;
	void *arg;
	struct mrq_check *found;
	uint8_t *buf;
	uint32_t block;	/* bytes */
	uint64_t size;	/* bytes of plaintext */
	struct mrq_error first; /* the first damage, for the caller */
};

static enum mrq_status
note_damage(struct walk *w, uint64_t off, uint64_t len, const struct mrq_error *why)
{
	if (w->first.status == MRQ_OK)
		w->first = *why;
	w->found->damaged += (len + w->block - 1) / w->block;
	if (w->report)
		w->report(off, len, why->msg, w->arg);
	return MRQ_OK;
}

/** Read [off, off + len); damage is narrowed down to single blocks. */
static enum mrq_status
check_range(struct walk *w, uint64_t off, uint64_t len, struct mrq_error *err)
{
	size_t got = 0;
	struct mrq_error why = { 0 };
	enum mrq_status s = mrq_container_read(w->c, w->buf, len, off, &got, &why);
	if (s == MRQ_OK)
		return MRQ_OK;
	if (s != MRQ_E_DAMAGED) {
		if (err)
			*err = why;
		return s;
	}
	if (len <= w->block)
		return note_damage(w, off, len, &why);
	for (uint64_t at = off; at < off + len; at += w->block) {
		uint64_t n = off + len - at < w->block ? off + len - at : w->block;
		MRQ_TRY(check_range(w, at, n, err));
	}
	return MRQ_OK;
}

/** One run of blocks that exist; a damaged tag page ends the walk, since it hides what exists. */
static enum mrq_status
check_run(struct walk *w, uint64_t from, uint64_t to, struct mrq_error *err)
{
	uint64_t chunk = (uint64_t)CHECK_BLOCKS * w->block;
	w->found->blocks += (to - from + w->block - 1) / w->block;
	for (uint64_t at = from; at < to; at += chunk)
		MRQ_TRY(check_range(w, at, to - at < chunk ? to - at : chunk, err));
	return MRQ_OK;
}

static enum mrq_status
seek(struct walk *w, uint64_t off, enum mrq_seek whence, uint64_t *ret,
     struct mrq_error *err)
{
	struct mrq_error why = { 0 };
	enum mrq_status s = mrq_container_seek(w->c, off, whence, ret, &why);
	if (s == MRQ_E_NOT_FOUND) {
		*ret = w->size;
		return MRQ_OK;
	}
	if (s == MRQ_E_DAMAGED) {
		/* the rest of this segment cannot be told: go on behind it */
		uint64_t span = (uint64_t)MRQ_TAG_ENTRIES * w->block;
		uint64_t inlined = (uint64_t)MRQ_INLINE_ENTRIES * w->block;
		uint64_t next = off < inlined ? inlined
					      : inlined + ((off - inlined) / span + 1) * span;
		next = next < w->size ? next : w->size;
		MRQ_TRY(note_damage(w, off, next - off, &why));
		*ret = next;
		return MRQ_OK;
	}
	if (s != MRQ_OK && err)
		*err = why;
	return s;
}

static enum mrq_status
check_blocks(struct walk *w, struct mrq_error *err)
{
	uint64_t off = 0;
	while (off < w->size) {
		uint64_t data = 0, hole = 0;
		MRQ_TRY(seek(w, off, MRQ_SEEK_DATA, &data, err));
		w->found->holes += (data - off + w->block - 1) / w->block;
		if (data >= w->size)
			break;
		MRQ_TRY(seek(w, data, MRQ_SEEK_HOLE, &hole, err));
		MRQ_TRY(check_run(w, data, hole, err));
		off = hole;
	}
	return MRQ_OK;
}

enum mrq_status
mrq_container_check(struct mrq_container *c, mrq_check_report report, void *arg,
		    struct mrq_check *ret, struct mrq_error *err)
{
	struct mrq_container_facts facts;
	mrq_container_facts_get(c, &facts);
	*ret = (struct mrq_check){ .keyed = mrq_container_unlocked(c),
				   .lost = c->lost,
				   .journal_replayed = facts.journal || c->n_replayed };
	if (!ret->keyed)
		return MRQ_OK;
	struct mrq_secret_buf buf MRQ_CLEANUP(mrq_secret_buf_clear) = { 0 };
	MRQ_TRY(mrq_secret_buf_init(&buf, (size_t)CHECK_BLOCKS * facts.block_size, err));
	struct walk w = { .c = c, .report = report, .arg = arg, .found = ret,
			  .buf = buf.data, .block = facts.block_size, .size = facts.size };
	MRQ_TRY(check_blocks(&w, err));
	if (w.first.status == MRQ_OK)
		return MRQ_OK;
	if (err)
		*err = w.first;
	return MRQ_E_DAMAGED;
}
