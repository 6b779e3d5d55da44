/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_TEST_AUTHORITY_FIXTURE_H
#define MRQ_TEST_AUTHORITY_FIXTURE_H

/*
 * An authority of example.com in a folder of its own, sealed to a "machine" that is a key of this
 * process, and a client that mints with a certificate for a host.  NOW is when everything happens.
 */
#include "check.h"

#include "authority/admin.h"
#include "authority/authority.h"
#include "authority/verify.h"
#include "base/clock.h"
#include "base/guid.h"
#include "core/provider.h"
#include "core/publish.h"

#include <jansson.h>

#define ORG "example.com"
#define NOW 1800000000ll
#define DAY 86400ll

struct world {
	char dir[64];
	struct mrq_seal_key machine;
	struct mrq_authority *a; /* owned by provider */
	struct mrq_provider *provider;
	struct mrq_publishing *publishing;
	struct mrq_error err;
};

/** For cmocka: *state is a struct world. */
int world_setup(void **state);
int world_teardown(void **state);
/** The same by hand, for tests of more than one authority. */
void world_open(struct world *w, const char *org);
void world_close(struct world *w);
void dir_make(char ret[static 64]);
void dir_remove(const char *dir);
/** Another certificate and key to mint with. */
void world_publishing(struct world *w, const char *subject,
		      struct mrq_publishing **ret);

/** A command that must succeed; the caller frees the answer. */
json_t *admin(struct world *w, const char *verb, const char *args);
/** The same for those whose answer is nothing to the test. */
void admin_do(struct world *w, const char *verb, const char *args);
/** printf into one of four static buffers, for arguments. */
const char *fmt(const char *format, ...) __attribute__((format(printf, 1, 2)));
/** A member of a listed document that has member `by` equal to `value`; fails when absent. */
const char *listed(const json_t *list, const char *by, const char *value,
		   const char *member);
struct mrq_guid guid_of(const char *text);
/** Id of a label or template by name. */
struct mrq_guid label_id(struct world *w, const char *name);
struct mrq_guid template_id(struct world *w, const char *name);

/** What an ad-hoc licence by owner@ and issuer@ without grants is; edit and mint. */
struct mrq_mint ad_hoc(void);
struct mrq_mint by_template(const struct mrq_guid *id);
char *mint(struct world *w, const struct mrq_mint *what);
char *mint_at(struct world *w, const struct mrq_mint *what, int64_t now,
	      struct mrq_content_key *ret_key);
struct mrq_grant grant(const char *who, mrq_rights rights);

/** Ask as `mail` at `now`. */
enum mrq_status use_at(struct world *w, const char *pl, const char *mail, int64_t now,
		       struct mrq_use_licence *ret);
/** Rights at NOW; must succeed. */
mrq_rights rights_of(struct world *w, const char *pl, const char *mail);

#endif
