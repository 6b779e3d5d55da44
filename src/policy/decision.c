/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "decision.h"

#include <stdio.h>
#include <string.h>

static struct mrq_decision
grant(enum mrq_ground ground, mrq_rights used)
{
	return (struct mrq_decision){
		.granted = true,
		.audit_first = ground == MRQ_GROUND_AUDITED_EXTRACT,
		.ground = ground,
		.used = used,
		.status = MRQ_OK,
	};
}

static struct mrq_decision
refuse(enum mrq_status status, mrq_rights missing)
{
	struct mrq_decision d = MRQ_DENY;

	d.status = status;
	d.missing = missing;
	return d;
}

/* One right that suffices by itself, or else OWNER, which stands for all of them. */
static struct mrq_decision
need(mrq_rights held, mrq_rights right)
{
	if (held & right)
		return grant(MRQ_GROUND_RIGHT, right);
	if (held & MRQ_RIGHT_OWNER)
		return grant(MRQ_GROUND_RIGHT, MRQ_RIGHT_OWNER);
	return refuse(MRQ_E_DENIED, right);
}

static struct mrq_decision
read_with_view(mrq_rights held, enum mrq_programs_switch programs)
{
	const mrq_rights audited = MRQ_RIGHT_VIEW | MRQ_RIGHT_AUDITEDEXTRACT;

	switch (programs) {
	case MRQ_PROGRAMS_TRUSTED:
		break;
	case MRQ_PROGRAMS_AUDITED:
		if ((held & audited) == audited)
			return grant(MRQ_GROUND_AUDITED_EXTRACT, audited);
		break;
	case MRQ_PROGRAMS_ANY:
		if (held & MRQ_RIGHT_VIEW)
			return grant(MRQ_GROUND_PROGRAMS_ANY, MRQ_RIGHT_VIEW);
		return refuse(MRQ_E_DENIED, MRQ_RIGHT_VIEW);
	}
	return refuse(MRQ_E_DENIED, MRQ_RIGHT_EXTRACT);
}

static struct mrq_decision
decide_read(const struct mrq_decision_input *in, mrq_rights held)
{
	switch (in->program) {
	case MRQ_PROGRAM_TRUSTED:
		return need(held, MRQ_RIGHT_VIEW);
	case MRQ_PROGRAM_ORDINARY:
		break;
	}
	struct mrq_decision d = need(held, MRQ_RIGHT_EXTRACT);
	return d.granted ? d : read_with_view(held, in->programs);
}

static struct mrq_decision
decide_write(const struct mrq_decision_input *in, mrq_rights held)
{
	struct mrq_decision edit = need(held, MRQ_RIGHT_EDIT);
	struct mrq_decision d = decide_read(in, held);

	if (!edit.granted || !d.granted)
		return refuse(MRQ_E_DENIED, edit.missing | d.missing);
	d.used |= edit.used;
	if (d.used & MRQ_RIGHT_OWNER)
		d.used = MRQ_RIGHT_OWNER;
	return d;
}

static struct mrq_decision
decide_relabel(mrq_rights held)
{
	if (held & MRQ_RIGHT_EDITRIGHTSDATA && !(held & MRQ_RIGHT_EXPORT))
		return grant(MRQ_GROUND_RIGHT, MRQ_RIGHT_EDITRIGHTSDATA);
	return need(held, MRQ_RIGHT_EXPORT);
}

static struct mrq_decision
decide_by_rights(const struct mrq_decision_input *in, mrq_rights held)
{
	switch (in->request) {
	case MRQ_REQUEST_READ:
		return decide_read(in, held);
	case MRQ_REQUEST_WRITE:
		return decide_write(in, held);
	case MRQ_REQUEST_REPLACE:
		return need(held, MRQ_RIGHT_EDIT);
	case MRQ_REQUEST_RELABEL:
		return decide_relabel(held);
	case MRQ_REQUEST_LIST_RIGHTS:
		return need(held, MRQ_RIGHT_VIEWRIGHTSDATA);
	}
	return MRQ_DENY;
}

static struct mrq_decision
decide_by_state(const struct mrq_decision_input *in)
{
	switch (in->state) {
	case MRQ_STATE_VALID:
		return decide_by_rights(in, in->rights & MRQ_RIGHTS_ALL);
	case MRQ_STATE_EXPIRED:
	case MRQ_STATE_OFFLINE_OVER:
		return refuse(MRQ_E_EXPIRED, 0);
	case MRQ_STATE_REVOKED:
		return refuse(MRQ_E_REVOKED, 0);
	case MRQ_STATE_UNREACHABLE:
		return refuse(MRQ_E_NO_KEY, 0);
	case MRQ_STATE_CLOCK_BACK:
		return refuse(MRQ_E_CLOCK, 0);
	case MRQ_STATE_NO_GRANT:
		return refuse(MRQ_E_DENIED, decide_by_rights(in, 0).missing);
	}
	return MRQ_DENY;
}

