/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Containers that this implementation writes, in all its states, read by another one that was
 * made from marque-format(5) alone (tests/vectors/gen/marque_format.py).  Each snapshot is the
 * file as a crash of the process would leave it; it must read as the newest commit.
 */
#include "format/container.h"

#include "vectors.h"

#define NOW           1767268800
#define PLAIN_MAX     (2u << 20) /* bytes of plaintext of a story */
#define SNAPSHOTS_MAX 900

/* That of the vectors. */
static struct mrq_content_key key;

/** What the other implementation is to say about a file. */
static struct snapshot {
	int fd;
	char name[64], sha256[65];
	uint64_t size;
} snapshots[SNAPSHOTS_MAX];
static size_t snapshots_n;

/** A container, the bytes that it should have, and those of its newest commit. */
struct story {
	const char *name;
	int fd;
	struct mrq_container *c;
	uint8_t *plain, *committed;
	uint64_t size, committed_size, seed;
};

static void
story_begin(struct story *s, const char *name)
{
	*s = (struct story){ .name = name, .fd = -1, .seed = 1 };
	s->plain = calloc(1, PLAIN_MAX);
	s->committed = calloc(1, PLAIN_MAX);
	assert_non_null(s->plain);
	assert_non_null(s->committed);
}

static struct mrq_container_protection
protection(const char *licence, uint32_t len)
{
	return (struct mrq_container_protection){
		.content_id = { { 7, 7 } },
		.owner = "ann@example.com",
		.licence_type = MRQ_LICENCE_JWS,
		.licence = licence,
		.licence_len = len,
		.content_key = &key,
	};
}

static void
story_licence(struct story *s, const char *name, uint32_t block_size,
	      uint32_t licence_len)
{
	static const char licence[MRQ_PL_MAX] = "a licence";
	struct mrq_container_protection p = protection(licence, licence_len);
	struct mrq_error err;

	story_begin(s, name);
	s->fd = memfd_create(name, MFD_CLOEXEC);
	assert_true(s->fd >= 0);
	check_ok(mrq_container_create(s->fd, &p, block_size, NOW, name, &s->c, &err),
		 &err);
}

static void
story_create(struct story *s, const char *name, uint32_t block_size)
{
	story_licence(s, name, block_size, 9);
}

static void
story_end(struct story *s)
{
	mrq_container_free(s->c);
	assert_int_equal(close(s->fd), 0);
	free(s->plain);
	free(s->committed);
}

/** Bytes that are other ones each time. */
static void
put(struct story *s, uint64_t off, size_t len)
{
	struct mrq_error err;

	assert_true(off + len <= PLAIN_MAX);
	for (size_t i = 0; i < len; i++)
		s->plain[off + i] = (uint8_t)check_next(&s->seed);
	check_ok(mrq_container_write(s->c, s->plain + off, len, off, &err), &err);
	if (off + len > s->size)
		s->size = off + len;
}

static void
cut(struct story *s, uint64_t size)
{
	struct mrq_error err;

	check_ok(mrq_container_resize(s->c, size, &err), &err);
	if (size < s->size)
		memset(s->plain + size, 0, s->size - size);
	s->size = size;
}

static void
punch(struct story *s, uint64_t off, uint64_t len)
{
	struct mrq_error err;
	uint64_t end = off + len < s->size ? off + len : s->size;

	check_ok(mrq_container_punch(s->c, off, len, &err), &err);
	if (off < end)
		memset(s->plain + off, 0, end - off);
}

static void
committed(struct story *s)
{
	memcpy(s->committed, s->plain, PLAIN_MAX);
	s->committed_size = s->size;
}

static void
commit(struct story *s, enum mrq_commit level)
{
	struct mrq_error err;

	check_ok(mrq_container_commit(s->c, level, &err), &err);
	committed(s);
}

static void
settle(struct story *s)
{
	struct mrq_error err;

	check_ok(mrq_container_settle(s->c, MRQ_SETTLE_SYNC, &err), &err);
	committed(s);
}

/** A file with the same bytes; holes stay holes. */
static int
copied(int fd)
{
	int copy = memfd_create("snapshot", MFD_CLOEXEC);
	off_t at = 0, end, len = lseek(fd, 0, SEEK_END);
	static uint8_t buf[65536];

	assert_true(copy >= 0);
	assert_int_equal(ftruncate(copy, len), 0);
	while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
		end = lseek(fd, at, SEEK_HOLE);
		for (; at < end; at += (off_t)sizeof(buf)) {
			ssize_t got = pread(fd, buf, sizeof(buf), at);

			assert_true(got > 0);
			assert_int_equal(pwrite(copy, buf, (size_t)got, at), got);
		}
		at = end;
	}
	return copy;
}

