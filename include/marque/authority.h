/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_AUTHORITY_H
#define MARQUE_AUTHORITY_H

/*
 * Administration of an embedded authority.  Every change is one call with JSON in and out, so
 * that `marque authority`, a service and a test speak the same language: marque-authority(5).
 */
#include <marque/error.h>

#include <stddef.h>
#include <stdint.h>

struct mrq_session;

/** How the organisation's keys are kept at rest. */
struct mrq_init_options {
	const char *state_dir;
	const char *config_dir; /* holds machine.key */
	const char *org;        /* domain */
	const void *passphrase; /* bytes, not a string; NULL: root-only file */
	size_t passphrase_len;
};
/** `marque init`.  MRQ_E_EXISTS when the state folder holds an authority. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_init(const struct mrq_init_options *options,
						struct mrq_error *err);

/**
 * One administrative command.
 *
 * @verb     two words: "user add", "user list", "group add", "template set", "label set",
 *           "label list", "key list", "key rotate", "superuser on", "policy set", "export", ...
 * @args     JSON object of the verb's members
 * @ret      JSON answer (object or array), malloc'ed; "{}" when there is nothing to say
 *
 * Needs a session with keys (root).  Recorded in the audit log with its arguments (secrets never are
 * arguments).  MRQ_E_INVAL names the member that is wrong; MRQ_E_NOT_FOUND; MRQ_E_EXISTS.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_admin(struct mrq_session *session,
						 const char *verb, const char *args,
						 char **ret, struct mrq_error *err);

#endif
