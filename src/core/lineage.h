/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_LINEAGE_H
#define MRQ_CORE_LINEAGE_H

/*
 * High-water marks of processes: which label a process has read, so that what it writes gets at
 * least that one, by whatever means it copies.  marquefs(8) "Labels follow the data".
 *
 * A mark reaches the process itself, processes it forked afterwards (by ancestry and start
 * time), and those of its process group that read from a pipe or socket or were orphaned: a
 * pipeline.
 * Thread-safe.
 */
#include "base/cleanup.h"
#include "core/program.h"

#include <marque/types.h>

#define MRQ_LINEAGE_MAX 4096u /* marks kept; the oldest go first */

struct mrq_lineage;
struct mrq_mark {
	struct mrq_guid label;
	int rank; /* of the label; higher is more sensitive */
};

MRQ_MUST_CHECK enum mrq_status mrq_lineage_new(struct mrq_lineage **ret,
					       struct mrq_error *err);
void mrq_lineage_free(struct mrq_lineage *lineage);
MRQ_DEFINE_CLEANUP(mrq_lineage_free, struct mrq_lineage *)

/** The process has read content of this label. */
void mrq_lineage_note(struct mrq_lineage *lineage, const struct mrq_process *process,
		      const struct mrq_mark *mark);
/** The highest mark that reaches a process; false when none does. Reads /proc when marks exist. */
bool mrq_lineage_mark(struct mrq_lineage *lineage, const struct mrq_process *process,
		      struct mrq_mark *ret);
/** True when there is no mark at all: the fast way out. */
bool mrq_lineage_empty(struct mrq_lineage *lineage);
#define MRQ_ANCESTORS_MAX 128
/** A process and its ancestors, itself first, as long as they live. */
struct mrq_ancestry {
	struct mrq_process line[MRQ_ANCESTORS_MAX];
	size_t n;
};
void mrq_ancestry_load(const struct mrq_process *process, struct mrq_ancestry *ret);
/**
 * Does a mark of `reader` reach what `writer` has open?  Also when writer is an ancestor: a shell
 * opens the file of "cat a >b", and cat inherits it.
 */
bool mrq_lineage_reaches(const struct mrq_ancestry *reader,
			 const struct mrq_process *writer);

#endif
