#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# A program that wants to pass for a trusted one, and an account that has no right to a file: what
# marquefs(8) and marque-security(7) say is stopped, is.  Each open that is refused has its record.
# shellcheck disable=SC2016 # expanded by the shells that run them
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

need cc
share_begin
getent group marque-trusted >/dev/null || groupadd --system marque-trusted ||
	skip "cannot make the group marque-trusted"
findmnt -no OPTIONS -T "$W" | grep -q nosuid && skip "set-group-ID does not work below $W"
mkdir "$W/bin"
viewer=$W/bin/viewer forger=$W/bin/forger
cc -D_GNU_SOURCE -O1 -pthread -o "$viewer" "$here/../lib/prober.c" >&2 || die "cannot compile"
cc -D_GNU_SOURCE -O0 -pthread -o "$forger" "$here/../lib/prober.c" >&2 || die "cannot compile"
# trust FILE: as the manual says
trust()
{
	chown root:marque-trusted "$1" && chmod 2755 "$1"
}
trust "$viewer"
share_config "[programs]
trusted = $viewer"
# One worker: whatever makes it ask its own mount would wait for ever.
share_mount threads=1
chmod 1777 "$MNT"
file=$MNT/plan.txt
printf 'the plan\n' | as "$ALICE" sh -c "cat >'$file'; chmod 644 '$file'"
mq_as "$ALICE" protect --user "bob@$ORG=viewer" "$file" >&2 || die "protect"

refusals='.event == "open" and .result == "denied" and .path == "/plan.txt" and .principal == "bob@'$ORG'"'
# gets WHAT ANSWER COMMAND...: as bob; what is refused has exactly one record more
gets()
{
	local what=$1 want=$2 got before more=0
	shift 2
	before=$(audit_count "$refusals")
	got=$(as "$BOB" timeout 60 "$@" 2>>"$W/errors" </dev/null)
	[ "$want" = EACCES ] && more=1
	[ "$got" = "$want" ] || die "$what: wanted '$want', got '$got'"
	[ "$(($(audit_count "$refusals") - before))" = $more ] || die "$what: not $more records"
	ok "$what"
}

# ---- trusted or not ----

gets "a trusted program needs VIEW alone" 'the plan' "$viewer" read "$file"
gets "also in a second thread" 'the plan' "$viewer" thread "$file"
gets "an ordinary one needs more" EACCES "$forger" read "$file"
gets "also in a second thread" EACCES "$forger" thread "$file"
gets "executed by a thread it is itself" 'the plan' "$forger" exec "$viewer" read "$file"
gets "so is what it executes itself" EACCES "$viewer" exec "$forger" read "$file"

