# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the vectors of the container are made with, and how they are written down."""
import hashlib
import json
import os
import struct
from dataclasses import dataclass

import marque_codec as codec
import marque_writer as writer
from marque_codec import PAGE

CONTENT_KEY = bytes(range(32))
SMALL = b"a licence of the vectors; a container does not look into it"
HASH_MAX = 16 << 20
CHANGES_MAX = 1100  # bytes in the manifest rather than another file
ZEROS_MIN = 64

vectors = []


def params(name, **more):
    """Facts of the vector called name: its keys and nonces come from its name."""
    more = {"content_key": CONTENT_KEY, "licence": SMALL, "created": 1767268800} | more
    return writer.Params(random=writer.Random("vector " + name), **more)


def state_of(name, size, blocks=None, p=None, **more):
    """A state with pattern plaintext; blocks None: no holes."""
    p = p or params(name, **more)
    last = p.layout.blocks(size)
    pattern = writer.plain_block
    blocks = range(last) if blocks is None else blocks
    return writer.filled(p, size, lambda i, n: pattern(name, i, n), blocks)


@dataclass
class Vector:
    """A file, and what a reader makes of it; image is Pages or bytes."""

    name: str
    what: str
    image: object
    expect: str = "ok"
    state: object = None
    lost: tuple = ()
    journal: bool = False
    content_key: bytes = CONTENT_KEY

    def __post_init__(self):
        if isinstance(self.image, bytes):
            self.length, pages = len(self.image), -(-len(self.image) // PAGE)
            raw, self.image = self.image, writer.Pages()
            self.image.put(0, raw.ljust(pages * PAGE, b"\0"))
        else:
            self.length = self.image.length
        self.used = self.image.used()
        packed = sum(len(self.image.page[p].rstrip(b"\0")) for p in self.used)
        self.sparse = 4 * packed < 3 * self.length
        self.file = self.name + (".pages" if self.sparse else ".mrq")
        self.changes = []
        self.find_like()
        vectors.append(self)

    def find_like(self):
        """Take the file of the vector that is most like this one, when one is."""
        best = min(CHANGES_MAX, len(self.used) * PAGE // 2)
        for other in vectors:
            if other.changes or not best:
                continue
            size, changes = differences(other.image, self.image, self.length, best)
            if size < best:
                best, self.changes, self.file = size, changes, other.file
                self.sparse = other.sparse

    def write(self, folder):
        if self.file.partition(".")[0] != self.name:
            return
        path = os.path.join(folder, self.file)
        if self.sparse:
            self.image.write_sparse(path)
        else:
            self.image.write(path)
            os.truncate(path, self.length)

    def plain(self, off, length):
        b, size = self.state.p.layout.block_size, self.state.size
        end, out = min(off + length, size), []
        while off < end:
            i, skip = divmod(off, b)
            n = min(b - skip, end - off)
            block = None if i in self.lost else self.state.plain.get(i)
            out.append((block or bytes(b))[skip : skip + n])
            off += n
        return b"".join(out)

    def ranges(self):
        """Around each block that is no hole, and the end."""
        b, size = self.state.p.layout.block_size, self.state.size
        places = [max(0, i * b - 100) for i in sorted(self.state.blocks)]
        for off in places + [max(0, size - 100)]:
            data = self.plain(off, b + 200)
            yield [off, len(data), hashlib.sha256(data).hexdigest()]

    def entry(self):
        out = {"name": self.name, "what": self.what, "file": self.file}
        out |= {"form": "pages" if self.sparse else "whole", "length": self.length}
        if self.changes:
            out["changes"] = [change(off, data) for off, data in self.changes]
        out |= {"content_key": self.content_key.hex(), "expect": self.expect}
        if self.expect == "ok":
            out |= self.outcome()
        return out

    def outcome(self):
        state = self.state
        out = {
            "size": state.size,
            "sequence": state.sequence,
            "block_size": state.p.layout.block_size,
            "journal": self.journal,
            "blocks": len(state.blocks) - len(self.lost),
            "lost": len(self.lost),
        }
        if state.size <= HASH_MAX:
            data = self.plain(0, state.size)
            out["sha256"] = hashlib.sha256(data).hexdigest()
        else:
            out["ranges"] = list(self.ranges())
        return out


def change(off, data):
    if len(data) < ZEROS_MIN or any(data):
        return [off, data.hex()]
    return [off, len(data)]


def differences(old, new, length, most):
    """[(offset, bytes)] that make the first length bytes of old those of new.

    Stops when they are most bytes or more; returns their number too.
    """
    size, out = 0, []
    for page in sorted(old.page.keys() | new.page.keys()):
        a, b = old.get(page), new.get(page)
        if a == b or page * PAGE >= length:
            continue
        off = 0
        while off < PAGE and size < most:
            if a[off] == b[off]:
                off += 1
                continue
            end = off + 1
            while end < PAGE and a[end : end + 8] != b[end : end + 8]:
                end += 1
            tail = PAGE - len(b.rstrip(b"\0"))
            if off < PAGE - tail < end - ZEROS_MIN:
                end = PAGE - tail
            out.append((page * PAGE + off, b[off:end]))
            size += end - off if any(b[off:end]) else 16
            off = end
    return size, out


def manifest():
    lines = [json.dumps(v.entry()) for v in vectors]
    return '{"vectors": [\n' + ",\n".join(lines) + "\n]}\n"


# Defects


def reseal(image, state, mac=True):
    """The header's checksum right again, and its MAC too."""
    k = state.p.k
    raw = writer.header_seal(image.get(0, k), state.p.keys if mac else None)
    image.put(0, raw)


def poke(image, off, data):
    """Bytes at an offset of the file."""
    first = off // PAGE
    n = -(-(off % PAGE + len(data)) // PAGE)
    raw = bytearray(image.get(first, n))
    raw[off % PAGE : off % PAGE + len(data)] = data
    image.put(first, raw)


def flip(image, off, bit=1):
    page, at = divmod(off, PAGE)
    poke(image, off, bytes([image.get(page)[at] ^ bit]))


def u16(n):
    return struct.pack("<H", n)


def u32(n):
    return struct.pack("<I", n)


def u64(n):
    return struct.pack("<Q", n)


def entry_at(i):
    return codec.AT["entries"] + 32 * i
