/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "authority/internal.h"

#include <string.h>

/*
 * Who is in which group, as one sorted table.  An organisation has many more memberships than
 * anything else, so the texts lie in one allocation, measured in a first walk.
 */

void
mrq_members_clear(struct mrq_members *members)
{
	free(members->items);
	free(members->text);
	*members = (struct mrq_members){ 0 };
}

/* Values are "GROUP MEMBER"; a mail address holds no space. */
bool
mrq_membership_split(const void *value, size_t len, size_t *ret_group)
{
	const char *space = memchr(value, ' ', len);
	size_t group = space ? (size_t)(space - (const char *)value) : 0;

	*ret_group = group;
	return group > 0 && group <= MRQ_MAIL_MAX && len - group > 1 &&
	       len - group - 1 <= MRQ_PRINCIPAL_MAX;
}

struct measure {
	size_t n, bytes;
	bool damaged;
};

static bool
measure_one(const char *key, const void *value, size_t len, void *arg)
{
	struct measure *sum = arg;
	size_t group;

	(void)key;
	sum->damaged = !mrq_membership_split(value, len, &group);
	sum->n++;
	sum->bytes += len + 1;
	return !sum->damaged;
}

struct fill {
	struct mrq_members *to;
	struct measure left;
	char *at;
};

/* The measured state is that of the same transaction, so it fits. */
static bool
fill_one(const char *key, const void *value, size_t len, void *arg)
{
	struct fill *fill = arg;
	size_t group;

	(void)key;
	if (fill->left.n == 0 || fill->left.bytes < len + 1 ||
	    !mrq_membership_split(value, len, &group))
		return false;
	memcpy(fill->at, value, len);
	fill->at[group] = '\0';
	fill->at[len] = '\0';
	fill->to->items[fill->to->n++] =
		(struct mrq_membership){ fill->at + group + 1, fill->at };
	fill->at += len + 1;
	fill->left.n--;
	fill->left.bytes -= len + 1;
	return true;
}

static int
membership_order(const void *a, const void *b)
{
	const struct mrq_membership *x = a;
	const struct mrq_membership *y = b;
	int order = strcmp(x->member, y->member);

	return order != 0 ? order : strcmp(x->group, y->group);
}

enum mrq_status
mrq_members_load(struct mrq_state_txn *txn, struct mrq_members *ret,
		 struct mrq_error *err)
{
	struct mrq_members members MRQ_CLEANUP(mrq_members_clear) = { 0 };
	struct measure sum = { 0 };

	MRQ_TRY(mrq_state_each(txn, MRQ_IN_MEMBERS, measure_one, &sum, err));
	if (sum.damaged)
		return mrq_fail(
			err, MRQ_E_DAMAGED,
			"a group membership of the authority is damaged; restore "
			"the state folder from a backup");
	members.items = calloc(sum.n + 1, sizeof(*members.items));
	members.text = malloc(sum.bytes + 1);
	if (!members.items || !members.text)
		return mrq_json_no_memory(err);
	struct fill fill = { &members, sum, members.text };
	MRQ_TRY(mrq_state_each(txn, MRQ_IN_MEMBERS, fill_one, &fill, err));
	qsort(members.items, members.n, sizeof(*members.items), membership_order);
	*ret = members;
	members = (struct mrq_members){ 0 };
	return MRQ_OK;
}

size_t
mrq_members_first(const struct mrq_members *members, const char *member)
{
	size_t low = 0;
	size_t high = members->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (strcmp(members->items[mid].member, member) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}
