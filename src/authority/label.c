/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "authority/documents.h"
#include "base/guid.h"

#include <string.h>

/* Labels as JSON: marque-authority(5), "LABELS". */

static const struct {
	const char *name;
	enum mrq_label_protection protection;
} protections[] = {
	{ "none", MRQ_LABEL_NONE },
	{ "template", MRQ_LABEL_TEMPLATE },
	{ "user-defined", MRQ_LABEL_USER_DEFINED },
	{ "removes", MRQ_LABEL_REMOVES },
};
#define PROTECTIONS (sizeof(protections) / sizeof(protections[0]))

void
mrq_label_init(struct mrq_label *label)
{
	*label = (struct mrq_label){
		.protection = MRQ_LABEL_NONE,
		.programs = MRQ_PROGRAMS_AUDITED,
		.enabled = true,
	};
}

const char *
mrq_label_protection_name(enum mrq_label_protection protection)
{
	for (size_t i = 0; i < PROTECTIONS; i++) {
		if (protections[i].protection == protection)
			return protections[i].name;
	}
	return "unknown";
}

static enum mrq_status
protection_edit(const json_t *o, enum mrq_label_protection *ret, struct mrq_error *err)
{
	const char *text = NULL;

	MRQ_TRY(mrq_member_text(o, "protection", MRQ_NAME_MAX, &text, err));
	if (!text)
		return MRQ_OK;
	for (size_t i = 0; i < PROTECTIONS; i++) {
		if (strcmp(text, protections[i].name) == 0) {
			*ret = protections[i].protection;
			return MRQ_OK;
		}
	}
	return mrq_member_bad(err, "protection",
			      "none, template, user-defined or removes");
}

static enum mrq_status
programs_edit(const json_t *o, enum mrq_programs_switch *ret, struct mrq_error *err)
{
	const char *text = NULL;

	MRQ_TRY(mrq_member_text(o, "programs", MRQ_NAME_MAX, &text, err));
	if (text && mrq_programs_switch_parse(text, ret, NULL) != MRQ_OK)
		return mrq_member_bad(err, "programs", "trusted, audited or any");
	return MRQ_OK;
}

static enum mrq_status
colour_edit(const json_t *o, char ret[static 8], struct mrq_error *err)
{
	const char *text = NULL;

	if (json_is_null(json_object_get(o, "colour"))) {
		ret[0] = '\0';
		return MRQ_OK;
	}
	MRQ_TRY(mrq_member_text(o, "colour", MRQ_NAME_MAX, &text, err));
	if (!text)
		return MRQ_OK;
	if (*text && (text[0] != '#' || strlen(text) != 7 ||
		      strspn(text + 1, "0123456789abcdefABCDEF") != 6))
		return mrq_member_bad(err, "colour", "#RRGGBB");
	memcpy(ret, text, strlen(text) + 1);
	return MRQ_OK;
}

/* "Confidential/All Employees": one or two parts, none empty or with spaces at its ends. */
static enum mrq_status
name_check(const char *name, struct mrq_error *err)
{
	unsigned parts = 0;

	for (const char *at = name;; at++) {
		size_t len = strcspn(at, "/");
		if (len == 0 || at[0] == ' ' || at[len - 1] == ' ' || ++parts > 2)
			return mrq_member_bad(
				err, "name",
				"NAME or PARENT/NAME, without spaces at the "
				"ends of a part");
		at += len;
		if (*at == '\0')
			return MRQ_OK;
	}
}

enum mrq_status
mrq_label_edit(const json_t *o, struct mrq_label *label, struct mrq_error *err)
{
	int64_t order = label->order;

	MRQ_TRY(mrq_member_text_copy(o, "name", MRQ_NAME_MAX, label->name, err));
	MRQ_TRY(name_check(label->name, err));
	MRQ_TRY(mrq_member_int(o, "order", INT32_MIN, INT32_MAX, &order, err));
	label->order = (int32_t)order;
	MRQ_TRY(colour_edit(o, label->colour, err));
	MRQ_TRY(mrq_member_text_copy(o, "tooltip", MRQ_TEXT_MAX, label->tooltip, err));
	MRQ_TRY(protection_edit(o, &label->protection, err));
	MRQ_TRY(programs_edit(o, &label->programs, err));
	return mrq_member_bool(o, "enabled", &label->enabled, err);
}

enum mrq_status
mrq_label_decode(const json_t *o, struct mrq_label *ret, struct mrq_error *err)
{
	static const char *const members[] = { "id",         "name",     "parent",
					       "order",      "colour",   "tooltip",
					       "protection", "template", "programs",
					       "enabled" };
	struct mrq_label label;

	mrq_label_init(&label);
	MRQ_TRY(mrq_member_known(o, members, sizeof(members) / sizeof(members[0]),
				 err));
	MRQ_TRY(mrq_member_guid(o, "id", &label.id, err));
	if (mrq_guid_is_nil(&label.id))
		return mrq_member_bad(err, "id", "a GUID that is not all zeros");
	MRQ_TRY(mrq_member_guid(o, "parent", &label.parent, err));
	MRQ_TRY(mrq_member_guid(o, "template", &label.template_id, err));
	MRQ_TRY(mrq_label_edit(o, &label, err));
	if (mrq_guid_is_nil(&label.template_id) ==
	    (label.protection == MRQ_LABEL_TEMPLATE))
		return mrq_member_bad(
			err, "template",
			"there when 'protection' is template, and only then");
	*ret = label;
	return MRQ_OK;
}

enum mrq_status
mrq_label_encode(const struct mrq_label *label, json_t **ret, struct mrq_error *err)
{
	json_t *o MRQ_CLEANUP(json_decref) = json_object();

	if (!o)
		return mrq_json_no_memory(err);
	MRQ_TRY(mrq_member_put_guid(o, "id", &label->id, err));
	MRQ_TRY(mrq_member_put(o, "name", json_string(label->name), err));
	MRQ_TRY(mrq_member_put_guid(o, "parent", &label->parent, err));
	MRQ_TRY(mrq_member_put(o, "order", json_integer(label->order), err));
	MRQ_TRY(mrq_member_put(o, "colour", json_string(label->colour), err));
	MRQ_TRY(mrq_member_put(o, "tooltip", json_string(label->tooltip), err));
	MRQ_TRY(mrq_member_put(
		o, "protection",
		json_string(mrq_label_protection_name(label->protection)), err));
	MRQ_TRY(mrq_member_put_guid(o, "template", &label->template_id, err));
	MRQ_TRY(mrq_member_put(o, "programs",
			       json_string(mrq_programs_switch_name(label->programs)),
			       err));
	MRQ_TRY(mrq_member_put(o, "enabled", json_boolean(label->enabled), err));
	*ret = MRQ_STEAL(o);
	return MRQ_OK;
}
