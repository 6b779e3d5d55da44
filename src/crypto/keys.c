/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The key types: the same for each, so that no two can be taken for one another. */
#include "secret.h"

#include <sodium.h>

void
mrq_wipe(void *p, size_t len)
{
	sodium_memzero(p, len);
}

int
mrq_equal(const void *a, const void *b, size_t len)
{
	return sodium_memcmp(a, b, len) == 0;
}

void
mrq_content_key_wipe(struct mrq_content_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

void
mrq_data_key_wipe(struct mrq_data_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

void
mrq_wrap_key_wipe(struct mrq_wrap_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

void
mrq_mac_key_wipe(struct mrq_mac_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

void
mrq_block_key_wipe(struct mrq_block_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

void
mrq_seal_key_wipe(struct mrq_seal_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

void
mrq_content_key_random(struct mrq_content_key *ret)
{
	mrq_random(ret->bytes, sizeof(ret->bytes));
}

void
mrq_data_key_random(struct mrq_data_key *ret)
{
	mrq_random(ret->bytes, sizeof(ret->bytes));
}

void
mrq_seal_key_random(struct mrq_seal_key *ret)
{
	mrq_random(ret->bytes, sizeof(ret->bytes));
}
