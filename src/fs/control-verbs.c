/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fs/control-verbs.h"

#include <string.h>

enum who { WHO_ANYONE, WHO_OWNER };

static const struct {
	const char *name;
	enum who who;
	bool slow;
} verbs[] = {
	[MRQ_CONTROL_WHY] = { "why", WHO_ANYONE, false },
	[MRQ_CONTROL_STATUS] = { "status", WHO_ANYONE, false },
	[MRQ_CONTROL_COUNTERS] = { "counters", WHO_ANYONE, false },
	[MRQ_CONTROL_FLUSH] = { "flush", WHO_OWNER, true },
	[MRQ_CONTROL_RELOAD] = { "reload", WHO_OWNER, true },
	[MRQ_CONTROL_REVOKED] = { "revoked", WHO_OWNER, true },
	[MRQ_CONTROL_DRAIN] = { "drain", WHO_OWNER, true },
};
#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

void
mrq_control_request_clear(struct mrq_control_request *request)
{
	free(request->path);
	*request = (struct mrq_control_request){ 0 };
}

static enum mrq_status
parse_verb(const struct mrq_json_node *root, enum mrq_control_verb *ret,
	   struct mrq_error *err)
{
	const char *name = mrq_json_node_text(root, "verb");

	if (!name)
		return mrq_fail(err, MRQ_E_INVAL,
				"a request is an object with a text 'verb'");
	for (size_t i = 0; i < N_VERBS; i++) {
		if (strcmp(verbs[i].name, name) == 0) {
			*ret = (enum mrq_control_verb)i;
			return MRQ_OK;
		}
	}
	return mrq_fail(err, MRQ_E_INVAL, "unknown verb '%.64s'", name);
}

static enum mrq_status
parse_path(const struct mrq_json_node *node, struct mrq_control_request *ret,
	   struct mrq_error *err)
{
	if (node->kind != MRQ_JSON_STRING)
		return mrq_fail(err, MRQ_E_INVAL, "'path' must be a text");
	if (node->len >= MRQ_CONTROL_PATH_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "'path' is longer than %u bytes",
				MRQ_CONTROL_PATH_MAX - 1);
	ret->path = strdup(node->text);
	if (!ret->path)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a path");
	return MRQ_OK;
}

static enum mrq_status
parse_seconds(const struct mrq_json_node *node, struct mrq_control_request *ret,
	      struct mrq_error *err)
{
	int64_t v;

	if (!mrq_json_node_integer(node, &v) || v < 0 || v > MRQ_CONTROL_DRAIN_MAX)
		return mrq_fail(err, MRQ_E_INVAL,
				"'seconds' must be a whole number from 0 to %u",
				MRQ_CONTROL_DRAIN_MAX);
	ret->seconds = (unsigned)v;
	return MRQ_OK;
}

static enum mrq_status
parse_member(const struct mrq_json_node *node, struct mrq_control_request *ret,
	     struct mrq_error *err)
{
	if (strcmp(node->name, "verb") == 0)
		return MRQ_OK;
	if (ret->verb == MRQ_CONTROL_WHY && strcmp(node->name, "path") == 0)
		return parse_path(node, ret, err);
	if (ret->verb == MRQ_CONTROL_DRAIN && strcmp(node->name, "seconds") == 0)
		return parse_seconds(node, ret, err);
	return mrq_fail(err, MRQ_E_INVAL, "verb '%s' takes no member '%.64s'",
			verbs[ret->verb].name, node->name);
}

enum mrq_status
mrq_control_parse(const char *text, size_t len, struct mrq_control_request *ret,
		  struct mrq_error *err)
{
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	struct mrq_control_request request MRQ_CLEANUP(mrq_control_request_clear) = {
		.seconds = MRQ_CONTROL_DRAIN_DEFAULT,
	};

	if (len > MRQ_CONTROL_MESSAGE_MAX)
		return mrq_fail(err, MRQ_E_LIMIT, "a request is longer than %u bytes",
				MRQ_CONTROL_MESSAGE_MAX);
	MRQ_TRY(mrq_json_doc_parse(text, len, &doc, err));
	const struct mrq_json_node *root = mrq_json_doc_root(doc);
	MRQ_TRY(parse_verb(root, &request.verb, err));
	for (const struct mrq_json_node *m = root->child; m; m = m->next)
		MRQ_TRY(parse_member(m, &request, err));
	*ret = request;
	request.path = NULL;
	return MRQ_OK;
}

