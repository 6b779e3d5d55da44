#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Administration from the command line: words become members.
# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"
# shellcheck source=tests/lib/transcript.sh
. "$(dirname "$0")/../lib/transcript.sh"

share_begin
said authority user add "alice@$ORG" name='Alice A.' aliases="a@$ORG" aliases="al@$ORG"
said authority user add "alice@$ORG"
said authority user add "bob@$ORG" 'member:=false'
said authority user list
said authority user list --json
said authority group add "board@$ORG"
said authority group member-add "board@$ORG" "alice@$ORG" "bob@$ORG"
said authority group list --json
said authority template set name=Partners --user domain:partner.example=reviewer \
	--user "board@$ORG=coowner" expires_days=90
said authority template show Partners
said authority label set name=Partners protection=template template=Partners order=25
said label list
said authority superuser add "alice@$ORG"
said authority superuser on --for 2h
said authority superuser off
said authority policy set mandatory=true
said authority policy show --json
said authority policy set mandatory=perhaps
said authority user add
said authority user add x=y
said authority user add "a@$ORG" "b@$ORG"
said authority user
said authority nonsense verb
said authority policy set 'mandatory:={'
said authority export --output "$W/export.json"
[ "$(stat -c %a "$W/export.json")" = 600 ] || die "mode of an export"
jq -e .labels "$W/export.json" >/dev/null || die "no labels in the export"
ok "an export is JSON, for its owner alone"
printf '{"mail":"carol@%s","name":"Carol"}' "$ORG" >"$W/carol.json"
said authority user add --input "$W/carol.json"
said authority user rm "carol@$ORG" --json
said key list | sort
said key rotate
said key list | sort
refused "administration needs the keys" 'cannot\|denied\|permission\|root' \
	mq_as "$ALICE" authority user list
