#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The command line on paths inside a mount, and on a source that is mounted.
# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"
# shellcheck source=tests/lib/transcript.sh
. "$(dirname "$0")/../lib/transcript.sh"

share_begin
share_mount
cd "$MNT" || exit 1
as "$ALICE" sh -c 'echo hello >a.txt; mkdir sub; echo b >sub/b.txt'
said status a.txt
said status --rights a.txt
said label set 'Confidential/All Employees' a.txt
said_as "$ALICE" label set 'Confidential/All Employees' --what-if --recursive .
said_as "$ALICE" label set 'Confidential/All Employees' --recursive .
said status --recursive .
said_as "$ALICE" label set General a.txt
said_as "$ALICE" why a.txt
said_as "$ALICE" why .
said_as "$BOB" why a.txt
said why a.txt
said_as "$ALICE" label set General -m 'not that secret' a.txt
touch -d '2020-02-03 04:05:06Z' a.txt
said_as "$ALICE" label set 'Highly Confidential/All Employees' a.txt
[ "$(stat -c %Y a.txt)" = "$(date -d '2020-02-03 04:05:06Z' +%s)" ] || die "times"
ok "times are kept"
said_as "$ALICE" label set Nonsense a.txt
said_as "$ALICE" label set General --new-key --json -m again a.txt
said_as "$ALICE" protect --user "bob@$ORG=viewer" sub/b.txt
refused "bob may not copy what he may view" 'denied' as "$BOB" cat sub/b.txt
said_as "$BOB" why sub/b.txt
said rewrap --recursive .
said rewrap --what-if a.txt
said_as "$ALICE" unprotect --justification 'for all' sub/b.txt
said_as "$ALICE" unprotect sub/b.txt
said_as "$ALICE" label rm sub/b.txt
mq authority label set name=Released protection=removes order=0 >&2 || die "label"
known()
{
	mq_as "$ALICE" label set Released -n sub/b.txt >"$W/told" 2>&1
	grep -q "is not protected" "$W/told"
}
within 20 known || die "the mount does not learn of the label"
said_as "$ALICE" label set Released -m x sub/b.txt
said fsck a.txt
said track a.txt
cd "$SRC" || exit 1
said label set General a.txt
said fsck --repair a.txt
said fsck --accept a.txt
works "a check alone is harmless" mq fsck a.txt
said why a.txt
cd "$MNT" || exit 1
said revoke a.txt
refused "a revocation is in force at once" 'revoked' as "$BOB" cat a.txt
said unrevoke a.txt
exec 9<a.txt
cd /
said umount "$MNT"
exec 9<&-
said umount --drain "$MNT"
said umount "$MNT"
said why "$MNT"
said mount "$SRC" "$W/missing"
said mount "$W/missing" "$MNT"
said mount --json "$SRC" "$MNT"
said umount --json "$MNT"
said mount --foreground "$SRC" "$MNT" -o nonsense