# Names.
mkdir "$W/home/bin"
cp "$viewer" "$W/home/bin/viewer"
chown "$BOB:" "$W/home/bin/viewer"
gets "a copy of one's own" EACCES "$W/home/bin/viewer" read "$file"
chmod 2755 "$W/home/bin/viewer"
gets "a copy that is set-group-ID of another group" EACCES "$W/home/bin/viewer" read "$file"
cp "$forger" "$W/home/bin/viewer"
gets "its name" EACCES "$W/home/bin/viewer" read "$file"
gets "its name as argument 0" EACCES bash -c 'exec -a "$1" "$2" read "$3"' - "$viewer" "$forger" "$file"
ln -s "$forger" "$W/home/bin/link"
gets "a symbolic link to another" EACCES "$W/home/bin/link" read "$file"
printf '#!/bin/sh\nhead -n 1 "$1" || echo EACCES\n' >"$W/bin/script"
trust "$W/bin/script"
gets "a script, set-group-ID or not" EACCES "$W/bin/script" "$file"
loader=$(ldd "$viewer" | awk '/^[ \t]*\// { print $1; exit }')
gets "by the loader's name" EACCES "$loader" "$viewer" read "$file"
before=$(audit_count "$refusals")
got=$(unshare -m sh -c 'mount --bind "$1" "$2" && shift &&
	exec setpriv --reuid='"$BOB"' --regid='"$BOB"' --init-groups "$@"' - \
	"$forger" "$viewer" read "$file" 2>>"$W/errors")
equal "another mounted over its path" EACCES "$got"
equal "which has its record" 1 "$(($(audit_count "$refusals") - before))"
own=(unshare -Ur)
as "$BOB" "${own[@]}" true || own=(setpriv --no-new-privs) # the kernel allows no such namespace
gets "as root of a user namespace, where the group is unknown" EACCES "${own[@]}" "$viewer" read "$file"

# What set-group-ID is there for.
cat >"$W/home/evil.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
unsigned la_version(unsigned version) { return version; }
__attribute__((constructor)) static void evil(void)
{
	puts("loaded");
	fflush(stdout);
}
END
cc -shared -fPIC -o "$W/home/evil.so" "$W/home/evil.c" >&2 || die "cannot compile"
cp "$W/home/evil.so" "$W/home/libc.so.6"
gets "LD_PRELOAD is not obeyed" 'the plan' env "LD_PRELOAD=$W/home/evil.so" "$viewer" read "$file"
gets "nor LD_AUDIT" 'the plan' env "LD_AUDIT=$W/home/evil.so" "$viewer" read "$file"
gets "nor LD_LIBRARY_PATH" 'the plan' env "LD_LIBRARY_PATH=$W/home" "$viewer" read "$file"
gets "without new privileges it is ordinary" EACCES setpriv --no-new-privs "$viewer" read "$file"
before=$(audit_count "$refusals")
got=$(setpriv --reuid="$BOB" --regid=marque-trusted --clear-groups \
	env "LD_PRELOAD=$W/home/evil.so" "$viewer" read "$file" 2>>"$W/errors")
equal "started with the group as its real one, it obeys, and is ordinary" "loaded
EACCES" "$got"
equal "which has its record" 1 "$(($(audit_count "$refusals") - before))"

# ---- others' memory and descriptors ----

gets "who lets it be traced" EACCES "$forger" traced "$viewer" read "$file"
# waiting WHO: a viewer that waits; $pid is its number
waiting()
{
	rm -f "$W/$1.in" "$W/$1.out"
	mkfifo "$W/$1.in"
	setsid setpriv --reuid="$BOB" --regid="$BOB" --init-groups "$viewer" wait "$file" \
		<"$W/$1.in" >"$W/$1.out" &
	pid=$!
	exec {pipe}>"$W/$1.in"
	within 30 grep -q ready "$W/$1.out" || die "the viewer does not start"
}
waiting one
equal "attaching to it" EPERM "$(as "$BOB" "$forger" trace $pid true)"
for name in mem environ maps fd/0 exe; do
	as "$BOB" head -c 1 "/proc/$pid/$name" >/dev/null 2>&1 && die "/proc/PID/$name can be read"
done
ok "its memory and descriptors are its own"
before=$(audit_count "$refusals")
"$forger" trace $pid bash -c 'echo >&"$1"; for ((i = 0; i < 600; i++)); do
	grep -q "plan\|E[A-Z]" "$2" && exit; sleep 0.1; done' - "$pipe" "$W/one.out" >&2 || die "root cannot trace"
wait $pid
equal "traced by root it is ordinary" EACCES "$(tail -n 1 "$W/one.out")"
equal "which has its record" 1 "$(($(audit_count "$refusals") - before))"
exec {pipe}>&-

# A process id that a trusted program has had.
waiting two
echo >&"$pipe"
wait $pid
exec {pipe}>&-
equal "the trusted program has been seen" 'the plan' "$(tail -n 1 "$W/two.out")"
before=$(audit_count "$refusals")
got=$("$forger" numbered $pid "$(id -u "$BOB")" "$(id -g "$BOB")" "$forger" read "$file")
[ $? = 123 ] && got=EACCES before=$((before - 1)) # taken by somebody else
equal "its process id serves nobody else" EACCES "$got"
equal "which has its record" 1 "$(($(audit_count "$refusals") - before))"

gets "a descriptor that it hands on is not stopped" 'the plan' "$viewer" pass "$file" sh -c 'head -n 1 <&9'
gets "to open it anew is" EACCES "$viewer" pass "$file" "$forger" read /proc/self/fd/9

# ---- the file of the program ----

chown "$BOB" "$viewer" && chmod 2755 "$viewer"
gets "when somebody else owns it" EACCES "$viewer" read "$file"
trust "$viewer" && chmod 2775 "$viewer"
gets "when a group can write to it" EACCES "$viewer" read "$file"
trust "$viewer" && chmod g-s "$viewer"
gets "when it is not set-group-ID" EACCES "$viewer" read "$file"
trust "$viewer"
gets "and again when all is as it was" 'the plan' "$viewer" read "$file"
cp "$forger" "$W/bin/new" && trust "$W/bin/new" && mv "$viewer" "$W/bin/old" && mv "$W/bin/new" "$viewer"
gets "another in its place" EACCES "$viewer" read "$file"
mv "$W/bin/old" "$viewer"
cp "$viewer" "$MNT/viewer" && trust "$MNT/viewer"
gets "when it is on the mount itself" EACCES "$MNT/viewer" read "$file"
equal "which its own daemon does not read" 0 \
	"$(audit_count ".event == \"open\" and .path == \"/viewer\" and .pid == $(share_pid)")"

# ---- a file that was just made ----

printf '[labels]\nuser.alice@%s = Confidential/Recipients Only\n' "$ORG" >>"$CONF"
share_call '{"verb":"reload"}' >&2 || die "reload"
as "$ALICE" python3 -c 'import os, stat, sys
os.umask(0); os.mknod(sys.argv[1], 0o666 | stat.S_IFREG)' "$MNT/made" || die "mknod"
refusals='.event == "open" and .result == "denied" and .path == "/made" and .principal == "bob@'$ORG'"'
gets "who finds a file before its maker has opened it" EACCES "$forger" read "$MNT/made"

share_umount
works "the audit log verifies" mq audit verify
