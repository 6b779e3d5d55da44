/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pfile.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/file.h"

#define FIXED_BYTES  18u /* magic, version, length of the redirect text */
#define VERSION_END  256u
#define HEADER_2_0   24u
#define HEADER_2_1   40u /* with size and metadata */
#define NO_EXTENSION ".pfile"

static const uint8_t magic[6] = { '.', 'p', 'f', 'i', 'l', 'e' };

bool
mrq_pfile_probe(const void *head, size_t len)
{
	return len >= sizeof(magic) && memcmp(head, magic, sizeof(magic)) == 0;
}

static enum mrq_status
ends_early(struct mrq_error *err)
{
	return mrq_fail(err, MRQ_E_FORMAT, "the pfile ends within its header");
}

static enum mrq_status
check_version(uint32_t major, uint32_t minor, struct mrq_error *err)
{
	if (major >= VERSION_END || minor >= VERSION_END)
		return mrq_fail(err, MRQ_E_PLAIN, "it is no pfile");
	if (major < 2)
		return mrq_fail(err, MRQ_E_VERSION, "pfile version %u.%u is unknown",
				major, minor);
	if (major > 3)
		return mrq_fail(err, MRQ_E_VERSION,
				"pfile version %u.%u is newer than 3.0, which this "
				"program knows",
				major, minor);
	return MRQ_OK;
}

/* The part lies between the header's end and the content. */
static enum mrq_status
check_span(const struct mrq_pfile_span *span, const char *name, uint64_t limit,
	   uint64_t start, uint64_t end, struct mrq_error *err)
{
	if (span->len > limit)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the %s of the pfile has %llu bytes, more than %llu",
				name, (unsigned long long)span->len,
				(unsigned long long)limit);
	if (span->len > 0 &&
	    (span->off < start || span->off > end || span->len > end - span->off))
		return mrq_fail(err, MRQ_E_FORMAT,
				"the %s of the pfile lies outside its place", name);
	return MRQ_OK;
}

static bool
apart(const struct mrq_pfile_span *a, const struct mrq_pfile_span *b)
{
	return a->len == 0 || b->len == 0 || a->off + a->len <= b->off ||
	       b->off + b->len <= a->off;
}

static enum mrq_status
check_places(const struct mrq_pfile_header *h, uint64_t start, uint64_t file_size,
	     struct mrq_error *err)
{
	uint64_t end = h->content.off;

	if (end < start || end > file_size)
		return mrq_fail(err, MRQ_E_FORMAT,
				"the content of the pfile lies outside its place");
	if (h->licence.len == 0)
		return mrq_fail(err, MRQ_E_FORMAT, "the pfile has no licence");
	MRQ_TRY(check_span(&h->extension, "extension", MRQ_PFILE_EXTENSION_MAX, start,
			   end, err));
	MRQ_TRY(check_span(&h->licence, "licence", MRQ_PFILE_LICENCE_MAX, start, end,
			   err));
	MRQ_TRY(check_span(&h->metadata, "metadata", MRQ_PFILE_METADATA_MAX, start, end,
			   err));
	if (!apart(&h->extension, &h->licence) || !apart(&h->extension, &h->metadata) ||
	    !apart(&h->licence, &h->metadata))
		return mrq_fail(err, MRQ_E_FORMAT, "parts of the pfile overlap");
	return MRQ_OK;
}

static void
read_fields(struct mrq_reader *r, struct mrq_pfile_header *h)
{
	h->extension.off = mrq_read_u32(r);
	h->extension.len = mrq_read_u32(r);
	h->licence.off = mrq_read_u32(r);
	h->licence.len = mrq_read_u32(r);
	h->content.off = mrq_read_u32(r);
	h->original_size = MRQ_PFILE_SIZE_UNKNOWN;
	if ((h->major == 2 && h->minor == 0) || h->header_size < HEADER_2_1)
		return;
	h->original_size = mrq_read_u64(r);
	h->metadata.off = mrq_read_u32(r);
	h->metadata.len = mrq_read_u32(r);
	if (h->original_size == 0) /* AIP leaves it so, whatever the content is */
		h->original_size = MRQ_PFILE_SIZE_UNKNOWN;
}

enum mrq_status
mrq_pfile_header_decode(const void *head, size_t len, uint64_t file_size,
			struct mrq_pfile_header *ret, struct mrq_error *err)
{
	struct mrq_reader r = mrq_reader_make(head, len);
	struct mrq_pfile_header h = { 0 };

