#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Which label a file has: defaults, mandatory labelling, saves of editors, copies by any means, changes
# and what they need.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

need vim tar rsync
share_begin
share_config "[labels]
directory./hr = Confidential/All Employees
directory./hr/press = Public
user.bob@$ORG = Confidential/Recipients Only"
mkdir -p "$SRC/hr/press" "$SRC/lab"
chmod 777 "$SRC" "$SRC/hr" "$SRC/hr/press" "$SRC/lab"
share_mount
cd "$MNT" || exit 1
CONF_ALL='Confidential/All Employees' HIGH='Highly Confidential/All Employees'

# write ACCOUNT FILE [TEXT]: in a session of its own, so that no label follows from here
write()
{
	printf '%s\n' "${3:-text of $2}" | alone setpriv --reuid="$1" --regid="$1" --init-groups \
		sh -c "umask 0; cat >'$2'" || die "cannot write $2"
}
run_as()
{
	local who=$1
	shift
	alone setpriv --reuid="$who" --regid="$who" --init-groups env HOME="$W/home" "$@"
}
labelled()
{
	equal "$1" "$2" "$(label_of "$3")"
}
fact()
{
	getfattr --only-values -n "user.marque.$2" "$1" 2>/dev/null
}

write "$ALICE" a
labelled "a new file has the default" General a
equal "its owner is who made it" "alice@$ORG" "$(fact a owner)"
write "$ALICE" hr/a
labelled "in a folder with a default, that" "$CONF_ALL" hr/a
write "$ALICE" hr/press/a
labelled "the longest folder wins" Public hr/press/a
write "$BOB" b
labelled "a person's default" 'Confidential/Recipients Only' b
write "$BOB" hr/b
labelled "the folder's before the person's" "$CONF_ALL" hr/b
refused "what nobody was named for is the owner's alone" 'permission denied' run_as "$ALICE" cat b

# Changes.
works "up needs no reason" run_as "$ALICE" marque --state "$STATE" --config "$CONF" label set "$HIGH" a
labelled "and is done" "$HIGH" a
refused "down needs one" justif run_as "$ALICE" marque --state "$STATE" --config "$CONF" \
	label set General a
labelled "else nothing changes" "$HIGH" a
refused "also by the attribute" 'not permitted' run_as "$ALICE" setfattr -n user.marque.label -v General a
works "with a reason it is done" run_as "$ALICE" marque --state "$STATE" --config "$CONF" \
	label set --justification 'was a mistake' General a
equal "the reason is in the log" 1 "$(audit_count '.event == "label" and .reason == "was a mistake"')"
works "by the attribute too" run_as "$ALICE" setfattr -n user.marque.label -v "$CONF_ALL" a
works "with a reason in it" run_as "$ALICE" setfattr -n user.marque.label \
	-v 'General;justification=again a mistake' a
labelled "is General" General a
refused "an unknown label is told" 'no label\|unknown\|does not exist' run_as "$ALICE" marque --state "$STATE" \
	--config "$CONF" label set Nonsense a
refused "a parent cannot be applied" . run_as "$ALICE" marque --state "$STATE" --config "$CONF" \
	label set Confidential a
write "$ALICE" mine
works "permissions of its own" run_as "$ALICE" marque --state "$STATE" --config "$CONF" \
	protect --user "bob@$ORG=reviewer" mine
refused "who may not change protection is refused" . run_as "$BOB" marque --state "$STATE" \
	--config "$CONF" label set --justification x Public mine

# Saves of editors keep label, owner and content id.
write "$ALICE" doc 'first line'
chmod 666 doc
run_as "$ALICE" marque --state "$STATE" --config "$CONF" label set "$CONF_ALL" doc >&2 || die "label"
content=$(fact doc content-id)
kept()
{
	[ "$(label_of doc)" = "$CONF_ALL" ] || die "$1: label is $(label_of doc)"
	[ "$(fact doc owner)" = "alice@$ORG" ] || die "$1: owner is $(fact doc owner)"
	[ "$(fact doc content-id)" = "$content" ] || die "$1: another content id"
	grep -q "$2" doc 2>/dev/null || run_as "$ALICE" grep -q "$2" doc || die "$1: not saved"
	ok "$1 keeps label, owner and content id"
}
for copy in yes no; do
	run_as "$BOB" vim -es -u NONE -i NONE -c "set bkc=$copy backup writebackup directory=." \
		-c "normal Govim $copy" -c wq doc </dev/null || die "vim fails"
	kept "vim, backupcopy=$copy" "vim $copy"
