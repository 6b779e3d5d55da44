/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "label.h"

#include <stdlib.h>
#include <string.h>

#include "base/guid.h"
#include "text.h"

const struct mrq_label *
mrq_label_find(const struct mrq_label *labels, size_t n, const struct mrq_guid *id)
{
	for (size_t i = 0; i < n; i++) {
		if (mrq_guid_equal(&labels[i].id, id))
			return &labels[i];
	}
	return NULL;
}

/* "All Employees" of "Confidential/All Employees". */
static const char *
last_part(const char *name)
{
	const char *slash = strrchr(name, '/');

	return slash ? slash + 1 : name;
}

static const struct mrq_label *
find_last_part(const struct mrq_label *labels, size_t n, const char *text)
{
	const struct mrq_label *found = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!mrq_text_equal(last_part(labels[i].name), text))
			continue;
		if (found)
			return NULL;
		found = &labels[i];
	}
	return found;
}

const struct mrq_label *
mrq_label_find_text(const struct mrq_label *labels, size_t n, const char *text)
{
	struct mrq_guid id;

	if (mrq_guid_parse(text, &id)) {
		const struct mrq_label *label = mrq_label_find(labels, n, &id);
		if (label)
			return label;
	}
	for (size_t i = 0; i < n; i++) {
		if (mrq_text_equal(labels[i].name, text))
			return &labels[i];
	}
	return *text ? find_last_part(labels, n, text) : NULL;
}

int
mrq_label_rank(const struct mrq_label *labels, size_t n, const struct mrq_label *label)
{
	const struct mrq_label *top = label;

	/* A list that we did not make may hold a circle: no more steps than labels. */
	for (size_t i = 0; i < n && !mrq_guid_is_nil(&top->parent); i++) {
		const struct mrq_label *parent =
			mrq_label_find(labels, n, &top->parent);
		if (!parent)
			break;
		top = parent;
	}
	return top->order;
}

static bool
siblings(const struct mrq_label *a, const struct mrq_label *b)
{
	return !mrq_guid_is_nil(&a->parent) && mrq_guid_equal(&a->parent, &b->parent);
}

enum mrq_change
mrq_label_change(const struct mrq_label *labels, size_t n, const struct mrq_label *from,
		 const struct mrq_label *to)
{
	if (!from)
		return to ? MRQ_CHANGE_RAISE : MRQ_CHANGE_SAME;
	if (!to)
		return MRQ_CHANGE_REMOVE;
	if (mrq_guid_equal(&from->id, &to->id))
		return MRQ_CHANGE_SAME;
	if (siblings(from, to))
		return MRQ_CHANGE_SIDEWAYS;

	int before = mrq_label_rank(labels, n, from);
	int after = mrq_label_rank(labels, n, to);
	if (after == before)
		return MRQ_CHANGE_SIDEWAYS;
	return after > before ? MRQ_CHANGE_RAISE : MRQ_CHANGE_LOWER;
}

const char *
mrq_change_name(enum mrq_change change)
{
	switch (change) {
	case MRQ_CHANGE_SAME:
		return "same";
	case MRQ_CHANGE_RAISE:
		return "raise";
	case MRQ_CHANGE_SIDEWAYS:
		return "sideways";
	case MRQ_CHANGE_LOWER:
		return "lower";
	case MRQ_CHANGE_REMOVE:
		return "remove";
	}
	return "unknown";
}

enum mrq_effect
mrq_label_effect(enum mrq_protected_by now, enum mrq_label_protection to)
{
	switch (to) {
	case MRQ_LABEL_NONE:
		return now == MRQ_BY_LABEL ? MRQ_EFFECT_REMOVE : MRQ_EFFECT_KEEP;
	case MRQ_LABEL_TEMPLATE:
	case MRQ_LABEL_USER_DEFINED:
		return MRQ_EFFECT_REPLACE;
	case MRQ_LABEL_REMOVES:
		return MRQ_EFFECT_REMOVE;
	}
	return MRQ_EFFECT_KEEP;
}

void
mrq_grants_clear(struct mrq_grant *grants, size_t n)
{
	if (!grants)
		return;
	for (size_t i = 0; i < n; i++)
		free(grants[i].unknown);
	free(grants);
}

void
mrq_template_clear(struct mrq_template *t)
{
	if (!t)
		return;
	mrq_grants_clear(t->grants, t->n_grants);
	t->grants = NULL;
	t->n_grants = 0;
}
