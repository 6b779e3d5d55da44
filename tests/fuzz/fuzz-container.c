/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A container as it may lie in a share: attach for reading, and in a copy for writing,
 * facts, check, all without a key; then with a key that does not fit.  The first byte
 * says which checksums are made right first, so that what is behind them is reached:
 *   bit 0  the digest of the licence and the checksum of the header
 *   bit 1  the digest and checksum of each commit page
 * The rest is the file.
 */
#include "base/bytes.h"
#include "crypto/hash.h"
#include "format/container.h"
#include "format/driver.h"
#include "format/header.h"
#include "format/journal.h"

#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUT_MAX (2u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void
put_u32(uint8_t *at, uint32_t v)
{
	struct mrq_writer w = mrq_writer_make(at, 4);

	mrq_write_u32(&w, v);
}

static uint32_t
get_u32(const uint8_t *at)
{
	struct mrq_reader r = mrq_reader_make(at, 4);

	return mrq_read_u32(&r);
}

/*
 * marque-format(5) "Header": header_pages 10, licence_len 60, licence_digest 184,
 * checksum 264.
 */
static void
mend_header(uint8_t *file, size_t len)
{
	if (len < MRQ_PAGE)
		return;
	size_t pages = file[10] | (size_t)file[11] << 8;
	uint32_t licence_len = get_u32(file + 60);
	if (pages == 0 || pages > MRQ_HEADER_PAGES_MAX || pages * MRQ_PAGE > len)
		return;
	if (licence_len <= pages * MRQ_PAGE - MRQ_HEADER_FIXED)
		mrq_sha256(file + MRQ_HEADER_FIXED, licence_len, file + 184);
	put_u32(file + 264, 0);
	put_u32(file + 264, mrq_crc32c(0, file, pages * MRQ_PAGE));
}

/* "Transaction": records 72, units 76, digest 80, checksum 144, descriptor 256. */
static void
mend_commit_page(uint8_t *file, size_t at)
{
	uint8_t *page = file + at;
	uint64_t len = mrq_descriptor_len(get_u32(page + 72), get_u32(page + 76));
	uint64_t back = (uint64_t)mrq_descriptor_pages(len) * MRQ_PAGE;

	if (len <= MRQ_DESCRIPTOR_INLINE)
		mrq_sha256(page + 256, (size_t)len, page + 80);
	else if (len <= MRQ_DESCRIPTOR_MAX && back <= at)
		mrq_sha256(page - back, (size_t)len, page + 80);
	put_u32(page + 144, 0);
	put_u32(page + 144, mrq_crc32c(0, page, MRQ_PAGE));
}

static int
make_file(const uint8_t *data, size_t len, unsigned mend)
{
	uint8_t *file = malloc(len ? len : 1);
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (!file || fd < 0)
		abort();
	memcpy(file, data, len);
	if (mend & 2)
		for (size_t at = 0; at + MRQ_PAGE <= len; at += MRQ_PAGE)
			if (memcmp(file + at, "MRQCOMT1", 8) == 0)
				mend_commit_page(file, at);
	if (mend & 1)
		mend_header(file, len);
	if (write(fd, file, len) != (ssize_t)len)
		abort();
	free(file);
	return fd;
}

static void
use_file(int fd, enum mrq_attach mode)
{
	static const struct mrq_content_key key = { { 1 } };
	struct mrq_container *c MRQ_CLEANUP(mrq_container_free) = NULL;
	struct mrq_error err;
	struct mrq_check found;
	size_t len;

	if (mrq_container_attach(fd, mode, "fuzz", &c, &err) != MRQ_OK)
		return;
	if (!mrq_container_licence(c, &len) || len > MRQ_PL_MAX)
		abort();
	if (mrq_container_check(c, NULL, NULL, &found, &err) == MRQ_OK && found.damaged)
		abort();
	if (mrq_container_settle(c, MRQ_SETTLE_SYNC, &err) != MRQ_OK)
		return;
	if (mrq_container_unlock(c, &key, &err) == MRQ_OK)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct mrq_container_facts facts;

	if (len == 0 || len > INPUT_MAX)
		return 0;
	int fd = make_file(data + 1, len - 1, data[0]);
	const struct mrq_driver *driver = mrq_driver_find(data + 1, len - 1);
	enum mrq_status s = mrq_container_facts_load(fd, "fuzz", &facts, NULL);
	if (s == MRQ_OK && !driver)
		abort();
	use_file(fd, MRQ_ATTACH_READ_ONLY);
	use_file(fd, MRQ_ATTACH_READ_WRITE);
	(void)close(fd);
	return 0;
}
