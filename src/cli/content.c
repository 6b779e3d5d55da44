/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "content.h"

#include <string.h>

#include <marque/file.h>

#include "base/json-doc.h"
#include "walk.h"

static enum mrq_status
take_id(const struct mrq_json_node *status, const char *name,
	char ret[static MRQ_GUID_TEXT], const char *path, struct mrq_error *err)
{
	const char *text = mrq_json_node_text(status, name);
	struct mrq_guid id;

	if (!text || !mrq_guid_parse(text, &id))
		return mrq_fail(err, MRQ_E_PLAIN, "'%s' is not protected", path);
	mrq_guid_format(&id, ret);
	return MRQ_OK;
}

static enum mrq_status
visit(struct cli *cli, const struct cli_target *target, void *arg,
      struct mrq_error *err)
{
	struct cli_content *ret = arg;
	struct mrq_json_doc *doc MRQ_CLEANUP(mrq_json_doc_free) = NULL;
	struct mrq_session *session = NULL;
	char *text MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(cli_session(cli, MRQ_SESSION_CLEAR, &session, err));
	MRQ_TRY(mrq_path_status(session, target->real, &text, err));
	MRQ_TRY(mrq_json_doc_parse(text, strlen(text), &doc, err));
	const struct mrq_json_node *status = mrq_json_doc_root(doc);
	MRQ_TRY(take_id(status, "content_id", ret->content_id, target->path, err));
	MRQ_TRY(take_id(status, "file_id", ret->file_id, target->path, err));
	if (target->where == CLI_IN_MOUNT)
		return MRQ_OK;
	(void)snprintf(ret->real_path, sizeof(ret->real_path), "%s", target->real);
	ret->real = ret->real_path;
	return MRQ_OK;
}

enum mrq_status
cli_content_find(struct cli *cli, const char *what, struct cli_content *ret,
		 struct mrq_error *err)
{
	static const char prefix[] = "file:";
	const size_t n = sizeof(prefix) - 1;
	struct mrq_guid id;

	*ret = (struct cli_content){ .real = NULL };
	if (mrq_guid_parse(what, &id)) {
		mrq_guid_format(&id, ret->content_id);
		return MRQ_OK;
	}
	if (strncmp(what, prefix, n) != 0)
		return cli_visit_one(cli, what, false, visit, ret, err);
	if (!mrq_guid_parse(what + n, &id))
		return mrq_fail(err, MRQ_E_INVAL, "'%.64s' names no file id", what);
	mrq_guid_format(&id, ret->file_id);
	ret->file_given = true;
	return MRQ_OK;
}
