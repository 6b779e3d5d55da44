# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# For tests of unmodified programs, after tests/lib/share.sh: the same in a share and in a plain folder.
#
#	both_begin      after share_mount: the folders $PLAIN and $MNT/work, of Alice; what a job is given
#	                is in $W/input
#	job NAME        a job of jobs.sh in both

both_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

both_begin()
{
	PLAIN=$W/plain
	mkdir -p "$PLAIN" "$MNT/work" "$W/input"
	chown "$ALICE:$ALICE" "$PLAIN" "$MNT/work"
	cd "$W" || exit 1
}

# job NAME: the same commands of jobs.sh, as Alice, in a folder of the share and in a plain one; what
# they print is compared, and what they leave behind unless NAME ends in "-"
job()
{
	local name=${1%-} keep=${1##*-} where out
	for where in "$PLAIN" "$MNT/work"; do
		out=$W/$name.$([ "$where" = "$PLAIN" ] && echo plain || echo share)
		as "$ALICE" mkdir "$where/$name" || die "$name: no folder"
		(
			cd "$where/$name" || exit 1
			as "$ALICE" env LIB="$both_lib" INPUT="$W/input" N="$(size 200 2000)" \
				GIT_CONFIG_GLOBAL="$W/gitconfig" TMPDIR="$W/tmp" \
				timeout 600 "$both_lib/jobs.sh" "$name" >"$out" 2>"$out.err"
		) || {
			tail -n 20 "$out.err" >&2
			die "$name fails in $where"
		}
	done
	diff "$W/$name.plain" "$W/$name.share" >&2 || die "$name: says the same"
	[ -z "$keep" ] || {
		"$both_lib/listing" "$PLAIN/$name" >"$W/l.plain"
		"$both_lib/listing" "$MNT/work/$name" >"$W/l.share"
		diff "$W/l.plain" "$W/l.share" >&2 || die "$name: leaves the same"
	}
	ok "$name"
}
