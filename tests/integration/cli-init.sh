#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# init, its two seals, what it refuses; usage and help; doctor's exit code.
# shellcheck source=tests/lib/share.sh
. "$(dirname "$0")/../lib/share.sh"
# shellcheck source=tests/lib/transcript.sh
. "$(dirname "$0")/../lib/transcript.sh"

share_begin
said init --org "$ORG"
STATE=$W/second CONF=$W/second.etc/marque.conf
said init
said init --org "$ORG" --seal nonsense
said init --org 'no domain'
said init --org "$ORG" --json
said label list
[ "$(stat -c %a "$STATE" "$W/second.etc/machine.key" "$CONF" | tr '\n' ' ')" = '700 600 644 ' ] ||
	die "modes of state, secret and configuration"
ok "state and secret are root's alone"

# Every name that the default configuration shows is one that the program knows.
sed -E 's/^#([a-z_.]+[^ ]* = )/\1/' "$CONF" >"$W/all.conf"
sed -i -e '/^user.ann@/d' -e "s#^path = .*#path = $W/audit.log#" "$W/all.conf"
CONF=$W/all.conf
sed -i -e "s#^trusted = .*#trusted = $(type -P true)#" -e "s#^machine_key = .*#machine_key = $W/second.etc/machine.key#" "$CONF"
works "the default configuration holds with every line switched on" mq key list

STATE=$W/third CONF=$W/third.etc/marque.conf
printf 'correct horse\n' >"$W/pass"
printf 'wrong\n' >"$W/wrong"
said init --org "$ORG" --seal passphrase
mq init --org "$ORG" --seal passphrase --passphrase-fd 3 3<"$W/pass" >&2 || die "init"
ok "sealed with a passphrase"
said key list
refused "a wrong passphrase is refused" passphrase mq key list --passphrase-fd 3 3<"$W/wrong"
works "the passphrase opens" mq key list --passphrase-fd 3 3<"$W/pass"
printf 'x\n' >"$W/x.txt"
mq label set General "$W/x.txt" --passphrase-fd 3 3<"$W/pass" >&2 || die "label set"
[ "$(mq audit verify --json </dev/null | jq -c '[.whole, .signatures_checked]')" = '[true,true]' ] ||
	die "audit verify needs a passphrase"
ok "the audit log is verified without the passphrase"
said label list --json | head -n 2

printf '[mount]\nplain = perhaps\n' >"$CONF"
said label list
printf 'nonsense\n' >"$CONF"
said label list
rm "$CONF"
STATE=$W/none
said label list
said
said bogus
said label
said label set
said status --nonsense x
said mount one
said help init
v=$(mq version)
[ "$(mq --version)/$(mq -V)/$(mq status --version)" = "$v/$v/$v" ] || die "--version"
[[ "$v" =~ ^marque\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || die "version: $v"
[[ "$(marquefs --version)" = "marquefs ${v#marque }" ]] || die "marquefs --version"
ok "--version is name and version, of marque and of marquefs"
said version --nonsense
