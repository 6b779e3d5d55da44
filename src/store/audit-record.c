/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit-record.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/guid.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Kept free at the end of a line for what closes it: ,"cut":true}\n and a quote with "_enc". */
#define CLOSING 64u

const char *
mrq_audit_event_name(enum mrq_audit_event event)
{
	switch (event) {
	case MRQ_AUDIT_START:
		return "start";
	case MRQ_AUDIT_STOP:
		return "stop";
	case MRQ_AUDIT_OPEN:
		return "open";
	case MRQ_AUDIT_CREATE:
		return "create";
	case MRQ_AUDIT_TRUNCATE:
		return "truncate";
	case MRQ_AUDIT_DELETE:
		return "delete";
	case MRQ_AUDIT_RENAME:
		return "rename";
	case MRQ_AUDIT_LABEL:
		return "label";
	case MRQ_AUDIT_PROTECT:
		return "protect";
	case MRQ_AUDIT_UNPROTECT:
		return "unprotect";
	case MRQ_AUDIT_REWRAP:
		return "rewrap";
	case MRQ_AUDIT_DAMAGE:
		return "damage";
	case MRQ_AUDIT_ROLLBACK:
		return "rollback";
	case MRQ_AUDIT_REVOKE:
		return "revoke";
	case MRQ_AUDIT_UNREVOKE:
		return "unrevoke";
	case MRQ_AUDIT_LICENCE:
		return "licence";
	case MRQ_AUDIT_PUBLISH:
		return "publish";
	case MRQ_AUDIT_ADMIN:
		return "admin";
	case MRQ_AUDIT_RIGHTS:
		return "rights";
	case MRQ_AUDIT_GAP:
		return "gap";
	case MRQ_AUDIT_CHECKPOINT:
		return "checkpoint";
	}
	return "unknown";
}

const char *const mrq_audit_member_names[] = {
	"time",           "event",       "result",     "status",
	"host",           "uid",         "login_uid",  "pid",
	"principal",      "acting_as",   "address",    "program_kind",
	"program_sha256", "request",     "used",       "ground",
	"cached",         "super_user",  "file_id",    "content_id",
	"label_before",   "label_after", "label_name", "template_id",
	"format",         "owner",       "issuer",     "published",
	"lost",           "correlation", "path",       "new_path",
	"program",        "reason",      "mount",      NULL,
};

struct walk {
	mrq_member_visit visit;
	void *arg;
};

static void
text(struct walk *w, const char *name, const char *value, size_t max)
{
	if (!value)
		return;
	size_t len = strnlen(value, max + 1);
	bool cut = len > max;
	w->visit(&(struct mrq_member){ .name = name,
				       .kind = MRQ_MEMBER_TEXT,
				       .text = value,
				       .len = cut ? max : len,
				       .cut = cut },
		 w->arg);
}

static void
number(struct walk *w, const char *name, int64_t value)
{
	w->visit(&(struct mrq_member){ .name = name,
				       .kind = MRQ_MEMBER_NUMBER,
				       .number = value },
		 w->arg);
}

static void
flag(struct walk *w, const char *name, bool value)
{
	w->visit(&(struct mrq_member){ .name = name,
				       .kind = MRQ_MEMBER_FLAG,
				       .number = value },
		 w->arg);
}

static void
guid(struct walk *w, const char *name, const struct mrq_guid *id)
{
	char value[MRQ_GUID_TEXT];

	if (mrq_guid_is_nil(id))
		return;
	mrq_guid_format(id, value);
	text(w, name, value, sizeof(value) - 1);
}

static void
moment(struct walk *w, const char *name, int64_t when)
{
	char value[MRQ_TIME_TEXT];

	if (when == 0)
		return;
	mrq_time_format(when, value);
	text(w, name, value, sizeof(value) - 1);
}

static void
who(struct walk *w, const struct mrq_audit_record *r)
{
	if (r->uid != (uid_t)-1)
		number(w, "uid", r->uid);
	if (r->login_uid != (uid_t)-1)
		number(w, "login_uid", r->login_uid);
	if (r->pid > 0)
		number(w, "pid", r->pid);
	text(w, "principal", r->principal, MRQ_PRINCIPAL_MAX);
	text(w, "acting_as", r->acting_as, MRQ_PRINCIPAL_MAX);
	text(w, "address", r->address, 64);
	if (r->program || r->program_digest)
		text(w, "program_kind", mrq_program_name(r->program_kind), 64);
	text(w, "program_sha256", r->program_digest, 64);
}

static void
decided(struct walk *w, const struct mrq_audit_record *r)
{
	text(w, "request", r->request, 64);
	if (r->used) {
		char used[MRQ_RIGHTS_TEXT];
		mrq_rights_format(r->used, used);
		text(w, "used", used, sizeof(used) - 1);
	}
	text(w, "ground", r->ground, 64);
	if (r->request)
		flag(w, "cached", r->cached);
	if (r->super_user)
		flag(w, "super_user", true);
}

