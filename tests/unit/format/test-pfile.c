/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "check.h"

#include "base/bytes.h"
#include "format/pfile.h"

#include <sys/mman.h>
#include <unistd.h>

#define TEXT      20u
#define H         (18u + TEXT)
#define FILE_SIZE 1024u

struct fields {
	uint32_t major, minor, redirect, header_size;
	uint32_t ext_off, ext_len, pl_off, pl_len, content;
	uint64_t size;
	uint32_t meta_off, meta_len;
};

static const struct fields good = { 3,      0,   TEXT, 40, H + 40,  4,
				    H + 44, 100, 300,  77, H + 144, 50 };

static void
encode(const struct fields *f, uint8_t ret[static FILE_SIZE])
{
	struct mrq_writer w = mrq_writer_make(ret, FILE_SIZE);

	memset(ret, 'x', FILE_SIZE);
	mrq_write_bytes(&w, ".pfile", 6);
	mrq_write_u32(&w, f->major);
	mrq_write_u32(&w, f->minor);
	mrq_write_u32(&w, f->redirect);
	mrq_write_fill(&w, 'r', TEXT);
	mrq_write_u32(&w, f->header_size);
	mrq_write_u32(&w, f->ext_off);
	mrq_write_u32(&w, f->ext_len);
	mrq_write_u32(&w, f->pl_off);
	mrq_write_u32(&w, f->pl_len);
	mrq_write_u32(&w, f->content);
	mrq_write_u64(&w, f->size);
	mrq_write_u32(&w, f->meta_off);
	mrq_write_u32(&w, f->meta_len);
	mrq_write_bytes(&w, ".txt", 4);
}

static enum mrq_status
decode(const struct fields *f, struct mrq_pfile_header *ret, struct mrq_error *err)
{
	uint8_t file[FILE_SIZE];

	encode(f, file);
	return mrq_pfile_header_decode(file, sizeof(file), sizeof(file), ret, err);
}

static void
versions_have_their_fields(void **state)
{
	struct fields f = good;
	struct mrq_pfile_header h;
	struct mrq_error err;

	(void)state;
	check_ok(decode(&f, &h, &err), &err);
	assert_int_equal(h.original_size, 77);
	assert_int_equal(h.metadata.len, 50);
	assert_int_equal(h.content.off, 300);
	assert_int_equal(h.content.len, FILE_SIZE - 300);
	assert_int_equal(mrq_pfile_size_max(&h), FILE_SIZE - 300);
	f.major = 2;
	check_ok(decode(&f, &h, &err), &err);
	assert_true(h.original_size == MRQ_PFILE_SIZE_UNKNOWN);
	assert_int_equal(h.metadata.len, 0);
	f.minor = 1;
	f.size = 0;
	check_ok(decode(&f, &h, &err), &err);
	assert_true(h.original_size == MRQ_PFILE_SIZE_UNKNOWN);
	assert_int_equal(h.metadata.len, 50);
	f.header_size = 24;
	check_ok(decode(&f, &h, &err), &err);
	assert_int_equal(h.metadata.len, 0);
}

static void
other_versions_are_refused(void **state)
{
	static const struct {
		uint32_t major, minor;
		enum mrq_status want;
	} cases[] = {
		{ 0, 0, MRQ_E_VERSION },        { 1, 0, MRQ_E_VERSION },
		{ 4, 0, MRQ_E_VERSION },        { 255, 0, MRQ_E_VERSION },
		{ 256, 0, MRQ_E_PLAIN },        { 3, 256, MRQ_E_PLAIN },
		{ UINT32_MAX, 0, MRQ_E_PLAIN },
	};
	struct mrq_pfile_header h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fields f = good;
		struct mrq_error err = { 0 };
		f.major = cases[i].major;
		f.minor = cases[i].minor;
		check_status(decode(&f, &h, &err), cases[i].want, &err);
	}
}

struct bad {
	size_t field; /* offset in struct fields */
	uint32_t value;
	enum mrq_status want;
	const char *says;
};
#define BAD(name, value, want, says)                                                   \
	{                                                                              \
		offsetof(struct fields, name), value, want, says                       \
	}

static const struct bad bads[] = {
	BAD(redirect, MRQ_PFILE_REDIRECT_MAX + 1, MRQ_E_LIMIT, "redirect"),
	BAD(redirect, UINT32_MAX, MRQ_E_LIMIT, "redirect"),
	BAD(redirect, FILE_SIZE, MRQ_E_FORMAT, "ends within"),
	BAD(header_size, 0, MRQ_E_FORMAT, "header of 0"),
	BAD(header_size, 23, MRQ_E_FORMAT, "header of 23"),
	BAD(header_size, UINT32_MAX, MRQ_E_FORMAT, "header of"),
	BAD(header_size, 300, MRQ_E_FORMAT, "content"),
	BAD(ext_off, 0, MRQ_E_FORMAT, "extension"),
	BAD(ext_off, UINT32_MAX, MRQ_E_FORMAT, "extension"),
	BAD(ext_off, 297, MRQ_E_FORMAT, "extension"),
	BAD(ext_off, H + 44, MRQ_E_FORMAT, "overlap"),
	BAD(ext_len, 5, MRQ_E_FORMAT, "overlap"),
	BAD(ext_len, 256, MRQ_E_LIMIT, "extension"),
	BAD(ext_len, UINT32_MAX, MRQ_E_LIMIT, "extension"),
	BAD(pl_off, 1, MRQ_E_FORMAT, "licence"),
	BAD(pl_off, UINT32_MAX - 1, MRQ_E_FORMAT, "licence"),
	BAD(pl_len, 0, MRQ_E_FORMAT, "no licence"),
	BAD(pl_len, 101, MRQ_E_FORMAT, "overlap"),
	BAD(pl_len, 1000, MRQ_E_FORMAT, "licence"),
	BAD(pl_len, 5u << 20, MRQ_E_LIMIT, "licence"),
	BAD(pl_len, UINT32_MAX, MRQ_E_LIMIT, "licence"),
	BAD(meta_off, H + 143, MRQ_E_FORMAT, "overlap"),
	BAD(meta_len, UINT32_MAX, MRQ_E_LIMIT, "metadata"),
	BAD(meta_len, 300, MRQ_E_FORMAT, "metadata"),
	BAD(content, 0, MRQ_E_FORMAT, "content"),
	BAD(content, H, MRQ_E_FORMAT, "content"),
	BAD(content, FILE_SIZE + 1, MRQ_E_FORMAT, "content"),
	BAD(content, UINT32_MAX, MRQ_E_FORMAT, "content"),
	BAD(content, H + 100, MRQ_E_FORMAT, "licence"),
};

