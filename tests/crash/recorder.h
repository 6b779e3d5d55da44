/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_CRASH_RECORDER_H
#define MRQ_TEST_CRASH_RECORDER_H

#include "log.h"

#define EXPORT __attribute__((visibility("default")))

/** The log, while it is on; else NULL. */
struct crash_log *the_log(void);
/** Count a call of this kind; is it the one that is to fail? */
bool is_the_one(struct crash_log *log, enum crash_fail what);

#endif