/** The file as it stands now is the newest commit. */
static void
snapshot(struct story *s, const char *when)
{
	struct snapshot *to = &snapshots[snapshots_n++];

	assert_true(snapshots_n <= SNAPSHOTS_MAX);
	to->fd = copied(s->fd);
	to->size = s->committed_size;
	(void)snprintf(to->name, sizeof(to->name), "%s: %s", s->name, when);
	vector_sha256(s->committed, s->committed_size, to->sha256);
}

static void
test_small(void **state)
{
	static const size_t sizes[] = {
		0, 1, 4095, 4096, 4097, 131071, 131072, 131073
	};
	static const uint32_t block_sizes[] = { 4096, 65536 };
	struct story s;

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		story_create(&s, i % 2 ? "small, 64 KiB" : "small", block_sizes[i % 2]);
		if (sizes[i / 2])
			put(&s, 0, sizes[i / 2]);
		commit(&s, MRQ_COMMIT_KERNEL);
		snapshot(&s, "first commit");
		settle(&s);
		snapshot(&s, "settled");
		story_end(&s);
	}
}

/** Blocks 32 and on, a second segment: tree and tag pages, then the way back. */
static void
test_segments(void **state)
{
	struct story s;

	(void)state;
	story_create(&s, "segments", 4096);
	put(&s, 0, 100000);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "header only");
	put(&s, 100000, 60000);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "first segment");
	put(&s, 159000, 600000);
	commit(&s, MRQ_COMMIT_KERNEL);
	snapshot(&s, "second segment");
	put(&s, 5000, 3);
	put(&s, 140000, 3);
	put(&s, 700000, 3);
	snapshot(&s, "written, not committed");
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "overwritten");
	cut(&s, 300001);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "cut to one segment");
	cut(&s, 1000000);
	put(&s, 999000, 500);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "grown again");
	settle(&s);
	snapshot(&s, "settled");
	cut(&s, 7);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "cut to seven bytes");
	settle(&s);
	snapshot(&s, "settled, seven bytes");
	story_end(&s);
}

static void
test_holes(void **state)
{
	struct story s;

	(void)state;
	story_create(&s, "holes", 4096);
	cut(&s, 50000);
	commit(&s, MRQ_COMMIT_KERNEL);
	snapshot(&s, "all holes");
	put(&s, 8192, 4096);
	put(&s, 600000, 100);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "far apart");
	punch(&s, 8000, 5000);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "punched");
	settle(&s);
	snapshot(&s, "settled");
	punch(&s, 0, 700000);
	commit(&s, MRQ_COMMIT_DURABLE);
	settle(&s);
	snapshot(&s, "all punched");
	story_end(&s);
}

/** Put it under a licence of so many bytes. */
static void
relicense(struct story *s, uint32_t len)
{
	struct mrq_error err;
	char *licence = malloc(len);

	assert_non_null(licence);
	memset(licence, 'L', len);
	struct mrq_container_protection p = protection(licence, len);
	check_ok(mrq_container_protect(s->c, &p, &err), &err);
	free(licence);
	committed(s);
}

/** Licences in one page and in several, between other changes. */
static void
test_licences(void **state)
{
	static const uint32_t lens[][2] = { { 9, 900 },
					    { 2000, 3000 },
					    { 9000, 5000 } };
	struct story s;

	(void)state;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		story_licence(&s, "licences", 4096, lens[i][0]);
		put(&s, 0, 200000);
		settle(&s);
		put(&s, 30000, 5);
		commit(&s, MRQ_COMMIT_DURABLE);
		relicense(&s, lens[i][1]);
		snapshot(&s, "another licence");
		put(&s, 0, 5);
		commit(&s, MRQ_COMMIT_DURABLE);
		snapshot(&s, "written after it");
		relicense(&s, lens[i][0]);
		snapshot(&s, "a third licence");
		settle(&s);
		snapshot(&s, "settled");
		story_end(&s);
	}
}

static void
test_generations(void **state)
{
	struct story s;
	struct mrq_error err;

	(void)state;
	story_create(&s, "generations", 16384);
	put(&s, 0, 100000);
	settle(&s);
	check_ok(mrq_container_next_generation(s.c, &err), &err);
	put(&s, 30000, 5);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "second generation");
	settle(&s);
	snapshot(&s, "settled");
	story_end(&s);
}

/** Anything in any order. */
static void
random_story(const char *name, uint32_t block_size, uint64_t seed, uint64_t most)
{
	struct story s;
	uint64_t n;

	story_create(&s, name, block_size);
	s.seed = seed;
	for (int step = 0; step < 60; step++) {
		n = check_next(&s.seed) % 8;
		uint64_t off = check_next(&s.seed) % most;
		uint64_t len = 1 + check_next(&s.seed) % 20000;

		if (n < 4)
			put(&s, off, len);
		else if (n == 4)
			cut(&s, off);
		else if (n == 5)
			punch(&s, off, len * 3);
		else if (n == 6)
			commit(&s, step % 2 ? MRQ_COMMIT_KERNEL : MRQ_COMMIT_DURABLE);
		else if (step % 3 == 0)
			settle(&s);
		if (step % 5 == 4 && s.committed_size)
			snapshot(&s, "at random");
	}
	settle(&s);
	snapshot(&s, "settled");
	story_end(&s);
}

