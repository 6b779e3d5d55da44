/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_RIG_H
#define MRQ_TEST_RIG_H

/*
 * A mount without a kernel: the operations themselves on a temporary source, with the real
 * library and an authority of its own.  What would be told to the kernel is not.
 */
#include "check.h"

#include "fs/attach.h"
#include "fs/fence.h"
#include "fs/inode.h"
#include "fs/ops.h"
#include "fs/path.h"
#include "fs/settle.h"

#include <marque/marque.h>

#define ANN 70001u
#define BOB 70002u

struct rig {
	char dir[64], source[96], state[96], conf[128];
	struct mrq_session *session;
	struct mrq_fs *fs;
};

int rig_setup(void **state);
int rig_teardown(void **state);

struct mrq_inode *rig_root(const struct rig *r);
struct mrq_call rig_call(const struct rig *r, uid_t uid);
/** Write a file of the source, as somebody behind the mount. */
void rig_behind(const struct rig *r, const char *name, const char *text);
/** Make a file through the mount, with some text; *ret_ino gets the lookup's reference. */
struct mrq_inode *rig_make(const struct rig *r, uid_t uid, const char *name,
			   const char *text);
/** Content through the mount; NULL and *ret_errno when that is refused.  Freed by the caller. */
char *rig_content(const struct rig *r, uid_t uid, const char *name, int *ret_errno);
/** Is the file of the source a container? */
bool rig_protected(const struct rig *r, const char *name);
struct mrq_inode *rig_find(const struct rig *r, const char *name);
void rig_drop(const struct rig *r, struct mrq_inode *ino);
int rig_errno(enum mrq_status st, const struct mrq_error *err);
enum mrq_status rig_label(const struct rig *r, uid_t uid, struct mrq_inode *ino,
			  const char *value, struct mrq_error *err);

#endif
