#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Labels and protection on files outside of any mount: results per path, what is preserved, what is
# refused, nothing half done.
# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"
# shellcheck source=tests/lib/transcript.sh
. "$(dirname "$0")/../lib/transcript.sh"

share_begin
cd "$SRC" || exit 1
mkdir sub
head -c 20000 /dev/zero | tr '\0' 'x' >a.txt
cp a.txt "$W/a.txt"
printf 'b\n' >sub/b.txt
: >sub/empty
ln -s ../a.txt sub/link
chown games:news a.txt
chmod 2750 a.txt
setfattr -n user.note -v keep a.txt
setfacl -m u:backup:r a.txt
touch -d '2020-02-03 04:05:06.123456789Z' a.txt
facts()
{
	stat -c '%U:%G %a %y' "$1"
	getfattr --absolute-names -d "$1" | sed 1d
	getfacl -cE "$1" | grep backup
}
facts a.txt >"$W/before"

said label set General a.txt missing sub
[ "$(head -c 4 a.txt | od -An -c | tr -d ' ')" = '211MRQ' ] || die "a.txt is no container"
facts a.txt | diff "$W/before" - >&2 || die "something was not preserved"
ok "owner, mode, times, ACL and attributes are kept when a file becomes protected"
said status a.txt sub/b.txt
said label set 'Confidential/All Employees' --recursive --what-if .
said status --recursive .
said label set 'Confidential/All Employees' --recursive .
said label set General a.txt
said label set General --justification 'less secret now' a.txt
said label set Nonsense a.txt
said label set Confidential a.txt
ln a.txt hard
said unprotect --justification x a.txt
rm hard
touch -d '2021-01-01Z' a.txt
said label set General --new-key --no-preserve a.txt
[ "$(stat -c %Y a.txt)" -gt 1700000000 ] || die "--no-preserve"
touch -d '2020-02-03 04:05:06.123456789Z' a.txt
said unprotect a.txt
said unprotect --justification 'for the press' a.txt
same "the plain text is back" a.txt "$W/a.txt"
facts a.txt | diff "$W/before" - >&2 || die "something was not preserved"
ok "owner, mode, times, ACL and attributes are kept when a file becomes plain"
said unprotect a.txt
said label rm sub/link
said label set General sub/link
[ -L sub/link ] || die "the link was replaced"
said protect a.txt
said protect --user alice@$ORG=nonsense a.txt
said protect --user alice@$ORG=viewer --user org=VIEW,PRINT --expires 2099-12-31 --owner bob@$ORG a.txt
said status --rights a.txt
said status --json a.txt
said status --csv a.txt sub/b.txt
printf 'a.txt\0sub/b.txt\0' | mq status --files0-from=- >&2 || die "list on standard input"
ok "paths come from a list"
said label set General --json sub/b.txt missing
printf 'x' >"$(printf 'bad\033[31m\377name')"
said label set General bad*
said status --json bad*
exec 9<>sub/b.txt
said label rm -m x sub/b.txt
exec 9>&-
said key rotate
said rewrap --recursive sub
works "all is whole" mq fsck .
[ -z "$(find . -name '.marque-*')" ] || die "temporary files are left"
ok "nothing is left over"

# As another user: no keys, so no change, but clear facts.
as "$ALICE" marque --state "$STATE" --config "$CONF" status sub/empty >"$W/said" || die "status"
plainly <"$W/said"
refused "without keys nothing is changed" 'cannot\|denied\|permission' \
	mq_as "$ALICE" label set General sub/empty
