/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file itself, not its header: which context a call gets is nobody else's business. */
#include "crypto/block.c"

#include <sys/wait.h>

#include "check.h"

/* A fork wipes the arena: the child must not make contexts under a key of zeros. */
static void
no_context_under_a_wiped_key(void **state)
{
	const struct mrq_data_key dk = { { 1 } };
	const struct mrq_guid id = { { 2 } };
	struct mrq_block_cipher *c MRQ_CLEANUP(mrq_block_cipher_free) = NULL;
	struct mrq_error err;
	int status;

	(void)state;
	check_ok(mrq_block_cipher_new(&dk, &id, 0, &c, &err), &err);
	EVP_CIPHER_CTX *ours MRQ_CLEANUP(EVP_CIPHER_CTX_free) = context_new(c->key);
	assert_non_null(ours);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(context_new(c->key) ? 1 : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_context_under_a_wiped_key),
	};

	return CHECK_MAIN(tests);
}
