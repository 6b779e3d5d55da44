#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# The trusted pager: VIEW suffices, a terminal only, no escape reaches it.
# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"

share_begin
need script
view=$(command -v marque-view) || skip "marque-view is not built"
grep -q __asan_init "$view" && skip "a set-group-ID program cannot be told to look for no leaks"
getent group marque-trusted >/dev/null || groupadd --system marque-trusted ||
	skip "cannot make the group marque-trusted"
cp "$view" "$W/marque-view"
chown root:marque-trusted "$W/marque-view"
chmod 2755 "$W/marque-view"
findmnt -no OPTIONS -T "$W" | grep -q nosuid && skip "set-group-ID does not work below $W"
share_config "[programs]
trusted = $W/marque-view"
share_mount
printf 'top secret\n\033]0;owned\007\033[31mred\nlast line\n' >"$MNT/a.txt"
mq label set 'Highly Confidential/Specific People' "$MNT/a.txt" >&2 || die "label"
mq protect --user "bob@$ORG=viewer" "$MNT/a.txt" >&2 || die "protect"
chmod 644 "$MNT/a.txt"

# on_terminal ACCOUNT KEYS PROGRAM...: what its terminal was told
on_terminal()
{
	local who=$1 keys=$2
	shift 2
	(sleep 1; printf '%b' "$keys"; sleep 1) |
		as "$who" timeout 20 script -qefc "$*" /dev/null
}

refused "an ordinary program needs more than VIEW" 'denied' as "$BOB" cat "$MNT/a.txt"
on_terminal "$BOB" q "$W/marque-view" "$MNT/a.txt" >"$W/screen" || {
	cat -v "$W/screen" >&2
	die "the pager failed"
}
grep -q 'top secret' "$W/screen" || die "the text is not shown"
ok "the pager shows what may be viewed"
sed 's/\x1b\[[0-9;]*m//g' "$W/screen" | grep -qF '^[]0;owned^G' || die "escapes are not shown"
! grep -qaF "$(printf '\033]0;')" "$W/screen" || die "an escape reached the terminal"
ok "escapes in the text are shown, not obeyed"
for switch in h l; do
	grep -qaF "$(printf '\033[?1049')$switch" "$W/screen" || die "no alternate screen"
done
ok "the alternate screen is used and left"
refused "not into a pipe" 'terminal only' as "$BOB" "$W/marque-view" "$MNT/a.txt"
on_terminal "$CAROL" q "$W/marque-view" "$MNT/a.txt" >"$W/screen" && die "shown to carol"
! grep -q 'top secret' "$W/screen" || die "shown to carol"
ok "not to who lacks VIEW"
on_terminal "$BOB" '/last\rq' "$W/marque-view" "$MNT/a.txt" >/dev/null || die "search"
ok "searching works"
on_terminal root q "$W/marque-view" /etc/passwd >"$W/screen" && die "a file outside"
grep -q 'no mount of marque' "$W/screen" || die "a file outside"
ok "not a file outside of a mount"
chmod g-s "$W/marque-view"
refused "without set-group-ID it is an ordinary program" 'may not view' \
	on_terminal "$BOB" q "$W/marque-view" "$MNT/a.txt"
cd /
share_umount