bool
mrq_control_is_slow(enum mrq_control_verb verb)
{
	return verbs[verb].slow;
}

enum mrq_status
mrq_control_allow(const struct mrq_control_mount *mount, uid_t uid,
		  enum mrq_control_verb verb, struct mrq_error *err)
{
	if (verbs[verb].who == WHO_ANYONE || uid == 0 || uid == mount->owner)
		return MRQ_OK;
	return mrq_fail(err, MRQ_E_DENIED,
			"verb '%s' is for root and the user who mounted '%s'",
			verbs[verb].name, mount->mount_point);
}

/* Below the mount: "docs/q3.txt"; an absolute path loses the mount point. */
static enum mrq_status
below_mount(const char *mount_point, const char *path, const char **ret,
	    struct mrq_error *err)
{
	size_t n = strlen(mount_point);

	if (*path == '/') {
		if (strncmp(path, mount_point, n) != 0 ||
		    (path[n] != '/' && path[n] != '\0'))
			return mrq_fail(err, MRQ_E_INVAL, "'%s' is not below '%s'",
					path, mount_point);
		path += n;
	}
	while (*path == '/')
		path++;
	*ret = path;
	return MRQ_OK;
}

static enum mrq_status
serve_why(const struct mrq_control_mount *mount, uid_t uid, const char *path,
	  struct mrq_json_out *out, struct mrq_error *err)
{
	char sentence[2048] = "";
	const char *below = NULL;

	if (path)
		MRQ_TRY(below_mount(mount->mount_point, path, &below, err));
	MRQ_TRY(mount->ops->why(mount->arg, uid, below, sentence, sizeof(sentence),
				err));
	mrq_json_out_text(out, "why", sentence);
	return MRQ_OK;
}

static enum mrq_status
serve_verb(const struct mrq_control_mount *mount, uid_t uid,
	   const struct mrq_control_request *request, struct mrq_json_out *out,
	   struct mrq_error *err)
{
	const struct mrq_control_ops *ops = mount->ops;

	switch (request->verb) {
	case MRQ_CONTROL_WHY:
		return serve_why(mount, uid, request->path, out, err);
	case MRQ_CONTROL_STATUS:
		return ops->status(mount->arg, out, err);
	case MRQ_CONTROL_COUNTERS:
		return ops->counters(mount->arg, out, err);
	case MRQ_CONTROL_FLUSH:
		return ops->flush(mount->arg, err);
	case MRQ_CONTROL_RELOAD:
		return ops->reload(mount->arg, err);
	case MRQ_CONTROL_REVOKED:
		return ops->revoked(mount->arg, err);
	case MRQ_CONTROL_DRAIN:
		return ops->drain(mount->arg, request->seconds, err);
	}
	return mrq_fail(err, MRQ_E_INVAL, "unknown verb");
}

char *
mrq_control_serve(const struct mrq_control_mount *mount, uid_t uid,
		  const struct mrq_control_request *request)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	struct mrq_error err = { 0 };
	char *text = NULL;

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_text(&out, "status", mrq_status_name(MRQ_OK));
	if (serve_verb(mount, uid, request, &out, &err) != MRQ_OK)
		return mrq_control_refusal(&err);
	mrq_json_out_end(&out, '}');
	if (mrq_json_out_finish(&out, &text, &err) != MRQ_OK)
		return mrq_control_refusal(&err);
	if (strlen(text) > MRQ_CONTROL_MESSAGE_MAX) {
		free(text);
		(void)mrq_fail(&err, MRQ_E_LIMIT, "the answer is longer than %u bytes",
			       MRQ_CONTROL_MESSAGE_MAX);
		return mrq_control_refusal(&err);
	}
	return text;
}

char *
mrq_control_refusal(const struct mrq_error *why)
{
	struct mrq_json_out out MRQ_CLEANUP(mrq_json_out_clear) = { 0 };
	char *text = NULL;

	mrq_json_out_begin(&out, NULL, '{');
	mrq_json_out_text(&out, "status", mrq_status_name(why->status));
	mrq_json_out_text(&out, "message", why->msg);
	mrq_json_out_end(&out, '}');
	return mrq_json_out_finish(&out, &text, NULL) == MRQ_OK ? text : NULL;
}
