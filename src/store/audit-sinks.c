/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "store/audit-sinks.h"

#include "base/bytes.h"
#include "base/log.h"

#include <sys/socket.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JOURNALD_SOCKET   "/run/systemd/journal/socket"
#define SYSLOG_SOCKET     "/dev/log"
#define DATAGRAM_MAX      (MRQ_AUDIT_LINE_MAX + 4096u)
#define FACILITY_AUTHPRIV 10
#define FIELD_PREFIX      "MARQUE_"

static enum mrq_status
socket_init(struct mrq_audit_socket *s, const char *name, const char *path,
	    struct mrq_error *err)
{
	s->name = name;
	s->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(s->address.sun_path))
		return mrq_fail(err, MRQ_E_CONFIG,
				"the path of the %s socket is too long", name);
	(void)snprintf(s->address.sun_path, sizeof(s->address.sun_path), "%s", path);
	s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd < 0)
		return mrq_fail_sys(err, "cannot make a socket for %s", name);
	return MRQ_OK;
}

enum mrq_status
mrq_audit_sinks_init(const struct mrq_audit_options *options,
		     struct mrq_audit_sinks_open *ret, struct mrq_error *err)
{
	ret->journald.fd = ret->syslog.fd = -1;
	if (options->sinks & MRQ_AUDIT_SINK_JOURNALD)
		MRQ_TRY(socket_init(&ret->journald, "journald",
				    options->journald_socket ? options->journald_socket
							     : JOURNALD_SOCKET,
				    err));
	if (options->sinks & MRQ_AUDIT_SINK_SYSLOG)
		MRQ_TRY(socket_init(&ret->syslog, "syslog",
				    options->syslog_socket ? options->syslog_socket
							   : SYSLOG_SOCKET,
				    err));
	return MRQ_OK;
}

void
mrq_audit_sinks_clear(struct mrq_audit_sinks_open *sinks)
{
	if (sinks->journald.fd >= 0)
		(void)close(sinks->journald.fd);
	if (sinks->syslog.fd >= 0)
		(void)close(sinks->syslog.fd);
	sinks->journald.fd = sinks->syslog.fd = -1;
}

/* The address goes with each datagram, so that a restarted service is found again. */
static void
datagram(struct mrq_audit_socket *s, const void *data, size_t len)
{
	ssize_t n = sendto(s->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT,
			   (const struct sockaddr *)&s->address, sizeof(s->address));

	if (n == (ssize_t)len) {
		uint64_t lost = __atomic_exchange_n(&s->lost, 0, __ATOMIC_RELAXED);
		if (lost > 0)
			mrq_log(MRQ_LOG_NOTICE,
				"%s takes audit records again; %" PRIu64
				" of them are in the file only",
				s->name, lost);
	} else if (__atomic_fetch_add(&s->lost, 1, __ATOMIC_RELAXED) == 0) {
		const char *why = strerrordesc_np(errno);
		mrq_log(MRQ_LOG_WARNING,
			"%s does not take audit records (%s); they are in the file "
			"only",
			s->name, why ? why : "unknown error");
	}
}

/* Severities of RFC 5424, which are journald's priorities. */
static unsigned
severity(const struct mrq_audit_record *r)
{
	switch (r->event) {
	case MRQ_AUDIT_DAMAGE:
	case MRQ_AUDIT_ROLLBACK:
	case MRQ_AUDIT_GAP:
		return 3;
	case MRQ_AUDIT_START:
	case MRQ_AUDIT_STOP:
	case MRQ_AUDIT_OPEN:
	case MRQ_AUDIT_CREATE:
	case MRQ_AUDIT_TRUNCATE:
	case MRQ_AUDIT_DELETE:
	case MRQ_AUDIT_RENAME:
	case MRQ_AUDIT_LABEL:
	case MRQ_AUDIT_PROTECT:
	case MRQ_AUDIT_UNPROTECT:
	case MRQ_AUDIT_REWRAP:
	case MRQ_AUDIT_REVOKE:
	case MRQ_AUDIT_UNREVOKE:
	case MRQ_AUDIT_LICENCE:
	case MRQ_AUDIT_PUBLISH:
	case MRQ_AUDIT_ADMIN:
	case MRQ_AUDIT_RIGHTS:
	case MRQ_AUDIT_CHECKPOINT:
		return r->granted ? 6 : 4;
	}
	return 4;
}

