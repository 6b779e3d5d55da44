/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MARQUE_MARQUE_H
#define MARQUE_MARQUE_H

#include <marque/audit.h>
#include <marque/authority.h>
#include <marque/control.h>
#include <marque/error.h>
#include <marque/file.h>
#include <marque/label.h>
#include <marque/log.h>
#include <marque/rights.h>
#include <marque/session.h>
#include <marque/types.h>
#include <marque/version.h>

#endif
