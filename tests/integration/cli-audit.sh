#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# audit, track, revoke, cache: on files outside of any mount.
# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"
# shellcheck source=tests/lib/transcript.sh
. "$(dirname "$0")/../lib/transcript.sh"

share_begin
cd "$SRC" || exit 1
printf 'a\n' >a.txt
printf 'b\n' >b.txt
said audit tail
mq label set General a.txt b.txt >&2 || die "label"
mq label set Public a.txt >&2 && die "a downgrade without justification"
mq label set Public -m reasons a.txt >&2 || die "label"
said audit search --event label
said audit search --result denied --principal "root@$ORG"
said audit search --event nonsense
said audit search --result perhaps
said audit search --file-id 12
said audit search --from tomorrow
said audit search --to 2001-01-01
[ "$(mq audit tail -n 3 --json | jq -r .event | wc -l)" = 3 ] || die "tail"
ok "tail shows as many lines as asked"
said track b.txt
said track missing
said revoke a.txt
id=$(mq status --json b.txt | jq -r .file_id)
said revoke "file:$id"
said unrevoke b.txt --file-only
said unrevoke b.txt --file-only
said revoke file:nonsense
said unrevoke a.txt --json
said audit search --event unrevoke
said cache list
said cache clear "nobody@$ORG"
said audit verify | sed 's/[0-9]* records/N records/; s/[0-9]* checkpoints/N checkpoints/'
[ "$(mq audit verify --json | jq -c '[.whole, .signatures_checked]')" = '[true,true]' ] ||
	die "verify"
ok "chain and signatures are verified"
mq audit export --format w3c --output "$W/usage.log" >&2 || die "export"
head -n 1 "$W/usage.log"
said audit export --output "$W/usage.log"
said audit export --format nonsense

# A follower sees what is added, also behind a rotation.
# (Not by mq: the job would be a shell, and killing that leaves the program behind.)
marque --state "$STATE" --config "$CONF" audit tail --follow --lines 1 --json \
	>"$W/follow" 2>&1 &
follower=$!
within 10 test -s "$W/follow" || die "nothing to follow"
mv "$STATE/audit.log" "$STATE/audit.log.1"
mq label set General -m back a.txt >&2 || die "label"
within 10 grep -q '"event":"label".*"reason":"back"' "$W/follow" || die "not followed"
kill "$follower"
wait "$follower"
ok "tail follows through a rotation"

# One letter of one record.
cp -r "$STATE" "$W/edited"
sed -i '0,/reasons/s//seasons/' "$W/edited/audit.log.1"
STATE=$W/edited
said audit verify | sed 's/line [0-9]*/line N/; s/[0-9]* records/N records/'
