/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <marque/rights.h>

#include <string.h>

#include "base/error.h"
#include "text.h"

/* In the order of the bits. */
static const char *const right_names[] = {
	"VIEW",    "DOCEDIT",  "EDIT",           "EXTRACT",        "EXPORT",
	"PRINT",   "OBJMODEL", "VIEWRIGHTSDATA", "EDITRIGHTSDATA", "OWNER",
	"COMMENT", "FORWARD",  "REPLY",          "REPLYALL",       "AUDITEDEXTRACT",
};
#define RIGHTS_COUNT (sizeof(right_names) / sizeof(right_names[0]))
_Static_assert(MRQ_RIGHTS_ALL == (1u << RIGHTS_COUNT) - 1, "a name for every bit");

static const struct {
	const char *name;
	mrq_rights rights;
} levels[] = {
	{ "viewer", MRQ_LEVEL_VIEWER },
	{ "reviewer", MRQ_LEVEL_REVIEWER },
	{ "coauthor", MRQ_LEVEL_COAUTHOR },
	{ "coowner", MRQ_LEVEL_COOWNER },
};
#define LEVELS_COUNT (sizeof(levels) / sizeof(levels[0]))

void
mrq_rights_format(mrq_rights rights, char ret[static MRQ_RIGHTS_TEXT])
{
	size_t at = 0;

	for (size_t i = 0; i < RIGHTS_COUNT; i++) {
		if (!(rights & (1u << i)))
			continue;
		if (at > 0)
			ret[at++] = ',';
		size_t len = strlen(right_names[i]);
		memcpy(ret + at, right_names[i], len);
		at += len;
	}
	ret[at] = '\0';
	if (at == 0)
		memcpy(ret, "none", sizeof("none"));
}

mrq_rights
mrq_right_from_name(const char *name, size_t len)
{
	for (size_t i = 0; i < RIGHTS_COUNT; i++) {
		if (mrq_text_equal_n(name, len, right_names[i]))
			return 1u << i;
	}
	return 0;
}

static bool
whole_set_parse(const char *text, mrq_rights *ret)
{
	if (mrq_text_equal(text, "none")) {
		*ret = 0;
		return true;
	}
	for (size_t i = 0; i < LEVELS_COUNT; i++) {
		if (mrq_text_equal(text, levels[i].name)) {
			*ret = levels[i].rights;
			return true;
		}
	}
	return false;
}

enum mrq_status
mrq_rights_parse(const char *text, mrq_rights *ret, struct mrq_error *err)
{
	mrq_rights rights = 0;

	if (whole_set_parse(text, ret))
		return MRQ_OK;
	for (const char *at = text;; at++) {
		size_t len = strcspn(at, ",");
		mrq_rights right = mrq_right_from_name(at, len);
		if (!right)
			return mrq_fail(err, MRQ_E_INVAL,
					"'%.*s' is no right and no level; use names "
					"such as VIEW,EDIT or one of viewer, reviewer, "
					"coauthor, coowner",
					(int)(len < 64 ? len : 64), at);
		rights |= right;
		at += len;
		if (*at == '\0')
			break;
	}
	*ret = rights;
	return MRQ_OK;
}

const char *
mrq_rights_level(mrq_rights rights)
{
	for (size_t i = 0; i < LEVELS_COUNT; i++) {
		if (levels[i].rights == rights)
			return levels[i].name;
	}
	return NULL;
}

const char *
mrq_request_name(enum mrq_request request)
{
	switch (request) {
	case MRQ_REQUEST_READ:
		return "read";
	case MRQ_REQUEST_WRITE:
		return "write";
	case MRQ_REQUEST_REPLACE:
		return "replace";
	case MRQ_REQUEST_RELABEL:
		return "relabel";
	case MRQ_REQUEST_LIST_RIGHTS:
		return "list-rights";
	}
	return "unknown";
}

const char *
mrq_program_name(enum mrq_program program)
{
	switch (program) {
	case MRQ_PROGRAM_ORDINARY:
		return "ordinary";
	case MRQ_PROGRAM_TRUSTED:
		return "trusted";
	}
	return "unknown";
}

const char *
mrq_programs_switch_name(enum mrq_programs_switch programs)
{
	switch (programs) {
	case MRQ_PROGRAMS_TRUSTED:
		return "trusted";
	case MRQ_PROGRAMS_AUDITED:
		return "audited";
	case MRQ_PROGRAMS_ANY:
		return "any";
	}
	return "unknown";
}

enum mrq_status
mrq_programs_switch_parse(const char *text, enum mrq_programs_switch *ret,
			  struct mrq_error *err)
{
	static const enum mrq_programs_switch all[] = {
		MRQ_PROGRAMS_TRUSTED,
		MRQ_PROGRAMS_AUDITED,
		MRQ_PROGRAMS_ANY,
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(text, mrq_programs_switch_name(all[i])) == 0) {
			*ret = all[i];
			return MRQ_OK;
		}
	}
	return mrq_fail(err, MRQ_E_INVAL,
			"programs '%.64s' is unknown; use trusted, audited or any",
			text);
}
