/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Verification: marque-audit(5) "VERIFICATION".
 *
 * When a line has the expected number but not the expected digest of the line before, one of the two
 * was edited.  The line after tells which: its digest is that of the later line as it was.
 */
#include "base/bytes.h"
#include "store/audit-chain.h"
#include "store/audit-read.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NOT_A_RECORD "not a record"
#define EDITED       "edited"
#define MOVED        "removed or reordered"
#define NO_BEGINNING "beginning removed"
#define UNFINISHED   "unfinished"
#define CP_FORGED    "checkpoint forged"
#define CP_UNSIGNED  "checkpoint unsigned"
#define CP_MISSING   "checkpoint missing"

struct place {
	const char *file;
	uint64_t line;
};

struct walk {
	const struct mrq_public_key *key;
	struct mrq_audit_verdict *verdict;
	struct mrq_chain chain; /* after the line at `last` */
	struct place last;
	bool begun;
	/* One of two adjacent lines was edited: which is known after the next. */
	bool doubt;
	struct place doubt_first, doubt_second;
	bool second_intact; /* its own signature says so */
};

static void
blame(struct walk *w, const struct place *place, const char *what)
{
	struct mrq_audit_verdict *v = w->verdict;

	if (v->bad_line)
		return;
	v->bad_line = place->line;
	v->bad_what = what;
	/* The end of a long path tells more than its beginning. */
	size_t len = strlen(place->file);
	size_t skip = len < sizeof(v->bad_file) ? 0 : len - sizeof(v->bad_file) + 1;
	(void)snprintf(v->bad_file, sizeof(v->bad_file), "%s", place->file + skip);
}

static enum mrq_mark
mark_of(const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "mark"));

	for (enum mrq_mark m = MRQ_MARK_GENESIS; m <= MRQ_MARK_ROTATED; m++) {
		if (name && strcmp(name, mrq_mark_name(m)) == 0)
			return m;
	}
	return MRQ_MARK_NONE;
}

/* A line as the walk sees it. */
struct seen {
	const char *text;
	size_t len;
	struct place place;
	uint64_t seq;
	uint8_t prev[MRQ_BLAKE2B_BYTES];
	bool is_checkpoint;
	struct mrq_checkpoint cp; /* strings belong to parsed */
	json_t *parsed;
};

static void
seen_clear(struct seen *s)
{
	json_decref(s->parsed);
}
MRQ_DEFINE_CLEANUP_VALUE(seen_clear, struct seen)

static bool
seen_parse(struct seen *s)
{
	if (!mrq_chain_parse(s->text, s->len, &s->seq, s->prev))
		return false;
	s->parsed = mrq_audit_line_parse(s->text, s->len);
	const char *event = json_string_value(json_object_get(s->parsed, "event"));
	const char *time = json_string_value(json_object_get(s->parsed, "time"));
	if (!event || !time)
		return false;
	s->is_checkpoint =
		strcmp(event, mrq_audit_event_name(MRQ_AUDIT_CHECKPOINT)) == 0;
	s->cp.before.seq = s->seq - 1;
	memcpy(s->cp.before.head, s->prev, sizeof(s->prev));
	s->cp.time = time;
	s->cp.mark = mark_of(s->parsed);
	s->cp.jws = json_string_value(json_object_get(s->parsed, "jws"));
	return true;
}

/* The last character of a signature of 64 bytes carries 2 bits: the other 4 are 0, or the line could
 * be changed without changing the signature. */
static bool
canonical_end(const char *jws)
{
	size_t len = strlen(jws);

	return len > 0 && strchr("AQgw", jws[len - 1]) != NULL;
}

/* Does the JWS hold and say what the line says? */
static bool
signature_fits(const struct mrq_checkpoint *cp, const struct mrq_public_key *key)
{
	char expected[512];
	char *payload MRQ_CLEANUP(free) = NULL;
	size_t len = 0, n = mrq_checkpoint_payload(cp, expected, sizeof(expected));
	enum mrq_status s =
		key ? mrq_jws_verify(cp->jws, strlen(cp->jws), MRQ_CHECKPOINT_TYP, key,
				     &payload, &len, NULL)
		    : mrq_jws_peek(cp->jws, strlen(cp->jws), MRQ_CHECKPOINT_TYP, NULL,
				   &payload, &len, NULL);

	return s == MRQ_OK && n > 0 && len == n && memcmp(payload, expected, n) == 0 &&
	       canonical_end(cp->jws);
}

/* Every byte of a checkpoint's line follows from its members. */
static bool
checkpoint_exact(const struct seen *s)
{
	char line[MRQ_CHECKPOINT_LINE_MAX];
	size_t len = mrq_checkpoint_line(&s->cp, line, sizeof(line));

	return len == s->len && memcmp(line, s->text, len) == 0;
}

static bool
is_zero(const uint8_t head[static MRQ_BLAKE2B_BYTES])
{
	static const uint8_t zero[MRQ_BLAKE2B_BYTES];

	return memcmp(head, zero, sizeof(zero)) == 0;
}

/* NULL when it is as it should be. */
static const char *
checkpoint_fault(const struct walk *w, const struct seen *s)
{
	if (!checkpoint_exact(s))
		return EDITED;
	if ((s->cp.mark == MRQ_MARK_GENESIS) != (s->seq == 1) ||
	    (s->seq == 1) != is_zero(s->prev))
		return EDITED;
	if (!s->cp.jws)
		return w->key ? CP_UNSIGNED : NULL;
	return signature_fits(&s->cp, w->key) ? NULL : CP_FORGED;
}