static void
what(struct walk *w, const struct mrq_audit_record *r)
{
	guid(w, "file_id", &r->file_id);
	guid(w, "content_id", &r->content_id);
	guid(w, "label_before", &r->label_before);
	guid(w, "label_after", &r->label_after);
	text(w, "label_name", r->label_name, MRQ_NAME_MAX);
	guid(w, "template_id", &r->template_id);
	text(w, "format", r->format, 64);
	text(w, "owner", r->owner, MRQ_MAIL_MAX);
	text(w, "issuer", r->issuer, MRQ_MAIL_MAX);
	moment(w, "published", r->published);
	if (r->lost || r->event == MRQ_AUDIT_GAP)
		number(w, "lost", (int64_t)r->lost);
}

/* What may be long comes last, so that it alone can be cut. */
void
mrq_audit_members(const struct mrq_audit_record *r, const char *host,
		  mrq_member_visit visit, void *arg)
{
	struct walk w = { visit, arg };
	char when[MRQ_AUDIT_TIME_TEXT];

	mrq_audit_time_format(r->when_ns, when);
	text(&w, "time", when, sizeof(when) - 1);
	text(&w, "event", mrq_audit_event_name(r->event), 64);
	text(&w, "result", r->granted ? "granted" : "denied", 64);
	if (!r->granted)
		text(&w, "status", mrq_status_name(r->status), 64);
	text(&w, "host", host, 255);
	who(&w, r);
	decided(&w, r);
	what(&w, r);
	text(&w, "correlation", r->correlation, 128);
	text(&w, "path", r->path, MRQ_AUDIT_PATH_MAX);
	text(&w, "new_path", r->new_path, MRQ_AUDIT_PATH_MAX);
	text(&w, "program", r->program, MRQ_AUDIT_PATH_MAX);
	text(&w, "reason", r->reason, MRQ_TEXT_MAX);
	text(&w, "mount", r->mount, MRQ_AUDIT_PATH_MAX);
}

