/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_VERSION_H
#define MARQUE_VERSION_H

#include <marque/error.h>

/** Version this header was made for. */
#define MRQ_VERSION "0.1.0"
/** Version of the library that runs. */
MRQ_API const char *mrq_version(void);

#endif
