/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "drivers.h"

static const struct mrq_driver *const drivers[] = {
	&mrq_driver_marque,
};

const struct mrq_driver *
mrq_driver_at(size_t i)
{
	return i < sizeof(drivers) / sizeof(drivers[0]) ? drivers[i] : NULL;
}

const struct mrq_driver *
mrq_driver_find(const void *head, size_t len)
{
	const struct mrq_driver *best = NULL, *d;
	int surest = 0;

	for (size_t i = 0; (d = mrq_driver_at(i)); i++) {
		int sure = d->probe(head, len);
		if (sure > surest) {
			surest = sure;
			best = d;
		}
	}
	return best;
}