	if (!mrq_pfile_probe(head, len))
		return mrq_fail(err, MRQ_E_PLAIN, "it is no pfile");
	mrq_read_skip(&r, sizeof(magic));
	h.major = mrq_read_u32(&r);
	h.minor = mrq_read_u32(&r);
	uint32_t redirect = mrq_read_u32(&r);
	if (r.failed)
		return ends_early(err);
	MRQ_TRY(check_version(h.major, h.minor, err));
	if (redirect > MRQ_PFILE_REDIRECT_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the redirect text of the pfile has %u bytes, more "
				"than %u",
				redirect, MRQ_PFILE_REDIRECT_MAX);
	mrq_read_skip(&r, redirect);
	h.header_size = mrq_read_u32(&r);
	if (r.failed)
		return ends_early(err);
	if (h.header_size < HEADER_2_0 || h.header_size > MRQ_PFILE_HEADER_MAX)
		return mrq_fail(err, MRQ_E_FORMAT,
				"a pfile header of %u bytes makes no sense",
				h.header_size);
	read_fields(&r, &h);
	if (r.failed)
		return ends_early(err);
	MRQ_TRY(check_places(&h, FIXED_BYTES + (uint64_t)redirect + h.header_size,
			     file_size, err));
	h.content.len = file_size - h.content.off;
	*ret = h;
	return MRQ_OK;
}

enum mrq_status
mrq_pfile_extension_decode(const void *data, size_t len,
			   char ret[static MRQ_PFILE_EXTENSION_MAX + 1],
			   struct mrq_error *err)
{
	const char *text = data;

	if (len > MRQ_PFILE_EXTENSION_MAX)
		return mrq_fail(err, MRQ_E_LIMIT,
				"the extension of the pfile has %zu bytes, more than "
				"%u",
				len, MRQ_PFILE_EXTENSION_MAX);
	if (len > 0 && text[len - 1] == '\0')
		len--;
	bool good = len == 0 || text[0] == '.';
	for (size_t i = 0; i < len; i++)
		good = good && (uint8_t)text[i] >= ' ' && text[i] != 0x7f &&
		       text[i] != '/';
	if (!good)
		return mrq_fail(err, MRQ_E_FORMAT,
				"the extension of the pfile is none");
	if (len == sizeof(NO_EXTENSION) - 1 && memcmp(text, NO_EXTENSION, len) == 0)
		len = 0;
	if (len > 0)
		memcpy(ret, text, len);
	ret[len] = '\0';
	return MRQ_OK;
}

uint64_t
mrq_pfile_size_max(const struct mrq_pfile_header *header)
{
	return header->content.len;
}

void
mrq_pfile_clear(struct mrq_pfile *pfile)
{
	free(pfile->licence);
	free(pfile->metadata);
	*pfile = (struct mrq_pfile){ 0 };
}

static enum mrq_status
load_span(int fd, const struct mrq_pfile_span *span, const char *what, uint8_t **ret,
	  struct mrq_error *err)
{
	size_t want = (size_t)span->len, got = 0;
	uint8_t *data MRQ_CLEANUP(free) = malloc(want ? want : 1);

	if (!data)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for '%s'", what);
	if (want > 0)
		MRQ_TRY(mrq_pread_upto(fd, data, want, span->off, &got, what, err));
	if (got < want)
		return mrq_fail(err, MRQ_E_FORMAT, "'%s' was cut while it was read",
				what);
	*ret = MRQ_STEAL(data);
	return MRQ_OK;
}

static enum mrq_status
load_header(int fd, const char *what, struct mrq_pfile_header *ret,
	    struct mrq_error *err)
{
	uint8_t *head MRQ_CLEANUP(free) = malloc(MRQ_PFILE_HEAD_MAX);
	struct stat sb;
	size_t len = 0;

	if (!head)
		return mrq_fail(err, MRQ_E_NOMEM, "no memory for '%s'", what);
	if (fstat(fd, &sb) < 0)
		return mrq_fail_sys(err, "cannot stat '%s'", what);
	MRQ_TRY(mrq_pread_upto(fd, head, MRQ_PFILE_HEAD_MAX, 0, &len, what, err));
	enum mrq_status s =
		mrq_pfile_header_decode(head, len, (uint64_t)sb.st_size, ret, err);
	return s == MRQ_OK ? s : mrq_while(err, s, "'%s'", what);
}

enum mrq_status
mrq_pfile_load(int fd, const char *what, struct mrq_pfile *ret, struct mrq_error *err)
{
	struct mrq_pfile p MRQ_CLEANUP(mrq_pfile_clear) = { 0 };
	uint8_t *extension MRQ_CLEANUP(free) = NULL;

	MRQ_TRY(load_header(fd, what, &p.header, err));
	MRQ_TRY(load_span(fd, &p.header.extension, what, &extension, err));
	enum mrq_status s = mrq_pfile_extension_decode(
		extension, (size_t)p.header.extension.len, p.extension, err);
	if (s != MRQ_OK)
		return mrq_while(err, s, "'%s'", what);
	MRQ_TRY(load_span(fd, &p.header.licence, what, &p.licence, err));
	MRQ_TRY(load_span(fd, &p.header.metadata, what, &p.metadata, err));
	*ret = p;
	p = (struct mrq_pfile){ 0 };
	return MRQ_OK;
}
