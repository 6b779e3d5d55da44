/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_STORE_MACHINE_H
#define MRQ_STORE_MACHINE_H

/*
 * Keys bound to this machine: a root-only secret file outside the state folder, mixed with
 * the machine id by HKDF, so that neither a copied state folder nor a copied secret alone opens.
 */
#include "crypto/seal.h"

/**
 * Load the machine secret, or make it (0600, O_EXCL) when absent, and derive a key.
 *
 * @secret_path   e.g. /etc/marque/machine.key; group or other readable is refused (MRQ_E_CONFIG)
 * @machine_id_path /etc/machine-id
 * @purpose       "licence-cache", "authority-keys", ...
 */
MRQ_MUST_CHECK enum mrq_status
mrq_machine_key(const char *secret_path, const char *machine_id_path,
		const char *purpose, struct mrq_seal_key *ret, struct mrq_error *err);

#endif
