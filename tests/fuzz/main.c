/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target over files and folders of inputs, for compilers without libFuzzer: the
 * corpus is a test.  TAP, one line per folder or file given.
 */
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define INPUT_MAX (16u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned inputs;

static int
run_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	if (type != FTW_F)
		return 0;
	if (st->st_size > (off_t)INPUT_MAX)
		return -1;
	/* Of exactly its size, so that a sanitizer sees a read past the end. */
	size_t len = (size_t)st->st_size;
	uint8_t *data = malloc(len ? len : 1);
	FILE *f = fopen(path, "r");
	int bad = !data || !f || fread(data, 1, len, f) != len;
	if (f)
		(void)fclose(f);
	if (!bad) {
		(void)LLVMFuzzerTestOneInput(data, len);
		inputs++;
	}
	free(data);
	return bad;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++) {
		inputs = 0;
		int bad = nftw(argv[i], run_one, 8, FTW_PHYS) != 0 || inputs == 0;
		printf("%sok %d - %u inputs\n", bad ? "not " : "", i, inputs);
		failed |= bad;
	}
	return failed;
}
