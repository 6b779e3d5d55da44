/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_AUTHORITY_PEOPLE_H
#define MRQ_AUTHORITY_PEOPLE_H

/* Users, groups and memberships in the state: marque-authority(5), "PEOPLE". */
#include "authority/internal.h"

/** False when the value is damaged. */
bool mrq_membership_parse(const void *value, size_t len, struct mrq_membership *ret);

#endif
