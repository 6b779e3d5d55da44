#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# An office suite converts documents on a protected share as in a plain folder.  In full size only: what
# it takes to install is large.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"
# shellcheck source=tests/lib/both.sh
. "$here/../lib/both.sh"

[ -n "$LONG" ] || skip "in full size only (tests/run --long)"
need soffice python3
share_begin
share_mount
both_begin

mkdir "$W/input/office"
seq -f 'line %g is größer' 300 >"$W/input/office/text.txt"
seq 500 | awk '{ print $1 "," ($1 * 7919 % 10007) ",name " $1 }' >"$W/input/office/table.csv"
# A document of somebody else, where there is one.
find "${MARQUE_SAMPLES:-/nonexistent}" -name '*.docx' \
	-exec install -m 644 {} "$W/input/office/sample.docx" \; 2>/dev/null
chown -R "$ALICE:$ALICE" "$W/input"
job office-
share_umount
works "every file behind the mount is whole" mq fsck "$SRC"
