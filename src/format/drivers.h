/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_DRIVERS_H
#define MRQ_FORMAT_DRIVERS_H

/* What drivers/ exports: one line a format. */
#include "driver.h"

extern const struct mrq_driver mrq_driver_marque;

#endif
