/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A message on the control socket, as any user may send it.  The first byte is the uid that asks; the
 * rest is the message.  Whatever comes is answered by one JSON object with a status, and only the
 * verbs that are anybody's reach the mount for a uid that is not root or the owner.
 */
#include "fs/control-verbs.h"

#include <stdlib.h>
#include <string.h>

#define OWNER 7u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uid_t asks;

/* A failed claim must stop the fuzzer, NDEBUG or not. */
static void
must(bool claim)
{
	if (!claim)
		abort();
}

static bool
may_command(void)
{
	return asks == 0 || asks == OWNER;
}

static enum mrq_status
why(void *arg, uid_t uid, const char *path, char *ret, size_t len,
    struct mrq_error *err)
{
	(void)arg;
	must(uid == asks);
	must(!path || path[0] != '/');
	if (path && strlen(path) % 2)
		return mrq_fail(err, MRQ_E_NOT_FOUND, "nothing was refused at '%s'",
				path);
	(void)snprintf(ret, len, "refused: %s", path ? path : "anything");
	return MRQ_OK;
}

static enum mrq_status
members(void *arg, struct mrq_json_out *out, struct mrq_error *err)
{
	(void)arg;
	(void)err;
	mrq_json_out_text(out, "member", "\x01\xff\"");
	return MRQ_OK;
}

static enum mrq_status
command(void *arg, struct mrq_error *err)
{
	(void)arg;
	must(may_command());
	return mrq_fail(err, MRQ_E_SYS, "no \"such\" thing");
}

static enum mrq_status
drain(void *arg, unsigned seconds, struct mrq_error *err)
{
	(void)arg;
	(void)err;
	must(may_command());
	must(seconds <= MRQ_CONTROL_DRAIN_MAX);
	return MRQ_OK;
}

static const struct mrq_control_ops ops = {
	.why = why,
	.status = members,
	.counters = members,
	.flush = command,
	.reload = command,
	.revoked = command,
	.drain = drain,
};

static const struct mrq_control_mount mount = { &ops, NULL, OWNER, "/mnt/share" };

static char *
answer(const char *text, size_t len)
{
	struct mrq_control_request request MRQ_CLEANUP(
		mrq_control_request_clear) = { 0 };
	struct mrq_error err = { 0 };

	if (mrq_control_parse(text, len, &request, &err) != MRQ_OK ||
	    mrq_control_allow(&mount, asks, request.verb, &err) != MRQ_OK)
		return mrq_control_refusal(&err);
	return mrq_control_serve(&mount, asks, &request);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;

	if (len == 0)
		return 0;
	asks = data[0];
	char *text MRQ_CLEANUP(free) = answer((const char *)data + 1, len - 1);
	must(text && strlen(text) <= MRQ_CONTROL_MESSAGE_MAX);
	must(mrq_json_doc_parse(text, strlen(text), &doc, NULL) == MRQ_OK);
	const struct mrq_json_node *root = mrq_json_doc_root(doc);
	const char *status = mrq_json_node_text(root, "status");
	must(status);
	must(strcmp(status, "ok") == 0 || mrq_json_node_text(root, "message"));
	return 0;
}
