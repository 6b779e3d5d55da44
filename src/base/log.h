/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_BASE_LOG_H
#define MRQ_BASE_LOG_H

/* The log hook is public: program and library share one. */
#include <marque/log.h>

#endif