/* Bytes of the UTF-8 sequence at s, 0 when it is not well-formed (RFC 3629 section 4). */
static size_t
utf8_sequence(const uint8_t *s, size_t left)
{
	uint8_t low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xc2 && s[0] <= 0xdf) {
		n = 2;
	} else if (s[0] >= 0xe0 && s[0] <= 0xef) {
		n = 3;
		low = s[0] == 0xe0 ? 0xa0 : 0x80;
		high = s[0] == 0xed ? 0x9f : 0xbf;
	} else if (s[0] >= 0xf0 && s[0] <= 0xf4) {
		n = 4;
		low = s[0] == 0xf0 ? 0x90 : 0x80;
		high = s[0] == 0xf4 ? 0x8f : 0xbf;
	} else {
		return 0;
	}
	if (left < n || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

bool
mrq_utf8_valid(const char *value, size_t len)
{
	const uint8_t *s = (const uint8_t *)value;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(s + i, len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

/* JSON under construction, never beyond end. */
struct json {
	char *at, *end;
	bool begun, cut;
};

static bool
put(struct json *j, const char *data, size_t len)
{
	if (j->end - j->at < (ptrdiff_t)len) {
		j->cut = true;
		return false;
	}
	memcpy(j->at, data, len);
	j->at += len;
	return true;
}

static bool
put_escaped(struct json *j, unsigned point)
{
	static const char digits[] = "0123456789abcdef";
	char u[6] = { '\\',
		      'u',
		      digits[point >> 12 & 15],
		      digits[point >> 8 & 15],
		      digits[point >> 4 & 15],
		      digits[point & 15] };

	return put(j, u, sizeof(u));
}

/* Characters that steer a terminal: C1, line separators, changes of direction. */
static bool
steers(const uint8_t *s, size_t n, unsigned *ret_point)
{
	if (n == 2) {
		*ret_point = (s[0] & 0x1fu) << 6 | (s[1] & 0x3fu);
		return *ret_point <= 0x9f;
	}
	if (n != 3)
		return false;
	*ret_point = (s[0] & 0x0fu) << 12 | (s[1] & 0x3fu) << 6 | (s[2] & 0x3fu);
	return *ret_point == 0x200e || *ret_point == 0x200f ||
	       (*ret_point >= 0x2028 && *ret_point <= 0x202e) ||
	       (*ret_point >= 0x2066 && *ret_point <= 0x2069);
}

static bool
put_ascii(struct json *j, uint8_t c)
{
	if (c == '"' || c == '\\')
		return put(j, (char[]){ '\\', (char)c }, 2);
	if (c < 0x20 || c == 0x7f)
		return put_escaped(j, c);
	return put(j, (char[]){ (char)c }, 1);
}

/* Bytes from s on that stand for themselves in JSON. */
static size_t
plain_run(const uint8_t *s, size_t left)
{
	size_t n = 0;

	while (n < left && s[n] >= 0x20 && s[n] < 0x7f && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

/* As much of it as fits. */
static bool
put_run(struct json *j, const uint8_t *s, size_t n)
{
	size_t left = j->end > j->at ? (size_t)(j->end - j->at) : 0;

	if (n <= left)
		return put(j, (const char *)s, n);
	(void)put(j, (const char *)s, left);
	j->cut = true;
	return false;
}

static bool
put_utf8(struct json *j, const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = plain_run(s + i, len - i);
		unsigned point;
		bool fits;

		if (n > 0) {
			if (!put_run(j, s + i, n))
				return false;
			i += n;
			continue;
		}
		n = utf8_sequence(s + i, len - i);
		if (n <= 1)
			fits = put_ascii(j, s[i]);
		else if (steers(s + i, n, &point))
			fits = put_escaped(j, point);
		else
			fits = put(j, (const char *)s + i, n);
		if (!fits)
			return false;
		i += n ? n : 1;
	}
	return true;
}

/* Each byte is the character of its number: U+0000 to U+00FF. */
static bool
put_bytes(struct json *j, const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!(s[i] < 0x80 ? put_ascii(j, s[i]) : put_escaped(j, s[i])))
			return false;
	}
	return true;
}

/* Bytes to keep of valid UTF-8 that was cut at len: not the half of a character. */
static size_t
whole_characters(const char *value, size_t len)
{
	size_t back = 0;

	while (back < 3 && back < len &&
	       ((uint8_t)value[len - 1 - back] & 0xc0) == 0x80)
		back++;
	if (back < len &&
	    utf8_sequence((const uint8_t *)value + len - 1 - back, back + 1) == 0)
		return len - 1 - back;
	return len;
}

static void
put_text(struct json *j, const struct mrq_member *m)
{
	const uint8_t *s = (const uint8_t *)m->text;
	size_t len = m->cut ? whole_characters(m->text, m->len) : m->len;
	bool utf8 = mrq_utf8_valid(m->text, len);

	if (!utf8)
		len = m->len;
	if (m->cut)
		j->cut = true;
	(void)put(j, "\"", 1);
	(void)(utf8 ? put_utf8(j, s, len) : put_bytes(j, s, len));

	/* CLOSING bytes were kept free for this. */
	j->end += CLOSING / 2;
	(void)put(j, "\"", 1);
	if (!utf8) {
		char enc[CLOSING / 2];
		int n = snprintf(enc, sizeof(enc), ",\"%s_enc\":\"bytes\"", m->name);
		(void)put(j, enc, (size_t)n);
	}
	j->end -= CLOSING / 2;
}

static void
put_member(const struct mrq_member *m, void *arg)
{
	struct json *j = arg;
	char value[32];
	int n;

	/* The room for name, quotes or number: else the member is left out whole. */
	if (j->end - j->at < 64) {
		j->cut = true;
		return;
	}
	if (j->begun)
		(void)put(j, ",", 1);
	j->begun = true;
	(void)put(j, "\"", 1);
	(void)put(j, m->name, strlen(m->name));
	(void)put(j, "\":", 2);
	switch (m->kind) {
	case MRQ_MEMBER_TEXT:
		put_text(j, m);
		break;
	case MRQ_MEMBER_NUMBER:
		n = snprintf(value, sizeof(value), "%" PRId64, m->number);
		(void)put(j, value, (size_t)n);
		break;
	case MRQ_MEMBER_FLAG:
		n = snprintf(value, sizeof(value), "%s", m->number ? "true" : "false");
		(void)put(j, value, (size_t)n);
		break;
	}
}

void
mrq_audit_text_format(struct mrq_audit_text *t, const struct mrq_audit_record *record,
		      const char *host)
{
	char *end = t->at + sizeof(t->at);
	struct json j = { .at = t->at + MRQ_CHAIN_ROOM, .end = end - CLOSING };

	mrq_audit_members(record, host, put_member, &j);
	j.end = end;
	if (j.cut)
		(void)put(&j, ",\"cut\":true", sizeof(",\"cut\":true") - 1);
	(void)put(&j, "}\n", 2);
	t->start = MRQ_CHAIN_ROOM;
	t->end = (size_t)(j.at - t->at);
}

void
mrq_audit_text_begin(struct mrq_audit_text *t, const struct mrq_chain *chain)
{
	char begin[MRQ_CHAIN_ROOM];
	size_t len = mrq_chain_begin(chain, begin);

	t->start = MRQ_CHAIN_ROOM - len;
	memcpy(t->at + t->start, begin, len);
}
