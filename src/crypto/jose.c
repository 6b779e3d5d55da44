/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "jose.h"

#include <sodium.h>

#include <stdio.h>
#include <string.h>

#define B64              sodium_base64_VARIANT_URLSAFE_NO_PADDING
#define COORDINATE_CHARS MRQ_B64_CHARS(MRQ_P256_BYTES)

char *
mrq_b64_put(char *to, const void *data, size_t len)
{
	size_t chars = MRQ_B64_CHARS(len);

	(void)sodium_bin2base64(to, chars + 1, data, len, B64);
	return to + chars;
}

static bool
is_alphabet(struct mrq_part text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		if ((c < 'A' || c > 'Z') && (c < 'a' || c > 'z') &&
		    (c < '0' || c > '9') && c != '-' && c != '_')
			return false;
	}
	return true;
}

/*
 * libsodium refuses stray bits at the end, but 1.0.18 takes some bytes above 127 for letters:
 * hence the look at the alphabet before.
 */
static bool
decode(struct mrq_part text, uint8_t *ret, size_t max, size_t *ret_len)
{
	const char *end = NULL;

	return is_alphabet(text) &&
	       sodium_base642bin(ret, max, text.at, text.len, NULL, ret_len, &end,
				 B64) == 0 &&
	       end == text.at + text.len;
}

bool
mrq_b64_get(struct mrq_part text, void *ret, size_t len)
{
	size_t got;

	return text.len == MRQ_B64_CHARS(len) && decode(text, ret, len, &got) &&
	       got == len;
}

enum mrq_status
mrq_b64_load(struct mrq_part text, const char *what, uint8_t **ret, size_t *ret_len,
	     struct mrq_error *err)
{
	size_t max = text.len / 4 * 3 + 3;
	uint8_t *data MRQ_CLEANUP(free) = malloc(max + 1);
	size_t got;

	if (!data)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for %s", what);
	if (!decode(text, data, max, &got))
		return mrq_fail(err, MRQ_E_FORMAT, "%s is not base64url", what);
	data[got] = '\0';
	*ret = MRQ_STEAL(data);
	*ret_len = got;
	return MRQ_OK;
}

enum mrq_status
mrq_compact_split(const char *text, size_t len, const char *what, struct mrq_part *ret,
		  size_t n, struct mrq_error *err)
{
	const char *end = text + len;

	for (size_t i = 0; i < n; i++) {
		const char *dot = memchr(text, '.', (size_t)(end - text));
		if (!dot != (i + 1 == n))
			return mrq_fail(err, MRQ_E_FORMAT, "%s does not have %zu parts",
					what, n);
		ret[i].at = text;
		ret[i].len = (size_t)((dot ? dot : end) - text);
		text = dot ? dot + 1 : end;
	}
	return MRQ_OK;
}

enum mrq_status
mrq_jose_header(struct mrq_part text, json_t **ret, struct mrq_error *err)
{
	uint8_t bytes[MRQ_JOSE_HEADER_MAX];
	size_t len;

	if (text.len > MRQ_B64_CHARS(sizeof(bytes)))
		return mrq_fail(err, MRQ_E_LIMIT, "a JOSE header is over %d bytes",
				MRQ_JOSE_HEADER_MAX);
	if (!decode(text, bytes, sizeof(bytes), &len))
		return mrq_fail(err, MRQ_E_FORMAT, "a JOSE header is not base64url");
	json_t *header MRQ_CLEANUP(json_decref) =
		json_loadb((const char *)bytes, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(header))
		return mrq_fail(err, MRQ_E_FORMAT,
				"a JOSE header is not a JSON object with unique names");
	if (json_object_get(header, "crit"))
		return mrq_fail(
			err, MRQ_E_FORMAT,
			"a JOSE header has critical extensions, and we know none");
	*ret = MRQ_STEAL(header);
	return MRQ_OK;
}

const char *
mrq_json_text(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);
	const char *text = json_string_value(value);

	return text && strlen(text) == json_string_length(value) ? text : NULL;
}

static bool
is_text(const json_t *object, const char *name, const char *wanted)
{
	const char *text = mrq_json_text(object, name);

	return text && strcmp(text, wanted) == 0;
}

static bool
get_coordinate(const json_t *jwk, const char *name, uint8_t *ret)
{
	const char *text = mrq_json_text(jwk, name);

	return text && mrq_b64_get((struct mrq_part){ text, strlen(text) }, ret,
				   MRQ_P256_BYTES);
}

enum mrq_status
mrq_jwk_point(const json_t *jwk, uint8_t ret[static MRQ_POINT_BYTES],
	      struct mrq_error *err)
{
	if (!is_text(jwk, "kty", "EC") || !is_text(jwk, "crv", "P-256"))
		return mrq_fail(err, MRQ_E_FORMAT, "a JWK is not an EC key on P-256");
	if (json_object_get(jwk, "d"))
		return mrq_fail(err, MRQ_E_FORMAT,
				"a JWK holds a private key where a public one belongs");
	ret[0] = POINT_CONVERSION_UNCOMPRESSED;
	if (!get_coordinate(jwk, "x", ret + 1) ||
	    !get_coordinate(jwk, "y", ret + 1 + MRQ_P256_BYTES))
		return mrq_fail(err, MRQ_E_FORMAT,
				"a JWK's coordinates are not 32 bytes in base64url");
	return MRQ_OK;
}

void
mrq_jwk_format(const uint8_t point[static MRQ_POINT_BYTES],
	       char ret[static MRQ_JWK_MAX])
{
	char x[COORDINATE_CHARS + 1], y[COORDINATE_CHARS + 1];

	(void)mrq_b64_put(x, point + 1, MRQ_P256_BYTES);
	(void)mrq_b64_put(y, point + 1 + MRQ_P256_BYTES, MRQ_P256_BYTES);
	(void)snprintf(ret, MRQ_JWK_MAX,
		       "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"%s\",\"y\":\"%s\"}",
		       x, y);
}

void
mrq_jwk_thumbprint(const uint8_t point[static MRQ_POINT_BYTES],
		   char ret[static MRQ_KID_TEXT])
{
	char jwk[MRQ_JWK_MAX];
	uint8_t digest[MRQ_SHA256_BYTES];

	mrq_jwk_format(point, jwk);
	mrq_sha256(jwk, strlen(jwk), digest);
	(void)mrq_b64_put(ret, digest, sizeof(digest));
}