done
run_as "$BOB" sh -c 'cat doc >doc.tmp && echo renamed >>doc.tmp && mv doc.tmp doc' || die "rename"
kept "write and rename" renamed
run_as "$BOB" sh -c 'echo "all new, renamed" >doc.tmp && mv doc.tmp doc' || die "rename"
kept "a rename of what was never read" 'all new, renamed'
run_as "$BOB" sh -c 'mv doc doc.bak && echo "after a backup" >doc.new && mv doc.new doc; true'
run_as "$BOB" sh -c 'rm doc; mv doc.bak doc' || die "backup"
run_as "$BOB" sh -c 'echo truncated >doc' || die "truncate"
kept "truncate and write" truncated
run_as "$BOB" sed -i 's/truncated/by sed/' doc || die "sed"
kept "sed -i" 'by sed'
run_as "$BOB" python3 -c '
import ctypes, os
open("doc.x", "w").write("exchanged\n")
assert ctypes.CDLL(None).renameat2(-100, b"doc.x", -100, b"doc", 2) == 0, "RENAME_EXCHANGE"
os.unlink("doc.x")' || die "exchange"
kept "an exchange" exchanged

# Copies, by whatever means, have at least the label of what was read.
write "$ALICE" secret 'the secret'
run_as "$ALICE" marque --state "$STATE" --config "$CONF" label set "$CONF_ALL" secret >&2 || die "label"
cd lab || exit 1
copies()
{
	local what=$1 file=$2
	shift 2
	alone setpriv --reuid="$ALICE" --regid="$ALICE" --init-groups env HOME="$W/home" TMPDIR="$W/tmp" \
		"$@" >&2 || die "$what fails"
	labelled "$what" "$CONF_ALL" "$file"
}
copies "cp" cp cp ../secret cp
copies "cp -a" cpa cp -a ../secret cpa
copies "cat a >b" cat sh -c 'cat ../secret >cat'
copies "dd" dd dd if=../secret of=dd status=none
copies "a pipeline" pipe bash -c 'cat ../secret | tr a-z A-Z | sort >pipe'
# What is written may be opened before, while or after what is read.
last=$(size 40 1000)
for ((i = 1; i <= last; i++)); do
	alone setpriv --reuid="$ALICE" --regid="$ALICE" --init-groups \
		bash -c "cat ../secret | tr a-z A-Z | sort >'pipe$i'" || die "a pipeline fails"
	got=$(getfattr --only-values -n user.marque.label "pipe$i")
	[ "$got" = "$CONF_ALL" ] || die "pipeline $i of $last: its label is $got"
done
ok "whoever of a pipeline is first"
copies "tar" archive.tar tar -cf archive.tar ../secret
copies "tar, extracted" x/secret sh -c 'mkdir x && tar -C .. -cf - secret | tar -C x -xf -'
copies "rsync" rsync rsync -a ../secret rsync
copies "a program that read first" first python3 -c '
text = open("../secret").read()
open("first", "w").write("innocent")'
copies "a file that was open before it read" before python3 -c '
f = open("before", "w")
f.write("x"); f.flush()
f.write(open("../secret").read())'
copies "a child of who has read" child python3 -c '
import subprocess
open("../secret").read()
subprocess.run(["sh", "-c", "echo hallo >child"], check=True)'
copies "mmap" map python3 -c '
import mmap, os
m = mmap.mmap(os.open("../secret", os.O_RDONLY), 0, prot=mmap.PROT_READ)
open("map", "wb").write(m[:])'
copies "sendfile" send python3 -c '
import os
i = os.open("../secret", os.O_RDONLY); o = os.open("send", os.O_WRONLY | os.O_CREAT)
os.sendfile(o, i, 0, 100)'
copies "copy_file_range" range python3 -c '
import os
i = os.open("../secret", os.O_RDONLY); o = os.open("range", os.O_WRONLY | os.O_CREAT)
os.copy_file_range(i, o, 100)'
copies "a hard link" link ln ../secret link
write "$ALICE" after
labelled "who has not read is not marked" General after
run_as "$ALICE" cat after >/dev/null
copies "vim's copy" vim vim -es -u NONE -i NONE -c 'set nobackup noswapfile' -c 'w vim' -c q ../secret