struct mrq_decision
mrq_policy_decide(const struct mrq_decision_input *in)
{
	if (in->owner)
		return grant(MRQ_GROUND_OWNER, 0);
	if (in->issuer)
		return grant(MRQ_GROUND_ISSUER, 0);
	if (in->super_user)
		return grant(MRQ_GROUND_SUPER_USER, 0);
	return decide_by_state(in);
}

const char *
mrq_ground_name(enum mrq_ground ground)
{
	switch (ground) {
	case MRQ_GROUND_NONE:
		return "none";
	case MRQ_GROUND_RIGHT:
		return "right";
	case MRQ_GROUND_AUDITED_EXTRACT:
		return "audited-extract";
	case MRQ_GROUND_PROGRAMS_ANY:
		return "programs-any";
	case MRQ_GROUND_OWNER:
		return "owner";
	case MRQ_GROUND_ISSUER:
		return "issuer";
	case MRQ_GROUND_SUPER_USER:
		return "super-user";
	}
	return "unknown";
}

const char *
mrq_licence_state_name(enum mrq_licence_state state)
{
	switch (state) {
	case MRQ_STATE_VALID:
		return "valid";
	case MRQ_STATE_EXPIRED:
		return "expired";
	case MRQ_STATE_OFFLINE_OVER:
		return "offline-over";
	case MRQ_STATE_REVOKED:
		return "revoked";
	case MRQ_STATE_UNREACHABLE:
		return "unreachable";
	case MRQ_STATE_CLOCK_BACK:
		return "clock-back";
	case MRQ_STATE_NO_GRANT:
		return "no-grant";
	}
	return "unknown";
}

static const char *
request_verb(enum mrq_request request)
{
	switch (request) {
	case MRQ_REQUEST_READ:
		return "read";
	case MRQ_REQUEST_WRITE:
		return "write";
	case MRQ_REQUEST_REPLACE:
		return "replace";
	case MRQ_REQUEST_RELABEL:
		return "relabel or unprotect";
	case MRQ_REQUEST_LIST_RIGHTS:
		return "see the rights of others on";
	}
	return "use";
}

/* Somebody who may view is not stuck: a program that cannot copy will do. */
static const char *
advice(const struct mrq_decision_input *in, mrq_rights missing)
{
	bool copier =
		in->program == MRQ_PROGRAM_ORDINARY && missing == MRQ_RIGHT_EXTRACT;

	if (copier && in->rights & MRQ_RIGHT_VIEW)
		return "use a trusted program such as 'marque view', or ask the owner";
	return "ask the owner";
}

static void
explain_rights(const struct mrq_decision_input *in, const struct mrq_decision *d,
	       const char *object, char *ret, size_t len)
{
	char held[MRQ_RIGHTS_TEXT];
	char missing[MRQ_RIGHTS_TEXT];

	const char *why = d->missing & MRQ_RIGHT_EXTRACT
				  ? " for a program that could copy it"
				  : "";

	mrq_rights_format(in->rights & MRQ_RIGHTS_ALL, held);
	mrq_rights_format(d->missing, missing);
	(void)snprintf(ret, len, "cannot %s %s: you hold %s, missing: %s%s; %s",
		       request_verb(in->request), object, held, missing, why,
		       advice(in, d->missing));
}

static const char *
state_sentence(enum mrq_licence_state state)
{
	switch (state) {
	case MRQ_STATE_EXPIRED:
		return "its validity is over; ask the owner to renew it";
	case MRQ_STATE_OFFLINE_OVER:
		return "its offline period is over and the authority is out of reach; "
		       "connect to the network and open it again";
	case MRQ_STATE_REVOKED:
		return "it was revoked; ask the owner";
	case MRQ_STATE_UNREACHABLE:
		return "the authority is out of reach and no licence is cached; "
		       "connect to the network and open it again";
	case MRQ_STATE_CLOCK_BACK:
		return "the clock of this machine went back, so no cached licence "
		       "counts; set the clock or connect to the authority";
	case MRQ_STATE_NO_GRANT:
		return "you have no right to it; ask the owner to grant you one";
	case MRQ_STATE_VALID:
		break;
	}
	return "the request is unknown; nothing is granted";
}

/* Paths come from users: they must not steer a terminal or a log. */
static void
blunt_controls(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void
mrq_decision_explain(const struct mrq_decision_input *in, const struct mrq_decision *d,
		     const char *object, char *ret, size_t len)
{
	if (len == 0)
		return;
	if (d->granted)
		(void)snprintf(ret, len, "may %s %s: %s", request_verb(in->request),
			       object, mrq_ground_name(d->ground));
	else if (in->state == MRQ_STATE_VALID && d->missing)
		explain_rights(in, d, object, ret, len);
	else
		(void)snprintf(ret, len, "cannot %s %s: %s", request_verb(in->request),
			       object, state_sentence(in->state));
	blunt_controls(ret);
}