static void
test_random(void **state)
{
	(void)state;
	random_story("random, 4 KiB", 4096, 1, 900000);
	random_story("random, 4 KiB, small", 4096, 2, 150000);
	random_story("random, 64 KiB", 65536, 3, 1000000);
}

/** The containers of the other implementation, changed by this one. */
static void
change_vector(const struct vector *v)
{
	struct story s;
	struct mrq_error err;
	size_t got;

	story_begin(&s, v->name);
	s.fd = vector_open(v);
	check_ok(mrq_container_attach(s.fd, MRQ_ATTACH_READ_WRITE, v->name, &s.c, &err),
		 &err);
	check_ok(mrq_container_unlock(s.c, &v->key, &err), &err);
	s.size = vector_number(v, "size");
	check_ok(mrq_container_read(s.c, s.plain, s.size, 0, &got, &err), &err);
	put(&s, s.size / 2, 5000);
	put(&s, s.size + 10000, 10);
	commit(&s, MRQ_COMMIT_DURABLE);
	snapshot(&s, "changed");
	settle(&s);
	snapshot(&s, "settled");
	story_end(&s);
}

static void
test_vectors_changed(void **state)
{
	static struct vector vectors[VECTORS_MAX];
	size_t n = vectors_load(vectors), first = snapshots_n;

	(void)state;
	for (size_t i = 0; i < n; i++)
		if (strcmp(vectors[i].expect, "ok") == 0 &&
		    memcmp(&vectors[i].key, &key, sizeof(key)) == 0 &&
		    vector_number(&vectors[i], "size") <= PLAIN_MAX / 2)
			change_vector(&vectors[i]);
	assert_true(snapshots_n > first);
}

/** Start the other implementation on all snapshots; it answers with a line for each. */
static FILE *
peer_start(void)
{
	static char command[64 * SNAPSHOTS_MAX];
	const char *root = getenv("MRQ_VECTORS");
	char hex[2 * MRQ_KEY_BYTES + 1];
	size_t n;

	vector_hex(key.bytes, sizeof(key.bytes), hex);
	n = (size_t)snprintf(command, sizeof(command),
			     "exec python3 -B '%s/gen/marque_format.py' digest "
			     "--content-key %s",
			     root ? root : ".", hex);
	for (size_t i = 0; i < snapshots_n; i++) {
		assert_true(n < sizeof(command));
		n += (size_t)snprintf(command + n, sizeof(command) - n,
				      " /proc/%ld/fd/%d", (long)getpid(),
				      snapshots[i].fd);
	}
	assert_true(n < sizeof(command));
	return popen(command, "re");
}

/** "ok SEQUENCE SIZE JOURNAL LOST SHA256".  Counts the journals. */
static bool
answer_right(const struct snapshot *s, const char *line, size_t *journals)
{
	char sha256[65] = "";
	unsigned long long size = 0, lost = 1;
	unsigned journal = 0;

	if (sscanf(line, "ok %*s %llu %u %llu %64s", &size, &journal, &lost, sha256) !=
	    4)
		return false;
	*journals += journal;
	return size == s->size && lost == 0 && strcmp(sha256, s->sha256) == 0;
}

/** The other implementation says of each snapshot what it should hold. */
static void
test_peer_reads(void **state)
{
	FILE *peer = peer_start();
	char line[1024];
	size_t wrong = 0, journals = 0;

	(void)state;
	assert_non_null(peer);
	for (size_t i = 0; i < snapshots_n; i++) {
		const struct snapshot *s = &snapshots[i];

		assert_non_null(fgets(line, sizeof(line), peer));
		if (answer_right(s, line, &journals))
			continue;
		print_error("# %s: %llu bytes %s, but: %s", s->name,
			    (unsigned long long)s->size, s->sha256, line);
		wrong++;
	}
	assert_int_equal(pclose(peer), 0);
	print_message("# %zu snapshots, %zu with a journal\n", snapshots_n, journals);
	assert_true(journals > snapshots_n / 4);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_licences),
		cmocka_unit_test(test_generations),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_vectors_changed),
		cmocka_unit_test(test_peer_reads),
	};
	struct mrq_error err;

	if (system("python3 -c 'import cryptography' 2>/dev/null") != 0) {
		(void)puts("1..0 # SKIP python3-cryptography is absent");
		return 0;
	}
	if (mrq_crypto_init(&err) != MRQ_OK)
		return 1;
	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (uint8_t)i;
	return CHECK_MAIN(tests);
}
