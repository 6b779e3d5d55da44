/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "audit.h"

#include "attach.h"
#include "base/log.h"
#include "path.h"

bool
mrq_audit_facts(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_facts *ret)
{
	struct stat st;
	enum mrq_file_kind kind;
	if (!S_ISREG(ino->type) || fstat(ino->fd, &st) < 0 ||
	    mrq_attach_facts(fs, ino, &st, &kind, NULL) != MRQ_OK ||
	    kind != MRQ_FILE_PROTECTED)
		return false;
	return mrq_attach_all_facts(fs, ino, ret, NULL) == MRQ_OK;
}

void
mrq_audit_name(const struct mrq_call *call, enum mrq_audit_event event,
	       const struct mrq_facts *facts, struct mrq_inode *parent,
	       const char *name, struct mrq_inode *new_parent, const char *new_name)
{
	struct mrq_fs *fs = call->fs;
	char path[MRQ_FS_PATH_MAX], new_path[MRQ_FS_PATH_MAX];
	struct mrq_error err;
	mrq_path_child(fs->table, parent, name, path);
	struct mrq_audit_record record = {
		.event = event,
		.path = path,
		.file_id = facts->file_id,
		.content_id = facts->content_id,
		.label_before = facts->label_id,
		.granted = true,
	};
	if (new_parent) {
		mrq_path_child(fs->table, new_parent, new_name, new_path);
		record.new_path = new_path;
		record.label_after = facts->label_id;
	}
	if (mrq_session_audit(fs->session, &call->who, &record, &err) != MRQ_OK)
		mrq_log(MRQ_LOG_WARNING, "audit: %s", err.msg);
}
