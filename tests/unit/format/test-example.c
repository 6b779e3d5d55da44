/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * marque-format(5) "EXAMPLES", computed by our own code; the page's numbers were not.
 * (Blocks: the vectors.)
 */
#include "../check.h"

#include "base/bytes.h"
#include "format/tree.h"

static const struct mrq_guid file_id = { "@ABCDEFGHIJKLMNO" };

static struct mrq_content_key content_key;
static struct mrq_data_key data_key;

static int
setup(void **state)
{
	(void)state;
	for (uint8_t i = 0; i < MRQ_KEY_BYTES; i++) {
		content_key.bytes[i] = i;
		data_key.bytes[i] = i + 32;
	}
	return mrq_crypto_init(NULL);
}

static void
equals_hex(const void *data, size_t len, const char *hex)
{
	char text[2 * 64 + 1];

	assert_true(len <= 64);
	mrq_hex_encode(data, len, text);
	assert_string_equal(text, hex);
}

static void
keys(void **state)
{
	(void)state;
	struct mrq_wrap_key wrap;
	struct mrq_mac_key header, tree;
	struct mrq_block_key block;
	uint8_t commitment[MRQ_COMMIT_BYTES], wrapped[MRQ_WRAPPED_BYTES];

	mrq_kdf_wrap_key(&content_key, &file_id, &wrap);
	mrq_kdf_header_key(&data_key, &file_id, &header);
	mrq_kdf_tree_key(&data_key, &file_id, &tree);
	mrq_kdf_block_key(&data_key, &file_id, 1, &block);
	mrq_kdf_commitment(&data_key, &file_id, commitment);
	mrq_key_wrap(&wrap, &data_key, wrapped);
	equals_hex(wrap.bytes, 32,
		   "1992c4c17d9942d2456f0b89e59a1047200f1e4924a445974e298e9c45277382");
	equals_hex(header.bytes, 32,
		   "c09abc6f820e8a5bcb07f3a7330e6fe5247a20d3376653e96f60d75c5bfc2487");
	equals_hex(tree.bytes, 32,
		   "acb6d1ce68a4318692ffd276ca8dc6ca6f5e50c5ea8920f33edd80d5be270620");
	equals_hex(block.bytes, 32,
		   "a97090831b8028f8241d87c9b4eaf624717f6644d5f35ad4ce67301b44e4b178");
	equals_hex(commitment, 32,
		   "fca210210c9efac51e7b17f47bf279ef35a432d2c4280c5c136c3c0c6ec0fe2c");
	equals_hex(wrapped, 40,
		   "095ce2ac5025ee3900ddf13d34b40d492cf6eba29556c7d5acee3b669cabfd28"
		   "76277b71b653d454");
}

static const char entry_hex[] =
	"505152535455565758595a5bece48f65e587558bd5e13b2549dee4f001000000";

static void
tag_page(void **state)
{
	(void)state;
	struct mrq_mac_key key;
	struct mrq_layout layout = mrq_layout_make(1, 12);
	struct mrq_tree tree;
	uint8_t page[MRQ_PAGE] = { 0 }, mac[MRQ_TREE_MAC_BYTES];

	mrq_kdf_tree_key(&data_key, &file_id, &key);
	mrq_tree_init(&tree, &layout, &file_id, NULL, NULL);
	tree.key = &key;
	assert_true(mrq_hex_decode(entry_hex, page, MRQ_ENTRY_BYTES));
	mrq_tree_mac(&tree, 0, 3, page, mac);
	equals_hex(mac, sizeof(mac), "3156c55f2f83e1388d84d93735d1b931");
	mrq_tree_clear(&tree);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keys, setup),
		cmocka_unit_test_setup(tag_page, setup),
	};

	return CHECK_MAIN(tests);
}
