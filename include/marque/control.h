/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_CONTROL_H
#define MARQUE_CONTROL_H

/*
 * The control socket of a mount: one JSON object in, one out, on a SOCK_SEQPACKET socket of mode 0666;
 * verbs are allowed by peer credentials.  marquefs(8), "CONTROL SOCKET".
 */
#include <marque/error.h>

#include <stddef.h>

#define MRQ_CONTROL_MESSAGE_MAX 65536u

/** Path of the socket of the mount that holds `path`; MRQ_E_NOT_FOUND when path is in no mount. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_control_path(const char *path, char *ret,
							size_t len, struct mrq_error *err);

/**
 * Call a mount.  request: JSON object {"verb": "why"|"status"|"flush"|"revoked"|"reload"|"drain"|"counters", ...}.
 * *ret: the answer's JSON, malloc'ed.  A refusal comes back as its status and sentence.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_control_call(const char *path,
							const char *request, char **ret,
							struct mrq_error *err);

#endif
