/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

void
dir_make(char ret[static 64])
{
	memcpy(ret, "/tmp/marque-authority-XXXXXX",
	       sizeof("/tmp/marque-authority-XXXXXX"));
	assert_non_null(mkdtemp(ret));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
dir_remove(const char *dir)
{
	(void)nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void
world_publishing(struct world *w, const char *subject, struct mrq_publishing **ret)
{
	check_ok(w->provider->ops->publish(w->provider, subject, NOW, INT64_MAX, ret,
					   &w->err),
		 &w->err);
}

void
world_open(struct world *w, const char *org)
{
	struct mrq_authority_unlock unlock = { .seal = MRQ_AUTHORITY_SEAL_MACHINE,
					       .machine_key = &w->machine };

	check_ok(mrq_crypto_init(&w->err), &w->err);
	dir_make(w->dir);
	mrq_seal_key_random(&w->machine);
	check_ok(mrq_authority_init(w->dir, org, &unlock, NOW, &w->err), &w->err);
	check_ok(mrq_authority_open(w->dir, &unlock, &w->a, &w->err), &w->err);
	check_ok(mrq_provider_embedded_new(w->a, &w->provider, &w->err), &w->err);
	world_publishing(w, "host:alpha", &w->publishing);
}

void
world_close(struct world *w)
{
	mrq_publishing_free(w->publishing);
	w->provider->ops->free(w->provider);
	dir_remove(w->dir);
}

int
world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	if (!w)
		return -1;
	world_open(w, ORG);
	*state = w;
	return 0;
}

int
world_teardown(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

const char *
fmt(const char *format, ...)
{
	static char buffers[4][8192];
	static unsigned next;
	char *at = buffers[next++ % 4];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(at, sizeof(buffers[0]), format, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof(buffers[0]));
	return at;
}

json_t *
admin(struct world *w, const char *verb, const char *args)
{
	char *text = NULL;

	check_ok(mrq_authority_admin(w->a, verb, args, NOW, &text, &w->err), &w->err);
	json_t *answer = json_loads(text, 0, NULL);
	assert_non_null(answer);
	free(text);
	return answer;
}

void
admin_do(struct world *w, const char *verb, const char *args)
{
	json_decref(admin(w, verb, args));
}

const char *
listed(const json_t *list, const char *by, const char *value, const char *member)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const char *have = json_string_value(json_object_get(item, by));
		if (have && strcmp(have, value) == 0)
			return json_string_value(json_object_get(item, member));
	}
	fail_msg("no item with %s = %s", by, value);
	return NULL;
}

struct mrq_guid
guid_of(const char *text)
{
	struct mrq_guid id;

	assert_non_null(text);
	assert_true(mrq_guid_parse(text, &id));
	return id;
}

static struct mrq_guid
id_of(struct world *w, const char *verb, const char *name)
{
	json_t *list = admin(w, verb, "{}");
	struct mrq_guid id = guid_of(listed(list, "name", name, "id"));

	json_decref(list);
	return id;
}

struct mrq_guid
label_id(struct world *w, const char *name)
{
	return id_of(w, "label list", name);
}

struct mrq_guid
template_id(struct world *w, const char *name)
{
	return id_of(w, "template list", name);
}

struct mrq_mint
ad_hoc(void)
{
	return (struct mrq_mint){
		.owner = "owner@example.com",
		.issuer = "issuer@example.com",
		.org = ORG,
		.expires = MRQ_NEVER,
		.offline_days = MRQ_OFFLINE_ALWAYS,
	};
}

struct mrq_mint
by_template(const struct mrq_guid *id)
{
	struct mrq_mint what = ad_hoc();

	what.template_id = *id;
	return what;
}

struct mrq_grant
grant(const char *who, mrq_rights rights)
{
	struct mrq_grant g = { .rights = rights };

	check_ok(mrq_principal_parse(who, &g.who, NULL), NULL);
	return g;
}

char *
mint_at(struct world *w, const struct mrq_mint *what, int64_t now,
	struct mrq_content_key *ret_key)
{
	char *pl = NULL;
	size_t len;

	check_ok(
		mrq_licence_mint(w->publishing, what, now, &pl, &len, ret_key, &w->err),
		&w->err);
	assert_int_equal(strlen(pl), len);
	return pl;
}

char *
mint(struct world *w, const struct mrq_mint *what)
{
	struct mrq_content_key key;
	char *pl = mint_at(w, what, NOW, &key);

	mrq_content_key_wipe(&key);
	return pl;
}

enum mrq_status
use_at(struct world *w, const char *pl, const char *mail, int64_t now,
       struct mrq_use_licence *ret)
{
	struct mrq_identity *who = NULL;

	check_ok(mrq_authority_identity(w->a, mail, NULL, 0, &who, &w->err), &w->err);
	enum mrq_status s =
		mrq_authority_use(w->a, pl, strlen(pl), who, now, ret, &w->err);
	mrq_identity_free(who);
	return s;
}

mrq_rights
rights_of(struct world *w, const char *pl, const char *mail)
{
	struct mrq_use_licence use = { 0 };

	check_ok(use_at(w, pl, mail, NOW, &use), &w->err);
	assert_int_equal(use.has_key, use.rights != 0);
	return use.rights;
}
