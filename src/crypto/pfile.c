/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pfile.h"

#include "base/bytes.h"
#include "internal.h"

#include <string.h>
#include <strings.h>

#define CBC4K_SEGMENT  4096u
#define CBC512_SEGMENT 512u
#define CBC4K_END      ((uint64_t)CBC4K_SEGMENT << 32) /* the segment count has 32 bits */

struct mrq_pfile_cipher {
	struct mrq_pfile_key *key; /* in the arena */
	enum mrq_pfile_mode mode;
	EVP_CIPHER *ecb, *cbc;
};

static const struct {
	enum mrq_pfile_mode mode;
	const char *name;
	size_t segment;
} modes[] = {
	{ MRQ_PFILE_CBC4K, "MICROSOFT.CBC4K", CBC4K_SEGMENT },
	{ MRQ_PFILE_ECB, "MICROSOFT.ECB", MRQ_PFILE_BLOCK },
	{ MRQ_PFILE_CBC512, "MICROSOFT.CBC512.NOPADDING", CBC512_SEGMENT },
};
#define N_MODES (sizeof(modes) / sizeof(modes[0]))

bool
mrq_pfile_mode_parse(const char *name, enum mrq_pfile_mode *ret)
{
	for (size_t i = 0; i < N_MODES; i++) {
		if (strcasecmp(modes[i].name, name) == 0) {
			*ret = modes[i].mode;
			return true;
		}
	}
	return false;
}

const char *
mrq_pfile_mode_name(enum mrq_pfile_mode mode)
{
	return modes[mode - MRQ_PFILE_CBC4K].name;
}

size_t
mrq_pfile_segment(enum mrq_pfile_mode mode)
{
	return modes[mode - MRQ_PFILE_CBC4K].segment;
}

void
mrq_pfile_key_wipe(struct mrq_pfile_key *key)
{
	mrq_wipe(key, sizeof(*key));
}

static bool
key_len_valid(size_t len)
{
	return len == 16 || len == 24 || len == 32;
}

enum mrq_status
mrq_pfile_key_random(size_t len, struct mrq_pfile_key *ret, struct mrq_error *err)
{
	if (!key_len_valid(len))
		return mrq_fail(err, MRQ_E_INVAL, "a key of %zu bytes is not AES's",
				len);
	mrq_pfile_key_wipe(ret);
	mrq_random(ret->bytes, len);
	ret->len = len;
	return MRQ_OK;
}

enum mrq_status
mrq_pfile_key_import(const void *bytes, size_t len, struct mrq_pfile_key *ret,
		     struct mrq_error *err)
{
	if (!key_len_valid(len))
		return mrq_fail(err, MRQ_E_VERSION,
				"a content key of %zu bytes is not AES's", len);
	mrq_pfile_key_wipe(ret);
	memcpy(ret->bytes, bytes, len);
	ret->len = len;
	return MRQ_OK;
}

enum mrq_status
mrq_pfile_cipher_new(const struct mrq_pfile_key *key, enum mrq_pfile_mode mode,
		     struct mrq_pfile_cipher **ret, struct mrq_error *err)
{
	static const char *const names[][2] = { { "AES-128-ECB", "AES-128-CBC" },
						{ "AES-192-ECB", "AES-192-CBC" },
						{ "AES-256-ECB", "AES-256-CBC" } };
	struct mrq_pfile_cipher *c MRQ_CLEANUP(mrq_pfile_cipher_free) =
		calloc(1, sizeof(*c));

	if (!key_len_valid(key->len))
		return mrq_fail(err, MRQ_E_INVAL, "a cipher without a key");
	if (!c)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a cipher");
	c->key = mrq_secret_alloc(sizeof(*c->key));
	if (!c->key)
		return mrq_fail(err, MRQ_E_NOMEM,
				"no locked memory for a key; raise RLIMIT_MEMLOCK");
	*c->key = *key;
	c->mode = mode;
	c->ecb = EVP_CIPHER_fetch(NULL, names[key->len / 8 - 2][0], NULL);
	c->cbc = EVP_CIPHER_fetch(NULL, names[key->len / 8 - 2][1], NULL);
	if (!c->ecb || !c->cbc)
		return mrq_fail(err, MRQ_E_SYS, "OpenSSL has no AES-%zu in CBC and ECB",
				key->len * 8);
	*ret = MRQ_STEAL(c);
	return MRQ_OK;
}

void
mrq_pfile_cipher_free(struct mrq_pfile_cipher *cipher)
{
	if (!cipher)
		return;
	EVP_CIPHER_free(cipher->ecb);
	EVP_CIPHER_free(cipher->cbc);
	mrq_secret_free(cipher->key);
	free(cipher);
}

/* A fork wipes the arena: nothing may ever be encrypted under the zeros it leaves. */
static EVP_CIPHER_CTX *
context_new(const struct mrq_pfile_cipher *c, const EVP_CIPHER *cipher, int enc)
{
	if (!key_len_valid(c->key->len))
		return NULL;
	EVP_CIPHER_CTX *ctx MRQ_CLEANUP(EVP_CIPHER_CTX_free) = EVP_CIPHER_CTX_new();

	if (!ctx ||
	    EVP_CipherInit_ex2(ctx, cipher, c->key->bytes, NULL, enc, NULL) != 1 ||
	    EVP_CIPHER_CTX_set_padding(ctx, 0) != 1)
		return NULL;
	return MRQ_STEAL(ctx);
}