/* The first line that is read: nothing stands before it to compare with. */
static void
begin(struct walk *w, const struct seen *s)
{
	if (s->cp.mark != MRQ_MARK_GENESIS && s->cp.mark != MRQ_MARK_CONTINUES)
		blame(w, &s->place,
		      s->is_checkpoint || s->seq == 1 ? EDITED : NO_BEGINNING);
	w->verdict->first_seq = s->seq;
	w->chain = s->cp.before;
	w->begun = true;
}

/* What the line after says of two suspects. */
static void
resolve(struct walk *w, const struct seen *next)
{
	bool intact = next ? memcmp(next->prev, w->chain.head, sizeof(next->prev)) == 0
			   : w->second_intact;

	w->doubt = false;
	/* Without any further line or signature the earlier is the likelier one. */
	blame(w, intact || !next ? &w->doubt_first : &w->doubt_second, EDITED);
}

static void
check_link(struct walk *w, const struct seen *s)
{
	bool number = s->seq == w->chain.seq + 1;
	bool digest = memcmp(s->prev, w->chain.head, sizeof(s->prev)) == 0;

	if (number && !digest) {
		w->doubt = true;
		w->doubt_first = w->last;
		w->doubt_second = s->place;
		w->second_intact =
			s->is_checkpoint && s->cp.jws && signature_fits(&s->cp, w->key);
	} else if (!number) {
		blame(w, &s->place, digest ? EDITED : MOVED);
	}
}

static void
check_checkpoint(struct walk *w, const struct seen *s)
{
	const char *fault = s->is_checkpoint ? checkpoint_fault(w, s) : NULL;

	if (!s->is_checkpoint && (s->cp.jws || s->cp.mark)) {
		blame(w, &s->place,
		      EDITED); /* a checkpoint that is to pass for a record */
	} else if (fault) {
		blame(w, &s->place, fault);
	} else if (s->is_checkpoint) {
		w->verdict->checkpoints++;
		w->verdict->unsigned_tail = 0;
	} else if (w->key && s->seq % MRQ_CHECKPOINT_EVERY == 0) {
		blame(w, &s->place, CP_MISSING);
	}
}

/* False when the walk is over: a fault was found. */
static bool
check_line(struct walk *w, const struct mrq_line *line, const char *file)
{
	struct seen s MRQ_CLEANUP(seen_clear) = { .text = line->text,
						  .len = line->len,
						  .place = { file, line->number } };
	bool ok = line->kind == MRQ_LINE_WHOLE && seen_parse(&s);

	if (w->doubt) {
		resolve(w, ok ? &s : NULL);
		return false;
	}
	if (!ok) {
		blame(w, &s.place,
		      line->kind == MRQ_LINE_TORN ? UNFINISHED : NOT_A_RECORD);
		return false;
	}
	if (!w->begun)
		begin(w, &s);
	check_link(w, &s);
	w->verdict->records++;
	w->verdict->unsigned_tail++;
	w->verdict->last_seq = s.seq;
	if (!w->doubt || !w->second_intact)
		check_checkpoint(w, &s);
	w->chain.seq = s.seq - 1;
	mrq_chain_follow(&w->chain, line->text, line->len);
	mrq_hex_encode(w->chain.head, sizeof(w->chain.head), w->verdict->head);
	w->last = s.place;
	return w->verdict->bad_line == 0;
}

static enum mrq_status
check_file(struct walk *w, const struct mrq_audit_input *input, bool *ret_more,
	   struct mrq_error *err)
{
	struct mrq_line_reader *reader MRQ_CLEANUP(mrq_line_reader_free) = NULL;
	struct mrq_line line;
	bool more;

	MRQ_TRY(mrq_line_reader_new(input, &reader, err));
	for (;;) {
		MRQ_TRY(mrq_line_reader_next(reader, &line, &more, err));
		if (!more)
			break;
		*ret_more = check_line(w, &line, input->path);
		if (!*ret_more)
			break;
	}
	return MRQ_OK;
}

static enum mrq_status
check_files(struct walk *w, const struct mrq_audit_inputs *inputs,
	    struct mrq_error *err)
{
	bool more = true;

	for (size_t i = 0; i < inputs->n && more; i++)
		MRQ_TRY(check_file(w, &inputs->items[i], &more, err));
	if (w->doubt)
		resolve(w, NULL);
	return MRQ_OK;
}

enum mrq_status
mrq_audit_verify(const char *path, const char *public_jwk,
		 struct mrq_audit_verdict *ret, struct mrq_error *err)
{
	struct mrq_public_key *key MRQ_CLEANUP(mrq_public_key_free) = NULL;
	struct mrq_audit_inputs inputs MRQ_CLEANUP(mrq_audit_inputs_clear) = { 0 };
	struct mrq_audit_verdict verdict = { 0 };

	if (public_jwk)
		MRQ_TRY(mrq_public_key_parse(public_jwk, strlen(public_jwk), &key,
					     err));
	MRQ_TRY(mrq_audit_inputs_open(path, &inputs, err));
	struct walk w = { .key = key, .verdict = &verdict };
	MRQ_TRY(check_files(&w, &inputs, err));
	*ret = verdict;
	if (verdict.bad_line)
		return mrq_fail(err, MRQ_E_FORGED,
				"line %" PRIu64
				" of audit log '%s': %s; keep the file as "
				"evidence",
				verdict.bad_line, verdict.bad_file, verdict.bad_what);
	return MRQ_OK;
}
