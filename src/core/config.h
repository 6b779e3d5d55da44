/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_CONFIG_H
#define MRQ_CORE_CONFIG_H

/*
 * marque.conf(5): parsed once into plain values.  Names of labels are resolved later, against the
 * policy; the file is read with inih, at most MRQ_CONFIG_MAX bytes.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <marque/types.h>

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MRQ_CONFIG_MAX       (256u * 1024u)
#define MRQ_CONFIG_LINE_MAX  197u /* bytes without its end: what inih keeps of a line */
#define MRQ_CONFIG_ITEMS_MAX 4096u /* entries of each list */

/** One "name = value" of a list section. */
struct mrq_config_item {
	char *name, *value;
};
struct mrq_config_list {
	struct mrq_config_item *items;
	size_t n;
};

struct mrq_config {
	/* [identity] */
	char *user_pattern;           /* "%u@%o" */
	char *group_pattern;          /* "%g@%o" */
	struct mrq_config_list users; /* login name or uid -> mail */
	/* [labels] */
	struct mrq_config_list directories;   /* path below the mount -> label */
	struct mrq_config_list user_defaults; /* mail -> label */
	/* [exempt] label -> programs that do not carry it on, comma separated */
	struct mrq_config_list exempt;
	/* [programs] */
	struct mrq_config_list trusted; /* name unused; value: path or "sha256:HEX" */
	char *trusted_group;
	/* [mount] */
	bool plain_show;
	uint32_t block_size;
	uint32_t poll_seconds;
	/* [audit] */
	char *audit_path; /* NULL: audit.log in the state folder */
	bool journald, syslog;
	/* [cache] */
	uint32_t max_licences;
	/* [authority] */
	char *machine_key; /* NULL: machine.key beside the configuration */
	char *machine_id;  /* "/etc/machine-id" */
};

/** Defaults for all, then the file; a missing file is MRQ_OK.  MRQ_E_CONFIG names file and line, also
 * when everybody may write to it. */
MRQ_MUST_CHECK enum mrq_status
mrq_config_load(const char *path, struct mrq_config **ret, struct mrq_error *err);
/** The same from memory (fuzzed). */
MRQ_MUST_CHECK enum mrq_status mrq_config_parse(const char *text, const char *name,
						struct mrq_config **ret,
						struct mrq_error *err);
void mrq_config_free(struct mrq_config *config);
MRQ_DEFINE_CLEANUP(mrq_config_free, struct mrq_config *)

/** Value of a name in a list, NULL when absent. */
const char *mrq_config_list_get(const struct mrq_config_list *list, const char *name);

#endif
