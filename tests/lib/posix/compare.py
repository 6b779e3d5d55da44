#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What programs observe in a folder, for comparing one folder with another.

usage: compare.py FOLDER OUTPUT CASE UID:GID UID:GID
       compare.py --list

Runs one case in an empty folder of its own below FOLDER and writes what was observed to OUTPUT, one
`key = value` a line.  The two accounts are two that own nothing.
"""
import os
import sys

import data
import meta
import names
import probe

assert data and meta and names  # they fill probe.CASES


def main():
    if sys.argv[1:] == ["--list"]:
        print("\n".join(sorted(probe.CASES)))
        return
    folder, output, name, alice, bob = sys.argv[1:]
    who = {}
    for key, account in (("alice", alice), ("bob", bob)):
        uid, gid = map(int, account.split(":"))
        who[key] = (uid, gid, [])
    os.umask(0o022)
    path = os.path.join(folder, name)
    os.mkdir(path)
    with open(output, "w", encoding="utf-8", errors="backslashreplace", buffering=1) as file:
        probe.CASES[name](probe.Probe(path, file), who)


main()
