/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Our own container. */
#include "format/drivers.h"

#include <string.h>

static int
probe(const void *head, size_t len)
{
	return mrq_container_probe(head, len) ? 100 : 0;
}

static enum mrq_status
facts_load(int fd, const char *what, struct mrq_driver_facts *ret,
	   struct mrq_error *err)
{
	struct mrq_container_facts facts;

	MRQ_TRY(mrq_container_facts_load(fd, what, &facts, err));
	*ret = (struct mrq_driver_facts){
		.size = facts.size,
		.label_id = facts.label_id,
		.content_id = facts.content_id,
		.file_id = facts.file_id,
		.licence_type = facts.licence_type,
		.licence_len = facts.licence_len,
	};
	memcpy(ret->owner, facts.owner, sizeof(ret->owner));
	return MRQ_OK;
}

const struct mrq_driver mrq_driver_marque = {
	.name = "marque",
	.man_page = "marque-format(5)",
	.probe = probe,
	.facts_load = facts_load,
};
