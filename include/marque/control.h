/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_CONTROL_H
#define MARQUE_CONTROL_H

/*
 * The control socket of a mount: one JSON object in, one out, on a SOCK_SEQPACKET socket of mode 0666;
 * verbs are allowed by peer credentials.  marquefs(8), "CONTROL SOCKET".
 */
#include <marque/error.h>

#include <stdbool.h>
#include <stddef.h>

#define MRQ_CONTROL_MESSAGE_MAX 65536u

/**
 * Path of the socket of the mount that holds `path`.
 *
 * @path  any object, the mount point included; symbolic links are followed
 * @ret   buffer for the path
 * @len   bytes of ret
 *
 * Returns MRQ_OK; MRQ_E_NOT_FOUND when path is in no marque mount; MRQ_E_LIMIT when ret is too
 * small; MRQ_E_SYS.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_control_path(const char *path, char *ret, size_t len, struct mrq_error *err);

/**
 * Call the mount that holds `path`; waits for the answer, two minutes at most.
 *
 * @path     as in mrq_control_path
 * @request  JSON object {"verb": V, ...}, below MRQ_CONTROL_MESSAGE_MAX bytes:
 *             "why"       {"path": absolute, or below the mount; optional}: {"why": sentence}
 *             "status"    {"source", "mount_point", "version", "pid", "uid", "shared", "read_only"}
 *             "counters"  {"session": {...}, "mount": {...}}
 *             "flush" "reload" "revoked" (poll now): {}
 *             "drain"     {"seconds": integer; optional}: no open file is left, all is flushed, the
 *                         mount is going away
 * @ret      the answer, malloc'ed: an object with "status": "ok" and the members above
 *
 * A refusal comes back as its status and sentence: MRQ_E_DENIED for a verb that is root's and the
 * mounting user's; "why" without any refusal is MRQ_E_NOT_FOUND; "drain" with files open MRQ_E_BUSY.
 * Also MRQ_E_NOT_FOUND, as mrq_control_path; MRQ_E_LIMIT; MRQ_E_FORMAT; MRQ_E_SYS when nobody
 * answers.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_control_call(const char *path,
							const char *request, char **ret,
							struct mrq_error *err);

/** A mount of marque that this process sees. */
struct mrq_mount_info {
	const char *source;      /* folder of the source tree, absolute */
	const char *mount_point; /* absolute */
};
/** Called per mount; return false to stop. */
typedef bool (*mrq_mount_visit)(const struct mrq_mount_info *mount, void *arg);
/** Walk the mounts of marque, in the order of /proc/self/mountinfo. */
MRQ_API MRQ_MUST_CHECK enum mrq_status mrq_mounts_each(mrq_mount_visit visit, void *arg,
						       struct mrq_error *err);
/**
 * The mount point under which a file of a source tree is mounted now: who would write there goes
 * through that mount.  path: absolute, without symbolic links; ret: len bytes, NUL included.
 *
 * Returns MRQ_OK; MRQ_E_NOT_FOUND when path is below no mounted source; MRQ_E_LIMIT; MRQ_E_SYS.
 */
MRQ_API MRQ_MUST_CHECK enum mrq_status
mrq_source_mount(const char *path, char *ret, size_t len, struct mrq_error *err);

#endif