# Somebody marked writes into a file of a lower label: it is raised, never lowered.
write "$ALICE" low
copies "appending raises" low sh -c 'cat ../secret >>low'
write "$ALICE" high
run_as "$ALICE" marque --state "$STATE" --config "$CONF" label set "$HIGH" high >&2 || die "label"
run_as "$ALICE" sh -c 'cat ../secret >>high' || die "cannot append"
labelled "and does not lower" "$HIGH" high

# The exemption of a program.
cd "$MNT" || exit 1
printf '[exempt]\n%s = %s\n' "$CONF_ALL" "$(readlink -f "$(command -v dd)")" >>"$CONF"
share_call '{"verb":"reload"}' >&2 || die "reload"
run_as "$ALICE" dd if=secret of=lab/exempt status=none || die "dd"
labelled "a program that is exempt does not carry it on" General lab/exempt

# Mandatory labelling.
cd / || exit 1
share_umount
sed -i '/^\[labels\]/,/^\[/{/^directory\|^user/d}' "$CONF"
works "mandatory, without a default" mq authority policy set mandatory=true default_label=none
share_mount
cd "$MNT" || exit 1
refused "a new file without a label cannot be" 'not permitted' run_as "$ALICE" sh -c 'echo x >unlabelled'
[ ! -e unlabelled ] || die "it is there nevertheless"
ok "and is not there"
equal "why tells" 1 "$(mq_as "$ALICE" why "$MNT/unlabelled" 2>&1 | grep -c label)"
works "what has one can be written" run_as "$ALICE" sh -c 'echo more >>a'
cd / || exit 1
share_umount
works "with a default" mq authority policy set default_label=General
share_mount
cd "$MNT" || exit 1
write "$ALICE" labelled
labelled "it can be" General labelled
refused "mandatory: a label cannot be taken away" . run_as "$ALICE" marque --state "$STATE" \
	--config "$CONF" label rm --justification x labelled

# Rights against requests, in short: who may do what with a file of Alice's.
cell()
{
	local what=$1 wanted=$2 got=yes
	shift 2
	run_as "$BOB" "$@" >/dev/null 2>&1 || got=no
	equal "$what" "$wanted" "$got"
}
for level in none VIEW VIEW,EXTRACT VIEW,EDIT reviewer coauthor coowner; do
	rm -f "cell-$level"
	write "$ALICE" "cell-$level"
	if [ $level = none ]; then
		grant="carol@$ORG=viewer"
	else
		grant="bob@$ORG=$level"
	fi
	run_as "$ALICE" marque --state "$STATE" --config "$CONF" protect --user "$grant" "cell-$level" >&2 ||
		die "protect"
	case $level in
	none | VIEW) read=no write=no replace=no relabel=no ;;
	VIEW,EXTRACT) read=yes write=no replace=no relabel=no ;;
	VIEW,EDIT | reviewer) read=no write=no replace=yes relabel=no ;;
	coauthor) read=yes write=yes replace=yes relabel=no ;;
	coowner) read=yes write=yes replace=yes relabel=yes ;;
	esac
	cell "$level: read $read" "$read" cat "cell-$level"
	cell "$level: append $write" "$write" python3 -c "open('cell-$level', 'r+').close()"
	cell "$level: stat yes" yes stat "cell-$level"
	cell "$level: read the label yes" yes getfattr -n user.marque.rights "cell-$level"
	cell "$level: replace $replace" "$replace" sh -c "echo new >'cell-$level'"
	cell "$level: protect $relabel" "$relabel" marque --state "$STATE" --config "$CONF" protect \
		--justification x --user "carol@$ORG=viewer" "cell-$level"
done