static void
hostile_fields_are_refused_by_name(void **state)
{
	struct mrq_pfile_header h;

	(void)state;
	for (size_t i = 0; i < sizeof(bads) / sizeof(bads[0]); i++) {
		struct fields f = good;
		struct mrq_error err = { 0 };
		memcpy((char *)&f + bads[i].field, &bads[i].value, sizeof(uint32_t));
		check_status(decode(&f, &h, &err), bads[i].want, &err);
		if (!strstr(err.msg, bads[i].says))
			fail_msg("case %zu says '%s'", i, err.msg);
	}
}

static void
every_short_head_is_refused(void **state)
{
	uint8_t file[FILE_SIZE];
	struct mrq_pfile_header h;

	(void)state;
	encode(&good, file);
	for (size_t len = 0; len < H + 40; len++) {
		enum mrq_status want = len < 6 ? MRQ_E_PLAIN : MRQ_E_FORMAT;
		assert_int_equal(
			mrq_pfile_header_decode(file, len, FILE_SIZE, &h, NULL), want);
		assert_int_equal(mrq_pfile_probe(file, len), len >= 6);
	}
	assert_int_equal(mrq_pfile_header_decode(file, H + 40, FILE_SIZE, &h, NULL),
			 MRQ_OK);
}

static void
extensions_are_checked(void **state)
{
	char ret[MRQ_PFILE_EXTENSION_MAX + 1], text[300];

	(void)state;
	assert_int_equal(mrq_pfile_extension_decode(".txt", 4, ret, NULL), MRQ_OK);
	assert_string_equal(ret, ".txt");
	assert_int_equal(mrq_pfile_extension_decode(".txt", 5, ret, NULL), MRQ_OK);
	assert_string_equal(ret, ".txt");
	assert_int_equal(mrq_pfile_extension_decode(".pfile", 6, ret, NULL), MRQ_OK);
	assert_string_equal(ret, "");
	assert_int_equal(mrq_pfile_extension_decode("", 0, ret, NULL), MRQ_OK);
	assert_int_equal(mrq_pfile_extension_decode("txt", 3, ret, NULL), MRQ_E_FORMAT);
	assert_int_equal(mrq_pfile_extension_decode("./x", 3, ret, NULL), MRQ_E_FORMAT);
	assert_int_equal(mrq_pfile_extension_decode(".\nx", 3, ret, NULL),
			 MRQ_E_FORMAT);
	assert_int_equal(mrq_pfile_extension_decode(".x\0y", 4, ret, NULL),
			 MRQ_E_FORMAT);
	memset(text, '.', sizeof(text));
	assert_int_equal(mrq_pfile_extension_decode(text, 255, ret, NULL), MRQ_OK);
	assert_int_equal(mrq_pfile_extension_decode(text, 256, ret, NULL), MRQ_E_LIMIT);
}

static void
a_file_is_loaded(void **state)
{
	uint8_t file[FILE_SIZE];
	struct mrq_pfile p MRQ_CLEANUP(mrq_pfile_clear) = { 0 };
	struct mrq_error err;
	int fd = memfd_create("pfile", MFD_CLOEXEC);

	(void)state;
	encode(&good, file);
	assert_int_equal(write(fd, file, sizeof(file)), sizeof(file));
	check_ok(mrq_pfile_load(fd, "test", &p, &err), &err);
	assert_string_equal(p.extension, ".txt");
	assert_memory_equal(p.licence, file + H + 44, 100);
	assert_memory_equal(p.metadata, file + H + 144, 50);
	mrq_pfile_clear(&p);
	assert_int_equal(ftruncate(fd, 299), 0);
	check_status(mrq_pfile_load(fd, "test", &p, &err), MRQ_E_FORMAT, &err);
	assert_non_null(strstr(err.msg, "'test'"));
	assert_int_equal(ftruncate(fd, 0), 0);
	check_status(mrq_pfile_load(fd, "test", &p, &err), MRQ_E_PLAIN, &err);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_have_their_fields),
		cmocka_unit_test(other_versions_are_refused),
		cmocka_unit_test(hostile_fields_are_refused_by_name),
		cmocka_unit_test(every_short_head_is_refused),
		cmocka_unit_test(extensions_are_checked),
		cmocka_unit_test(a_file_is_loaded),
	};

	return CHECK_MAIN(tests);
}
