# SPDX-License-Identifier: LGPL-2.1-or-later
"""Search bytes for what markers have in common, in the clear and in common encodings.

search.py PREFIX-FILE PATH...: a path is a file or a folder.  Tells each find, one a line; how many
bytes were looked at goes to standard error.  Sparse files are looked at where they hold data.
"""
import base64
import codecs
import os
import re
import sys
import urllib.parse
import zlib

with open(sys.argv[1], encoding="ascii") as file:
    prefix = file.read().strip()
assert len(prefix) >= 12, "too short to be found in base32"


def encodings():
    raw = prefix.encode()
    yield "clear", raw
    yield "reversed", raw[::-1]
    yield "rot13", codecs.encode(prefix, "rot13").encode()
    yield "upper", prefix.upper().encode()
    yield "lower", prefix.lower().encode()
    yield "utf-16", prefix.encode("utf-16le")[:-1]
    yield "utf-32", prefix.encode("utf-32le")[:-3]
    yield "hex", raw.hex().encode()
    yield "HEX", raw.hex().upper().encode()
    yield "complement", bytes(b ^ 0xff for b in raw)
    for shift in range(3):  # wherever it begins: what is the same whatever is around it
        text = base64.b64encode(b"x" * shift + raw)
        text = text[4 if shift else 0:len(text) // 4 * 4 - 4]
        yield f"base64+{shift}", text
        yield f"base64url+{shift}", text.translate(bytes.maketrans(b"+/", b"-_"))
    for shift in range(5):
        text = base64.b32encode(b"x" * shift + raw)
        yield f"base32+{shift}", text[8 if shift else 0:-8]
    yield "escaped", "".join(f"\\u{ord(c):04x}" for c in prefix).encode()
    yield "octal", "".join(f"\\{ord(c):03o}" for c in prefix).encode()
    yield "percent", "".join(f"%{ord(c):02X}" for c in prefix).encode()
    yield "quoted", urllib.parse.quote(prefix).encode()


patterns = {}
for kind, pattern in encodings():
    patterns.setdefault(pattern, kind)


def look(data, where):
    for pattern, kind in patterns.items():
        at = data.find(pattern)
        while at >= 0:
            print(f"{where} at {at}: {kind}")
            at = data.find(pattern, at + 1)


def extents(file):
    """(start, length) of what is no hole."""
    end = os.fstat(file.fileno()).st_size
    at = 0
    while at < end:
        try:
            start = os.lseek(file.fileno(), at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, at - start


def files(paths):
    for path in paths:
        if os.path.isdir(path):
            for folder, _, names in os.walk(path):
                yield from (os.path.join(folder, name) for name in names)
        elif os.path.isfile(path):
            yield path


total = 0
for path in files(sys.argv[2:]):
    if os.path.basename(path).find(prefix) >= 0:
        print(f"the name {path}")
    if not os.path.isfile(path):
        continue
    try:
        file = open(path, "rb")
    except FileNotFoundError:  # of others, in a temporary folder
        continue
    with file:
        for start, length in extents(file):
            file.seek(start)
            data = file.read(length)
            total += length
            look(data, path)
            if length > 1 << 24:
                continue
            for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
                try:
                    part = zlib.decompressobj().decompress(data[match.start():match.start() + 65536])
                    look(part, path + " (zlib)")
                except zlib.error:
                    pass
print(f"searched {total}", file=sys.stderr)