/* NAME=value, or NAME, newline, length, value where the value may hold any bytes. */
static void
journald_field(struct mrq_writer *w, const char *name, const char *value, size_t len)
{
	struct mrq_writer whole = *w;

	mrq_write_bytes(w, name, strlen(name));
	if (memchr(value, '\n', len)) {
		mrq_write_u8(w, '\n');
		mrq_write_u64(w, len);
	} else {
		mrq_write_u8(w, '=');
	}
	mrq_write_bytes(w, value, len);
	mrq_write_u8(w, '\n');
	if (w->failed)
		*w = whole; /* leave out what does not fit */
}

static void
journald_member(const struct mrq_member *m, void *arg)
{
	char name[64] = FIELD_PREFIX;
	char number[32];
	size_t at = sizeof(FIELD_PREFIX) - 1;

	for (const char *c = m->name; *c && at < sizeof(name) - 1; c++)
		name[at++] = (char)toupper((unsigned char)*c);
	name[at] = '\0';
	switch (m->kind) {
	case MRQ_MEMBER_TEXT:
		journald_field(arg, name, m->text, m->len);
		break;
	case MRQ_MEMBER_NUMBER:
		(void)snprintf(number, sizeof(number), "%" PRId64, m->number);
		journald_field(arg, name, number, strlen(number));
		break;
	case MRQ_MEMBER_FLAG:
		journald_field(arg, name, m->number ? "1" : "0", 1);
		break;
	}
}

static void
send_journald(struct mrq_audit_socket *s, const struct mrq_audit_record *r,
	      const char *host)
{
	char buf[DATAGRAM_MAX];
	char message[1024];
	char priority[2] = { (char)('0' + severity(r)), '\0' };
	struct mrq_writer w = mrq_writer_make(buf, sizeof(buf));

	(void)snprintf(message, sizeof(message), "%s %s%s%.600s%s%s%.200s",
		       mrq_audit_event_name(r->event),
		       r->granted ? "granted" : "denied", r->path ? ": " : "",
		       r->path ? r->path : "", r->principal ? " by " : "",
		       r->principal ? r->principal : "",
		       r->principal || !r->reason ? "" : ": see MARQUE_REASON");
	mrq_blunt_controls(message);
	journald_field(&w, "MESSAGE", message, strlen(message));
	journald_field(&w, "PRIORITY", priority, 1);
	journald_field(&w, "SYSLOG_IDENTIFIER", "marque", 6);
	mrq_audit_members(r, host, journald_member, &w);
	datagram(s, buf, sizeof(buf) - w.left);
}

/* RFC 5424 header; the message is the JSON line with the cookie that log services look for. */
static void
send_syslog(struct mrq_audit_socket *s, const struct mrq_audit_record *r,
	    const char *host, const struct mrq_audit_text *t)
{
	char buf[DATAGRAM_MAX];
	char when[MRQ_AUDIT_TIME_TEXT];
	size_t len = t->end - t->start - 1;

	mrq_audit_time_format(r->when_ns, when);
	int n = snprintf(buf, 512, "<%u>1 %s %.255s marque %ld %s - @cee:%s",
			 FACILITY_AUTHPRIV * 8 + severity(r), when,
			 host && *host ? host : "-", (long)getpid(),
			 mrq_audit_event_name(r->event),
			 t->start == MRQ_CHAIN_ROOM ? "{" : "");
	memcpy(buf + n, t->at + t->start, len);
	datagram(s, buf, (size_t)n + len);
}

void
mrq_audit_sinks_send(struct mrq_audit_sinks_open *sinks,
		     const struct mrq_audit_record *record, const char *host,
		     const struct mrq_audit_text *text)
{
	if (sinks->journald.fd >= 0)
		send_journald(&sinks->journald, record, host);
	if (sinks->syslog.fd >= 0)
		send_syslog(&sinks->syslog, record, host, text);
}
