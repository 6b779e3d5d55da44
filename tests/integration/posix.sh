#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# What programs observe of names, content, permissions, times, attributes and locks is the same in a
# share as in a plain folder beside it, but for what tests/lib/posix/known.txt lists.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
share_mount
lib=$here/../lib/posix
PLAIN=$W/plain
mkdir "$PLAIN"
chmod 1777 "$PLAIN"
alice=$(id -u "$ALICE"):$(id -g "$ALICE")
bob=$(id -u "$BOB"):$(id -g "$BOB")

# observed CASE FILE: without what is known to differ
observed()
{
	awk -v case="$1: " '
		NR == FNR { if (index($0, case) == 1) known[substr($0, length(case) + 1) " = "]; next }
		{ for (k in known) if (index($0, k) == 1) next; print }' "$lib/known.txt" "$2"
}

# compare FOLDER WHAT: every case, in that folder of both
compare()
{
	local name where out
	for where in "$PLAIN" "$MNT"; do
		mkdir "$where/$1"
		chmod 1777 "$where/$1"
	done
	for name in $("$lib/compare.py" --list); do
		for where in "$PLAIN" "$MNT"; do
			out=$W/$name.$(basename "$where")
			timeout 200 "$lib/compare.py" "$where/$1" "$out" "$name" "$alice" "$bob" >&2 ||
				die "$name ends in $where"
			observed "$name" "$out" >"$out.known"
		done
		same "$2$name" "$W/$name.plain.known" "$W/$name.mnt.known"
	done
}

compare alone ""
share_umount
share_mount shared
compare shared "shared: "
share_umount
share_mount

# What changes in the source behind the mount is noticed.
mkdir "$SRC/behind"
echo first >"$SRC/behind/plain"
equal "new in the source" first "$(cat "$MNT/behind/plain")"
echo second and longer >"$SRC/behind/plain"
holds()
{
	[ "$(cat "$MNT/behind/plain")" = "$1" ]
}
within 60 holds "second and longer" || die "changed in the source"
ok "changed in the source"
echo third >"$SRC/behind/new"
mv "$SRC/behind/new" "$SRC/behind/plain"
within 60 holds third || die "replaced in the source"
ok "replaced in the source"
echo protected >"$MNT/behind/ours"
mq umount "$MNT" >&2 && share_mount
cp "$SRC/behind/ours" "$SRC/behind/copy"
equal "a container copied in the source" protected "$(cat "$MNT/behind/copy")"
rm "$SRC/behind/plain"
within 60 test ! -e "$MNT/behind/plain" || die "removed in the source"
ok "removed in the source"

# All of it is there in another mount, too.
"$here/../lib/listing" --times "$MNT" >"$W/before"
share_umount
share_mount
"$here/../lib/listing" --times "$MNT" >"$W/after"
same "all is the same after another mount" "$W/before" "$W/after"
share_umount
works "every container is whole" mq fsck "$SRC"
