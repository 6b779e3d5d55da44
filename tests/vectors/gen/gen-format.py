#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Vectors of the container, made without any of marque's code.

    gen-format.py [FOLDER]     write the files and manifest.json (../format)
    gen-format.py --check      read those that are there with marque_codec.py

The output is the same in each run.  manifest.json has one entry for each container:

    file         its bytes, as form says: "whole", or "pages": for each page that is no
                 hole its number (u64), a length (u16) and so many bytes; then zeros
    changes      to make in them: [offset, hex] or [offset, number of zeros]
    length       of the container
    content_key  hex
    expect       what a reader says: ok; plain (no container); version; format; damaged
    size, sha256 of the plaintext; instead of the latter, for large files:
    ranges       [offset, length, sha256]
    blocks       number of those that are no holes
    lost         number of those that an unsettled header has lost
    journal      one counts
"""
import hashlib
import json
import os
import struct
import sys
import tempfile

import marque_codec as codec
import marque_licence
import vector_kit
import vectors_broken
import vectors_good
import vectors_journal
from vector_kit import PAGE

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(HERE, "..", "format")
ORGANISATION = "dtr-9Tbzn1F_yEha0pMTocVv42JZ4aEgrr0nt4QZPE8"


def licence_load():
    """The example of marque-licence(5), which is kept beside the vectors."""
    with open(os.path.join(FOLDER, "licence.jws"), "rb") as f:
        data = f.read()
    key = marque_licence.scalar(ORGANISATION)
    assert marque_licence.licence_key(data, key) == vectors_good.LICENCE_KEY
    return data


def generate(folder):
    licence = licence_load()
    vectors_good.all_good(licence)
    vectors_journal.all_journals(licence)
    vectors_broken.all_broken(licence)
    names = [v.name for v in vector_kit.vectors]
    assert len(set(names)) == len(names)
    os.makedirs(folder, exist_ok=True)
    for v in vector_kit.vectors:
        v.write(folder)
    with open(os.path.join(folder, "manifest.json"), "w") as f:
        f.write(vector_kit.manifest())


def unpack(path, entry, out):
    """A container from its vector, as a file with holes."""
    with open(path, "rb") as f, open(out, "wb") as to:
        if entry["form"] == "whole":
            to.write(f.read())
        else:
            while head := f.read(10):
                page, n = struct.unpack("<QH", head)
                to.seek(page * PAGE)
                to.write(f.read(n))
        for off, data in entry.get("changes", []):
            to.seek(off)
            to.write(bytes(data) if isinstance(data, int) else bytes.fromhex(data))
        to.truncate(entry["length"])


def outcome(path, entry):
    """What the reader says, as the manifest says it."""
    try:
        reader = codec.Reader(path, bytes.fromhex(entry["content_key"]))
        for i in reader.entries:
            reader.block(i)
    except codec.Refused as e:
        return {"expect": e.kind, "why": str(e)}
    h = reader.header
    out = {"expect": "ok", "size": h.size, "sequence": h.sequence}
    out |= {"block_size": reader.layout.block_size, "lost": len(reader.lost)}
    out |= {"journal": bool(reader.transactions), "blocks": len(reader.entries)}
    if "sha256" in entry:
        out["sha256"] = hashlib.sha256(reader.data(0, h.size)).hexdigest()
    if "ranges" in entry:
        out["ranges"] = [
            [off, n, hashlib.sha256(reader.data(off, n)).hexdigest()]
            for off, n, _ in entry["ranges"]
        ]
    return out


def check(folder):
    """The number of vectors that the reader takes for something else."""
    wrong = 0
    with open(os.path.join(folder, "manifest.json")) as f:
        entries = json.load(f)["vectors"]
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "container")
        for entry in entries:
            try:
                unpack(os.path.join(folder, entry["file"]), entry, path)
            except OSError as e:
                print(f"skipped {entry['name']}: {e}")
                continue
            have = outcome(path, entry)
            why = have.pop("why", "")
            right = all(entry.get(name) == value for name, value in have.items())
            wrong += not right
            if not right or "-v" in sys.argv:
                print("ok" if right else "WRONG", entry["name"], entry["expect"], why)
                print("" if right else f"  wanted {entry}\n  got    {have}\n", end="")
    print(f"{len(entries)} vectors, {wrong} wrong")
    return wrong


if __name__ == "__main__":
    arguments = [a for a in sys.argv[1:] if a != "-v"]
    if arguments == ["--check"]:
        sys.exit(check(FOLDER) > 0)
    generate(arguments[0] if arguments else FOLDER)
