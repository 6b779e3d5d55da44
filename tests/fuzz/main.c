/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs a fuzz target over files, or all files of folders: the corpus as a test, without
 * libFuzzer.
 */
#include <sys/stat.h>

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static unsigned done;

static int
run_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_MAX);

	if (!f || !data) {
		perror(path);
		free(data);
		return 1;
	}
	size_t len = fread(data, 1, INPUT_MAX, f);
	/* Of the exact size, so that reading past it is seen. */
	uint8_t *exact = malloc(len ? len : 1);
	if (exact) {
		memcpy(exact, data, len);
		(void)LLVMFuzzerTestOneInput(exact, len);
		done++;
	}
	free(exact);
	free(data);
	(void)fclose(f);
	return 0;
}

static int
run_folder(const char *path)
{
	struct dirent **names;
	int failed = 0, n = scandir(path, &names, NULL, alphasort);

	if (n < 0) {
		perror(path);
		return 1;
	}
	for (int i = 0; i < n; i++) {
		char file[4096];
		if (names[i]->d_name[0] != '.') {
			(void)snprintf(file, sizeof(file), "%s/%s", path,
				       names[i]->d_name);
			failed |= run_file(file);
		}
		free(names[i]);
	}
	free(names);
	return failed;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			failed |= run_folder(argv[i]);
		else
			failed |= run_file(argv[i]);
	}
	printf("%u inputs\n", done);
	return failed || done == 0;
}