/* CBC4K counts segments, CBC512 bytes. */
static bool
make_iv(EVP_CIPHER_CTX *ecb, enum mrq_pfile_mode mode, uint64_t off,
	uint8_t ret[static MRQ_PFILE_BLOCK])
{
	uint8_t block[MRQ_PFILE_BLOCK] = { 0 };
	struct mrq_writer w = mrq_writer_make(block, sizeof(block));
	int n;

	mrq_write_u64(&w, mode == MRQ_PFILE_CBC4K ? off / CBC4K_SEGMENT : off);
	return EVP_CipherUpdate(ecb, ret, &n, block, sizeof(block)) == 1;
}

static bool
update(EVP_CIPHER_CTX *ctx, const uint8_t *iv, const uint8_t *in, uint8_t *out,
       size_t len)
{
	int n;

	return EVP_CipherInit_ex2(ctx, NULL, NULL, iv, -1, NULL) == 1 &&
	       EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 &&
	       EVP_CipherUpdate(ctx, out, &n, in, (int)len) == 1 && n == (int)len;
}

static bool
run_segments(const struct mrq_pfile_cipher *c, EVP_CIPHER_CTX *iv_ctx,
	     EVP_CIPHER_CTX *ctx, uint64_t off, const uint8_t *prev, const uint8_t *in,
	     uint8_t *out, size_t len)
{
	size_t segment = mrq_pfile_segment(c->mode);
	uint8_t iv[MRQ_PFILE_BLOCK];

	while (len > 0) {
		size_t n = segment - off % segment;
		if (n > len)
			n = len;
		if (off % segment != 0)
			memcpy(iv, prev, sizeof(iv));
		else if (!make_iv(iv_ctx, c->mode, off, iv))
			return false;
		if (!update(ctx, iv, in, out, n))
			return false;
		off += n;
		in += n;
		out += n;
		len -= n;
	}
	return true;
}

static enum mrq_status
check_place(const struct mrq_pfile_cipher *c, uint64_t off, const uint8_t *prev,
	    size_t len, struct mrq_error *err)
{
	if (off % MRQ_PFILE_BLOCK != 0 || len % MRQ_PFILE_BLOCK != 0 ||
	    (!prev && off % mrq_pfile_segment(c->mode) != 0))
		return mrq_fail(err, MRQ_E_INVAL,
				"%zu bytes at %llu are not whole blocks", len,
				(unsigned long long)off);
	if (len > MRQ_PFILE_CHUNK_MAX || off > UINT64_MAX - len ||
	    (c->mode == MRQ_PFILE_CBC4K && off + len > CBC4K_END))
		return mrq_fail(err, MRQ_E_LIMIT, "%zu bytes at %llu are too many", len,
				(unsigned long long)off);
	return MRQ_OK;
}

static enum mrq_status
run(const struct mrq_pfile_cipher *c, int enc, uint64_t off, const uint8_t *prev,
    const uint8_t *in, uint8_t *out, size_t len, struct mrq_error *err)
{
	bool ecb = c->mode == MRQ_PFILE_ECB, ok = true;

	MRQ_TRY(check_place(c, off, prev, len, err));
	EVP_CIPHER_CTX *ctx MRQ_CLEANUP(EVP_CIPHER_CTX_free) =
		context_new(c, ecb ? c->ecb : c->cbc, enc);
	EVP_CIPHER_CTX *iv MRQ_CLEANUP(EVP_CIPHER_CTX_free) =
		ecb ? NULL : context_new(c, c->ecb, 1);
	if (!ctx || (!ecb && !iv))
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for a cipher's context");
	if (ecb && len > 0)
		ok = update(ctx, NULL, in, out, len);
	else if (!ecb)
		ok = run_segments(c, iv, ctx, off, prev, in, out, len);
	if (ok)
		return MRQ_OK;
	mrq_wipe(out, len);
	return mrq_fail(err, MRQ_E_SYS, "OpenSSL cannot %s %zu bytes at %llu",
			enc ? "encrypt" : "decrypt", len, (unsigned long long)off);
}

enum mrq_status
mrq_pfile_encrypt(const struct mrq_pfile_cipher *cipher, uint64_t off,
		  const uint8_t *prev, const uint8_t *in, uint8_t *out, size_t len,
		  struct mrq_error *err)
{
	return run(cipher, 1, off, prev, in, out, len, err);
}

enum mrq_status
mrq_pfile_decrypt(const struct mrq_pfile_cipher *cipher, uint64_t off,
		  const uint8_t *prev, const uint8_t *in, uint8_t *out, size_t len,
		  struct mrq_error *err)
{
	return run(cipher, 0, off, prev, in, out, len, err);
}

size_t
mrq_pfile_pad(uint8_t block[static MRQ_PFILE_BLOCK], uint64_t size)
{
	size_t n = MRQ_PFILE_BLOCK - size % MRQ_PFILE_BLOCK;

	memset(block + MRQ_PFILE_BLOCK - n, (int)n, n);
	return n;
}

enum mrq_status
mrq_pfile_unpad(const uint8_t block[static MRQ_PFILE_BLOCK], size_t *ret,
		struct mrq_error *err)
{
	uint8_t n = block[MRQ_PFILE_BLOCK - 1];
	bool good = n >= 1 && n <= MRQ_PFILE_BLOCK;

	for (size_t i = 1; i <= MRQ_PFILE_BLOCK; i++)
		good = good && (i > n || block[MRQ_PFILE_BLOCK - i] == n);
	if (!good)
		return mrq_fail(err, MRQ_E_DAMAGED,
				"the end of the content is not padded: it is damaged "
				"or under another key");
	*ret = n;
	return MRQ_OK;
}
