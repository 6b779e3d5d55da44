# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For tests of the command line, after tests/lib/share.sh: what marque says, word for word.
#
#	said VERB...    the command, what it wrote, its exit code; standard error behind the output
#	said_as ACCOUNT VERB...
#	plainly         what differs between two runs: identifiers, times, keys, folders

plainly()
{
	sed -E \
		-e 's/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/ID/g' \
		-e 's/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z/TIME/g' \
		-e 's/\b[0-9a-f]{64}\b/HASH/g' \
		-e ':key; s/(^|[^A-Za-z0-9_-])[A-Za-z0-9_-]{43}($|[^A-Za-z0-9_-])/\1KEY\2/; t key' \
		-e "s#/[^ '\",:]*/src/(cli|fs)/#BUILD/#g" \
		-e "s#$W#W#g"
}

say()
{
	local as=$1 rc=0
	shift
	{
		printf '%s marque' "${as:-\$}"
		printf ' %s' "$@"
		printf '\n'
	} | plainly | LC_ALL=C cat -v
	if [ -n "$as" ]; then
		mq_as "$as" "$@"
	else
		mq "$@"
	fi >"$W/said" 2>"$W/said.err" </dev/null || rc=$?
	cat "$W/said" "$W/said.err" | plainly
	[ $rc = 0 ] || printf '[%s]\n' $rc
}

said()
{
	say '' "$@"
}

said_as()
{
	say "$@"
}
