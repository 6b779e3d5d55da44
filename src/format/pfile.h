/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef MRQ_FORMAT_PFILE_H
#define MRQ_FORMAT_PFILE_H

/*
 * The container of .pfile and the .p* family, versions 2.0, 2.1 and 3.0, as far as it stands in
 * the clear.  Nothing in it is authenticated: whoever may write the file wrote these values.
 * The decoders are pure, so that they can run in a process that may do nothing else.
 */
#include "base/cleanup.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MRQ_PFILE_REDIRECT_MAX  8192u      /* bytes of the text for people */
#define MRQ_PFILE_HEADER_MAX    1024u      /* bytes of the header proper */
#define MRQ_PFILE_EXTENSION_MAX 255u       /* bytes, with the dot */
#define MRQ_PFILE_LICENCE_MAX   (4u << 20) /* bytes */
#define MRQ_PFILE_METADATA_MAX  (1u << 20) /* bytes */
#define MRQ_PFILE_HEAD_MAX      (18u + MRQ_PFILE_REDIRECT_MAX + MRQ_PFILE_HEADER_MAX)
#define MRQ_PFILE_SIZE_UNKNOWN  UINT64_MAX

struct mrq_pfile_span {
	uint64_t off, len; /* bytes; within the file */
};

struct mrq_pfile_header {
	uint32_t major, minor;
	uint32_t header_size;   /* bytes, without magic, version and redirect text */
	uint64_t original_size; /* what the writer claims: a hint */
	struct mrq_pfile_span extension, licence, metadata, content;
};

/** A file's clear part, loaded. */
struct mrq_pfile {
	struct mrq_pfile_header header;
	char extension[MRQ_PFILE_EXTENSION_MAX + 1]; /* ".txt"; "": it had none */
	uint8_t *licence;                            /* header.licence.len bytes */
	uint8_t *metadata;                           /* header.metadata.len bytes */
};
void mrq_pfile_clear(struct mrq_pfile *pfile);
MRQ_DEFINE_CLEANUP_VALUE(mrq_pfile_clear, struct mrq_pfile)

/** The magic of such a file, whatever its name is. */
bool mrq_pfile_probe(const void *head, size_t len);

/**
 * Decode the header.  Pure.
 *
 * @head       first bytes of the file; MRQ_PFILE_HEAD_MAX suffice for any
 * @len        bytes of head
 * @file_size  bytes of the whole file
 *
 * Returns MRQ_OK; MRQ_E_PLAIN when the magic or a version beyond 255 says that it is none;
 * MRQ_E_VERSION for major versions but 2 and 3; MRQ_E_LIMIT; MRQ_E_FORMAT when a part lies
 * outside the file, upon another or behind the content, or the licence is missing.
 */
MRQ_MUST_CHECK enum mrq_status mrq_pfile_header_decode(const void *head, size_t len,
						       uint64_t file_size,
						       struct mrq_pfile_header *ret,
						       struct mrq_error *err);

/**
 * Decode the original's extension.  Pure.  MRQ_E_FORMAT when it is no extension: without dot,
 * with '/', control characters or a second NUL; MRQ_E_LIMIT.
 */
MRQ_MUST_CHECK enum mrq_status
mrq_pfile_extension_decode(const void *data, size_t len,
			   char ret[static MRQ_PFILE_EXTENSION_MAX + 1],
			   struct mrq_error *err);

/**
 * The most bytes that the plaintext can have.  How many it has only its key tells: CBC4K takes
 * 1 to 16 bytes of padding, other modes none.
 */
uint64_t mrq_pfile_size_max(const struct mrq_pfile_header *header);

/** Load the clear part; statuses as mrq_pfile_header_decode, MRQ_E_SYS and MRQ_E_NOMEM. */
MRQ_MUST_CHECK enum mrq_status
mrq_pfile_load(int fd, const char *what, struct mrq_pfile *ret, struct mrq_error *err);

#endif
