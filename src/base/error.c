/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_MAX sizeof(((struct mrq_error *)NULL)->msg)

const char *
mrq_status_name(enum mrq_status status)
{
	switch (status) {
	case MRQ_OK:
		return "ok";
	case MRQ_E_INVAL:
		return "invalid";
	case MRQ_E_NOMEM:
		return "no-memory";
	case MRQ_E_SYS:
		return "system";
	case MRQ_E_CONFIG:
		return "config";
	case MRQ_E_FORMAT:
		return "format";
	case MRQ_E_VERSION:
		return "version";
	case MRQ_E_LIMIT:
		return "limit";
	case MRQ_E_FORGED:
		return "forged";
	case MRQ_E_DAMAGED:
		return "damaged";
	case MRQ_E_ROLLBACK:
		return "rollback";
	case MRQ_E_NOT_FOUND:
		return "not-found";
	case MRQ_E_EXISTS:
		return "exists";
	case MRQ_E_BUSY:
		return "busy";
	case MRQ_E_UNSUPPORTED:
		return "unsupported";
	case MRQ_E_PLAIN:
		return "plain";
	case MRQ_E_DENIED:
		return "denied";
	case MRQ_E_POLICY:
		return "policy";
	case MRQ_E_EXPIRED:
		return "expired";
	case MRQ_E_REVOKED:
		return "revoked";
	case MRQ_E_NO_KEY:
		return "no-key";
	case MRQ_E_CLOCK:
		return "clock";
	case MRQ_E_AUDIT:
		return "audit";
	case MRQ_E_PASSPHRASE:
		return "passphrase";
	}
	return "unknown";
}

void
mrq_blunt_controls(char *text)
{
	unsigned char before = 0;

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if (c < 0x20 || c == 0x7f || (before == 0xc2 && c >= 0x80 && c <= 0x9f))
			*text = '?';
		before = c;
	}
}

/* What does not fit is cut: the sentence's end is worth less than its beginning. */
static void
append(char text[static TEXT_MAX], const char *more)
{
	size_t at = strnlen(text, TEXT_MAX - 1);
	size_t len = strnlen(more, TEXT_MAX - 1 - at);

	memcpy(text + at, more, len);
	text[at + len] = '\0';
}

/* Formats aside first: an argument may be err->msg itself. */
MRQ_PRINTF(4, 0)
static void
fill(struct mrq_error *err, enum mrq_status status, int sys_errno, const char *fmt,
     va_list ap)
{
	char text[TEXT_MAX] = "";

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	mrq_blunt_controls(text);
	err->status = status;
	err->sys_errno = sys_errno;
	memcpy(err->msg, text, sizeof(text));
}

enum mrq_status
mrq_fail(struct mrq_error *err, enum mrq_status status, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return status;
	va_start(ap, fmt);
	fill(err, status, 0, fmt, ap);
	va_end(ap);
	return status;
}

enum mrq_status
mrq_fail_sys(struct mrq_error *err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	if (!err)
		return MRQ_E_SYS;
	va_start(ap, fmt);
	fill(err, MRQ_E_SYS, saved, fmt, ap);
	va_end(ap);

	const char *why = strerrordesc_np(saved);
	append(err->msg, ": ");
	append(err->msg, why ? why : "unknown error");
	errno = saved;
	return MRQ_E_SYS;
}

enum mrq_status
mrq_while(struct mrq_error *err, enum mrq_status status, const char *fmt, ...)
{
	char text[TEXT_MAX] = "";
	va_list ap;

	if (!err)
		return status;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	mrq_blunt_controls(text);
	append(text, ": ");
	append(text, err->msg);
	memcpy(err->msg, text, sizeof(text));
	err->status = status;
	return status;
}
