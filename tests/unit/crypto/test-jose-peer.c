/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command jose(1) as a judge that we did not write, in both directions. */
#include <sys/wait.h>

#include "base/file.h"
#include "check.h"
#include "crypto/keyring.h"

#include <fcntl.h>

#define TYP "marque-test"

struct peer {
	char path[64];
	int fd;
	struct mrq_private_key *key;
	struct mrq_public_key *pub;
};

static int
run(const struct peer *p, const char *command)
{
	char line[1024];

	(void)snprintf(line, sizeof(line), "cd '%s' && %s", p->path, command);
	return system(line);
}

static int
peer_make(void **state)
{
	struct peer *p = calloc(1, sizeof(*p));
	char jwk[MRQ_JWK_MAX];

	*state = p;
	p->fd = -1;
	if (system("command -v jose >/dev/null 2>&1") != 0)
		return 0;
	(void)snprintf(p->path, sizeof(p->path), "/tmp/marque-test-XXXXXX");
	if (!mkdtemp(p->path))
		return -1;
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mrq_private_key_generate(&p->key, NULL) != MRQ_OK ||
	    mrq_private_key_public(p->key, &p->pub, NULL) != MRQ_OK)
		return -1;
	mrq_public_key_format(p->pub, jwk);
	if (mrq_file_replace(p->fd, "ours.jwk", jwk, strlen(jwk), 0600, NULL) != MRQ_OK)
		return -1;
	return 0;
}

static int
peer_remove(void **state)
{
	struct peer *p = *state;
	int s = p->fd < 0 ? 0 : run(p, "rm -rf \"$PWD\"");

	if (p->fd >= 0)
		(void)close(p->fd);
	mrq_private_key_free(p->key);
	mrq_public_key_free(p->pub);
	free(p);
	return s;
}

static void
need_jose(const struct peer *p)
{
	if (p->fd >= 0)
		return;
	print_message("# jose(1) is not installed: nobody to compare with\n");
	skip();
}

static char *
load(const struct peer *p, const char *name, size_t *ret_len)
{
	uint8_t *data = NULL;
	struct mrq_error err;

	check_ok(mrq_file_load(p->fd, name, 65536, &data, ret_len, &err), &err);
	while (*ret_len && data[*ret_len - 1] == '\n')
		data[--*ret_len] = '\0';
	return (char *)data;
}

static void
save(const struct peer *p, const char *name, const void *data, size_t len)
{
	struct mrq_error err;

	check_ok(mrq_file_replace(p->fd, name, data, len, 0600, &err), &err);
}

static struct mrq_public_key *
theirs(const struct peer *p, const char *gen)
{
	struct mrq_public_key *pub = NULL;
	struct mrq_error err;
	char command[256];
	size_t len;

	(void)snprintf(command, sizeof(command),
		       "jose jwk gen -i '%s' -o priv.jwk && "
		       "jose jwk pub -i priv.jwk -o pub.jwk",
		       gen);
	assert_int_equal(run(p, command), 0);
	char *jwk MRQ_CLEANUP(free) = load(p, "pub.jwk", &len);
	check_ok(mrq_public_key_parse(jwk, len, &pub, &err), &err);
	return pub;
}

static void
thumbprints_agree(void **state)
{
	const struct peer *p = *state;
	size_t len;

	need_jose(p);
	assert_int_equal(run(p, "jose jwk thp -i ours.jwk -a S256 -o ours.thp"), 0);
	char *kid MRQ_CLEANUP(free) = load(p, "ours.thp", &len);
	assert_string_equal(kid, mrq_public_key_kid(p->pub));
}

static void
jose_verifies_our_jws(void **state)
{
	const struct peer *p = *state;
	char *jws MRQ_CLEANUP(free) = NULL;
	struct mrq_error err;
	size_t len;

	need_jose(p);
	check_ok(mrq_jws_sign(p->key, TYP, "payload", 7, &jws, &err), &err);
	save(p, "jws", jws, strlen(jws));
	assert_int_equal(run(p, "jose jws ver -i jws -k ours.jwk -O out"), 0);
	char *out MRQ_CLEANUP(free) = load(p, "out", &len);
	assert_string_equal(out, "payload");

	jws[strlen(jws) - 10] ^= 1;
	save(p, "jws", jws, strlen(jws));
	assert_int_not_equal(
		run(p, "jose jws ver -i jws -k ours.jwk -O out 2>/dev/null"), 0);
}

static void
we_verify_joses_jws(void **state)
{
	const struct peer *p = *state;
	char *payload MRQ_CLEANUP(free) = NULL;
	struct mrq_error err;
	size_t len, payload_len;

	need_jose(p);
	struct mrq_public_key *pub MRQ_CLEANUP(mrq_public_key_free) =
		theirs(p, "{\"alg\":\"ES256\"}");
	save(p, "in", "hello", 5);
	assert_int_equal(run(p, "jose jws sig -I in -k priv.jwk -c -o jws "
				"-s '{\"protected\":{\"alg\":\"ES256\",\"typ\":\"" TYP
				"\"}}'"),
			 0);
	char *jws MRQ_CLEANUP(free) = load(p, "jws", &len);
	check_ok(mrq_jws_verify(jws, len, TYP, pub, &payload, &payload_len, &err),
		 &err);
	assert_string_equal(payload, "hello");
	char *none = NULL;
	check_status(mrq_jws_verify(jws, len, TYP, p->pub, &none, &payload_len, &err),
		     MRQ_E_FORGED, &err);
}

static void
jose_opens_our_jwe(void **state)
{
	const struct peer *p = *state;
	struct mrq_content_key ck;
	char *jwe MRQ_CLEANUP(free) = NULL;
	uint8_t *out MRQ_CLEANUP(free) = NULL;
	struct mrq_error err;
	size_t len;

	need_jose(p);
	struct mrq_public_key *pub MRQ_CLEANUP(mrq_public_key_free) =
		theirs(p, "{\"kty\":\"EC\",\"crv\":\"P-256\"}");
	mrq_content_key_random(&ck);
	check_ok(mrq_jwe_seal_content_key(pub, &ck, &jwe, &err), &err);
	save(p, "jwe", jwe, strlen(jwe));
	assert_int_equal(run(p, "jose jwe dec -i jwe -k priv.jwk -O out"), 0);
	check_ok(mrq_file_load(p->fd, "out", 100, &out, &len, &err), &err);
	assert_int_equal(len, sizeof(ck));
	assert_memory_equal(out, &ck, sizeof(ck));
}

static void
we_open_joses_jwe(void **state)
{
	const struct peer *p = *state;
	struct mrq_content_key ck, back;
	struct mrq_error err;
	size_t len;

	need_jose(p);
	mrq_content_key_random(&ck);
	save(p, "in", &ck, sizeof(ck));
	assert_int_equal(run(p, "jose jwe enc -I in -k ours.jwk -c -o jwe -i "
				"'{\"protected\":{\"alg\":\"ECDH-ES+A256KW\","
				"\"enc\":\"A256GCM\"}}'"),
			 0);
	char *jwe MRQ_CLEANUP(free) = load(p, "jwe", &len);
	check_ok(mrq_jwe_open_content_key(p->key, jwe, len, &back, &err), &err);
	assert_memory_equal(&ck, &back, sizeof(ck));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, peer_make, peer_remove)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(thumbprints_agree),   CASE(jose_verifies_our_jws),
		CASE(we_verify_joses_jws), CASE(jose_opens_our_jwe),
		CASE(we_open_joses_jwe),
	};

	return CHECK_MAIN(tests);
}
