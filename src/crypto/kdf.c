/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "kdf.h"

#include <openssl/err.h>

#include "base/bytes.h"
#include "internal.h"

#include <assert.h>
#include <string.h>

#define PURPOSE_MAX        16
#define PUBLISHING_KID_MAX 64
#define INFO_MAX           (PURPOSE_MAX + 1 + sizeof(struct mrq_guid) + sizeof(uint32_t))

/* Not EVP_KDF: it allocates, and so could fail where the callers cannot. */
void
mrq_hkdf(const struct mrq_piece *salt, const uint8_t key[static MRQ_KEY_BYTES],
	 const struct mrq_piece *info, uint8_t ret[static MRQ_KEY_BYTES])
{
	static const uint8_t counter = 1;
	const struct mrq_piece input = { key, MRQ_KEY_BYTES };
	const struct mrq_piece expand[] = { *info, { &counter, 1 } };
	uint8_t prk[MRQ_MAC_BYTES];

	mrq_hmac_raw(salt->data, salt->len, &input, 1, prk);
	mrq_hmac_raw(prk, sizeof(prk), expand, 2, ret);
	mrq_wipe(prk, sizeof(prk));
}

/* info = purpose || 0x00 || file id [|| generation]; marque-format(5) "Keys". */
static void
derive(const uint8_t key[static MRQ_KEY_BYTES], const char *purpose,
       const struct mrq_guid *file_id, const uint32_t *generation,
       uint8_t ret[static MRQ_KEY_BYTES])
{
	static const struct mrq_piece salt = { "marque-v1", 9 };
	uint8_t info[INFO_MAX];
	struct mrq_writer w = mrq_writer_make(info, sizeof(info));

	mrq_write_bytes(&w, purpose, strlen(purpose));
	mrq_write_u8(&w, 0);
	mrq_write_bytes(&w, file_id->bytes, sizeof(file_id->bytes));
	if (generation)
		mrq_write_u32(&w, *generation);
	assert(!w.failed);
	mrq_hkdf(&salt, key, &(struct mrq_piece){ info, sizeof(info) - w.left }, ret);
}

/* info = "content" || 0x00 || content id || publishing kid, without its NUL. */
void
mrq_kdf_content_key(const struct mrq_content_key *seed,
		    const struct mrq_guid *content_id, const char *publishing_kid,
		    struct mrq_content_key *ret)
{
	static const struct mrq_piece salt = { "marque-v1", 9 };
	static const char purpose[] = "content";
	const size_t kid_len = strlen(publishing_kid);
	uint8_t info[sizeof(purpose) + sizeof(*content_id) + PUBLISHING_KID_MAX];
	struct mrq_writer w = mrq_writer_make(info, sizeof(info));

	mrq_write_bytes(&w, purpose, sizeof(purpose));
	mrq_write_bytes(&w, content_id->bytes, sizeof(content_id->bytes));
	mrq_write_bytes(&w, publishing_kid, kid_len);
	assert(!w.failed);
	mrq_hkdf(&salt, seed->bytes, &(struct mrq_piece){ info, sizeof(info) - w.left },
		 ret->bytes);
}

void
mrq_kdf_wrap_key(const struct mrq_content_key *ck, const struct mrq_guid *file_id,
		 struct mrq_wrap_key *ret)
{
	derive(ck->bytes, "wrap", file_id, NULL, ret->bytes);
}

void
mrq_kdf_header_key(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
		   struct mrq_mac_key *ret)
{
	derive(dk->bytes, "header-mac", file_id, NULL, ret->bytes);
}

void
mrq_kdf_tree_key(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
		 struct mrq_mac_key *ret)
{
	derive(dk->bytes, "tree-mac", file_id, NULL, ret->bytes);
}

void
mrq_kdf_block_key(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
		  uint32_t generation, struct mrq_block_key *ret)
{
	derive(dk->bytes, "block", file_id, &generation, ret->bytes);
}

void
mrq_kdf_commitment(const struct mrq_data_key *dk, const struct mrq_guid *file_id,
		   uint8_t ret[static MRQ_COMMIT_BYTES])
{
	derive(dk->bytes, "commitment", file_id, NULL, ret);
}

static void
forget_key(EVP_CIPHER_CTX *kwp)
{
	static const uint8_t zeros[MRQ_KEY_BYTES];

	mrq_must(EVP_CipherInit_ex2(kwp, NULL, zeros, NULL, 1, NULL));
}

void
mrq_key_wrap(const struct mrq_wrap_key *wk, const struct mrq_data_key *dk,
	     uint8_t ret[static MRQ_WRAPPED_BYTES])
{
	EVP_CIPHER_CTX *kwp MRQ_CLEANUP(mrq_kwp_give) = mrq_kwp_take();
	int n;

	mrq_must(EVP_CipherInit_ex2(kwp, NULL, wk->bytes, NULL, 1, NULL));
	mrq_must(EVP_CipherUpdate(kwp, ret, &n, dk->bytes, sizeof(dk->bytes)));
	mrq_must(n == MRQ_WRAPPED_BYTES);
	forget_key(kwp);
}

enum mrq_status
mrq_key_unwrap(const struct mrq_wrap_key *wk,
	       const uint8_t wrapped[static MRQ_WRAPPED_BYTES],
	       struct mrq_data_key *ret, struct mrq_error *err)
{
	EVP_CIPHER_CTX *kwp MRQ_CLEANUP(mrq_kwp_give) = mrq_kwp_take();
	uint8_t plain[MRQ_WRAPPED_BYTES];
	int n = 0;

	mrq_must(EVP_CipherInit_ex2(kwp, NULL, wk->bytes, NULL, 0, NULL));
	int ok = EVP_CipherUpdate(kwp, plain, &n, wrapped, MRQ_WRAPPED_BYTES);
	forget_key(kwp);
	if (ok == 1 && n == MRQ_KEY_BYTES)
		memcpy(ret->bytes, plain, MRQ_KEY_BYTES);
	mrq_wipe(plain, sizeof(plain));
	if (ok != 1 || n != MRQ_KEY_BYTES) {
		ERR_clear_error();
		return mrq_fail(
			err, MRQ_E_DAMAGED,
			"the wrapped data key is damaged or not this licence's");
	}
	return MRQ_OK;
}
