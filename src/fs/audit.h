/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FS_AUDIT_H
#define MRQ_FS_AUDIT_H

/* Records of what happens to the names of protected files. */
#include "creds.h"
#include "inode.h"

/** Facts of an inode for a record; false when it is not a protected file. */
bool mrq_audit_facts(struct mrq_fs *fs, struct mrq_inode *ino, struct mrq_facts *ret);
/** Record DELETE or RENAME (with a new name); a log that fails counts its gap itself. */
void mrq_audit_name(const struct mrq_call *call, enum mrq_audit_event event,
		    const struct mrq_facts *facts, struct mrq_inode *parent,
		    const char *name, struct mrq_inode *new_parent,
		    const char *new_name);

#endif
