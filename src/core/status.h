/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_CORE_STATUS_H
#define MRQ_CORE_STATUS_H

/* The members of a status object, marque-status(1) "JSON"; written into an open object. */
#include "base/json-doc.h"
#include "format/container.h"

#include <marque/session.h>

/** c NULL: a plain file. */
void mrq_status_write(struct mrq_session *s, struct mrq_container *c,
		      struct mrq_json_out *out);

#endif
