#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Random writes, reads, mappings, truncations, allocations, copies and reopens of a file in a share and
# of a plain one: equal at every step, after another mount, and every container is whole.  Seeds follow
# MARQUE_SEED, else 1; tests/lib/posix/exercise.py repeats one of them by hand.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/lib/share.sh
. "$here/../lib/share.sh"

share_begin
share_mount
PLAIN=$W/plain
mkdir "$PLAIN"
seed=${MARQUE_SEED-1}
jobs_of_both=()

# exercise NAME OPERATIONS [direct]
exercise()
{
	"$here/../lib/posix/exercise.py" "$PLAIN/$1" "$MNT/$1" "$seed" "${@:2}" >"$W/$1.log" 2>&1 || {
		cat "$W/$1.log" >&2
		die "seed $seed: $1"
	}
	seed=$((seed + 1))
}

for name in one two three; do
	exercise $name "$(size 1500 333334)"
done
ok "cached: every operation gave the same"
exercise direct "$(size 1000 1000000)" direct
ok "O_DIRECT: every operation gave the same"
seed_of_both=$seed
for name in left right; do
	(
		seed=$((seed_of_both + ${#name}))
		exercise $name "$(size 800 500000)"
	) &
	jobs_of_both+=($!)
done
for job in "${jobs_of_both[@]}"; do
	wait "$job" || die "two at a time"
done
ok "two at a time: every operation gave the same"

share_umount
share_mount
same "the same after another mount" "$PLAIN" "$MNT"
share_umount
works "every container is whole" mq fsck "$SRC"
