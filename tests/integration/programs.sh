#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Unmodified programs give the same on a protected share as in a plain folder, byte by byte.
here=$(cd "$(dirname "$0")" && pwd)
# The runner works on copies of the tests; the source tree goes in as it is.
top=${MARQUE_SOURCE:-$(cd "$here/../.." && pwd)}
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"
# shellcheck source=tests/lib/both.sh
. "$here/../lib/both.sh"

need git tar make gcc sqlite3 vim nano rsync python3 setfacl
share_begin
share_mount
both_begin

# What goes in: a repository, a tree with everything in it.
cat >"$W/gitconfig" <<-'END'
	[user]
	name = A
	email = a@test.example
	[safe]
	directory = *
	[init]
	defaultBranch = main
	[gc]
	auto = 0
	[core]
	fsync = all
END
mkdir -p "$W/input/tree/src" "$W/input/tree/empty"
cp -r "$top/src/base" "$top/src/policy" "$top/include" "$W/input/tree/src/"
head -c 3000000 /dev/urandom >"$W/input/tree/big.bin"
: >"$W/input/tree/nothing"
ln "$W/input/tree/big.bin" "$W/input/tree/second-name"
ln -s big.bin "$W/input/tree/link"
chmod 640 "$W/input/tree/src/base/error.c"
setfattr -n user.note -v 'kept' "$W/input/tree/src/base/error.c"
setfacl -m "u:$BOB:r" "$W/input/tree/src/base/error.c" ||
	skip "no ACLs on this file system"
truncate -s 20M "$W/input/tree/sparse"
printf head | dd of="$W/input/tree/sparse" conv=notrunc status=none
printf tail | dd of="$W/input/tree/sparse" conv=notrunc bs=1 seek=12345678 status=none
touch -d '2001-02-03 04:05:06.123456789' "$W/input/tree/src/base/file.c"
git init -q -b main "$W/input/repo"
(
	cd "$W/input/repo" || exit 1
	export GIT_CONFIG_GLOBAL=$W/gitconfig GIT_AUTHOR_DATE='2020-01-01T00:00:00Z'
	export GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
	for i in 1 2 3 4 5; do
		cp -r "$top/src/base" .
		for n in $(seq 40); do echo "$i $n $((i * n))" >"file$n"; done
		git add -A && git commit -qm "change $i"
	done
) || die "no repository"
chown -R "$ALICE:$ALICE" "$W/input"
job git-
job tar
job make
job sqlite-delete
job sqlite-wal-
job vim
job nano
job rsync
for where in "$PLAIN" "$MNT/work"; do
	"$both_lib/listing" --times "$where/rsync/copy" | sed 's/^\. .*//'
done >"$W/rsync.times"
[ "$(sort "$W/rsync.times" | uniq -c | awk '$1 % 2')" = '' ] || die "rsync: times"
ok "rsync: times"
job sparse
job grep
job gcc
job python

# Times that a program set stay to the nanosecond; others the kernel keeps to its own tick until
# it forgets the file.
listings()
{
	"$both_lib/listing" "$MNT/work"
	"$both_lib/listing" --times "$MNT/work/rsync/copy"
}

listings >"$W/before"
share_umount
share_mount
listings >"$W/after"
same "the same after an unmount and a mount" "$W/before" "$W/after"
share_umount
works "every file behind the mount is whole" mq fsck "$SRC"
