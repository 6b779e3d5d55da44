# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers made as marque-format(5) says: at rest, unsettled, with journals.

A State is one state of a file: its header's fields and its blocks.  It knows the bytes
of every page that it means (units()): a journal is the difference of two states.
"""
import hashlib
import os
import struct
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

import marque_codec as codec
from marque_codec import PAGE


class Random:
    """Random bytes, or with a seed bytes that are the same in each run."""

    def __init__(self, seed=None):
        self.seed, self.count = seed, 0

    def __call__(self, n):
        if self.seed is None:
            return os.urandom(n)
        self.count += 1
        text = b"%s %d" % (self.seed.encode(), self.count)
        return hashlib.shake_256(text).digest(n)


def plain_block(name, i, n):
    """n bytes of block i of the plaintext that is called name."""
    return hashlib.shake_256(b"%s %d" % (name.encode(), i)).digest(n)


class Pages:
    """A file in memory, page by page; what is not there is a hole."""

    def __init__(self):
        self.page, self.npages = {}, 0

    @property
    def length(self):
        return self.npages * PAGE

    def put(self, first, data):
        for n in range(len(data) // PAGE):
            self.page[first + n] = bytes(data[n * PAGE : (n + 1) * PAGE])
        self.npages = max(self.npages, first + len(data) // PAGE)

    def get(self, first, n=1):
        return b"".join(self.page.get(first + i, bytes(PAGE)) for i in range(n))

    def resize(self, npages):
        self.page = {p: d for p, d in self.page.items() if p < npages}
        self.npages = npages

    def copy(self):
        other = Pages()
        other.page, other.npages = dict(self.page), self.npages
        return other

    def used(self):
        return sorted(p for p, d in self.page.items() if any(d))

    def write(self, path):
        with open(path, "wb") as f:
            for p in self.used():
                f.seek(p * PAGE)
                f.write(self.page[p])
            f.truncate(self.length)

    def write_sparse(self, path):
        """As records: page number (u64), length (u16), bytes without final zeros."""
        with open(path, "wb") as f:
            for p in self.used():
                data = self.page[p].rstrip(b"\0")
                f.write(struct.pack("<QH", p, len(data)) + data)


@dataclass
class Params:
    """What does not change while a file lives."""

    content_key: bytes
    licence: bytes
    random: Random = field(default_factory=Random)
    file_id: bytes = b""
    data_key: bytes = b""
    shift: int = 12
    k: int = 0
    licence_type: int = 1
    content_id: bytes = bytes(16)
    label_id: bytes = bytes(16)
    owner: bytes = b""
    created: int = 0

    def __post_init__(self):
        self.file_id = self.file_id or self.random(16)
        self.data_key = self.data_key or self.random(32)
        if not self.k:
            pages = -(-(codec.LICENCE_AT + len(self.licence) + 1024) // PAGE)
            self.k = min(pages, codec.HEADER_PAGES_MAX)
        self.layout = codec.Layout(self.k, self.shift)
        self.keys = codec.Keys(self.data_key, self.file_id)
        wrap = codec.derive(self.content_key, b"wrap", self.file_id)
        self.wrapped_key = aes_key_wrap_with_padding(wrap, self.data_key)


@dataclass
class State:
    p: Params
    size: int = 0
    sequence: int = 1
    generation: int = 1
    writes: int = 0
    flags: int = 0
    licence: bytes = b""
    blocks: dict = field(default_factory=dict)  # index: (entry, ciphertext)
    plain: dict = field(default_factory=dict)  # index: plaintext that a reader gets
    fields: dict = field(default_factory=dict)  # header fields to falsify

    def next(self):
        """The state that follows, the same but for its sequence."""
        new = replace(self, sequence=self.sequence + 1)
        new.blocks, new.plain = dict(self.blocks), dict(self.plain)
        return new

    def encrypt(self, i, plain, generation=None):
        g = generation or self.generation
        nonce = self.p.random(12)
        text = plain.ljust(self.p.layout.block_size, b"\0")
        out = self.p.keys.block(g).encrypt(nonce, text, self.p.keys.aad(i, g))
        entry = nonce + out[-16:] + struct.pack("<I", g)
        self.blocks[i], self.plain[i] = (entry, out[:-16]), text
        self.writes += 1

    def punch(self, i):
        """Make block i a hole."""
        self.blocks.pop(i, None)
        self.plain.pop(i, None)

    def resize(self, size):
        """Another size; the caller encrypts the last block anew when it is cut."""
        end = self.p.layout.blocks(size)
        for i in [i for i in self.blocks if i >= end]:
            self.punch(i)
        self.size = size

    def tree(self):
        """{(level, index): page} and the root."""
        layout, keys = self.p.layout, self.p.keys
        pages = {}
        for i, (entry, _) in self.blocks.items():
            if i >= codec.INLINE:
                s, r = divmod(i - codec.INLINE, codec.TAG_ENTRIES)
                page = pages.setdefault((0, s), bytearray(PAGE))
                page[r * 32 : r * 32 + 32] = entry
        height = layout.height(self.size)
        for level in range(height):
            for n in [n for lv, n in pages if lv == level]:
                mac = keys.tree_mac(level, n, bytes(pages[level, n]))
                up, at = divmod(n, codec.FAN)
                page = pages.setdefault((level + 1, up), bytearray(PAGE))
                page[at * 16 : at * 16 + 16] = mac
        top = pages.get((height, 0))
        root = keys.tree_mac(height, 0, bytes(top)) if top else codec.NO_MAC
        return {at: bytes(page) for at, page in pages.items()}, root

    def header(self):
        p, owner = self.p, self.p.owner
        licence = self.licence or p.licence
        values = {
            "magic": codec.MAGIC,
            "version": 1,
            "header_pages": p.k,
            "block_shift": p.shift,
            "cipher": 1,
            "licence_type": p.licence_type,
            "tree_height": p.layout.height(self.size),
            "flags": self.flags,
            "inline_entries": codec.INLINE,
            "reserved": 0,
            "sequence": self.sequence,
            "size": self.size,
            "created": p.created,
            "writes": self.writes,
            "generation": self.generation,
            "licence_len": len(licence),
            "file_id": p.file_id,
            "content_id": p.content_id,
            "label_id": p.label_id,
            "wrapped_key": p.wrapped_key,
            "commitment": p.keys.commitment,
            "licence_digest": hashlib.sha256(licence).digest(),
            "root": self.tree()[1],
            "header_mac": bytes(32),
            "checksum": 0,
            "owner_len": len(owner),
            "reserved2": bytes(18),
            "owner_field": owner,
        }
        values |= self.fields
        raw = codec.HEADER.pack(*(values[name] for name in codec.HEADER_FIELDS))
        raw += self.inline_crcs() + self.inline_entries() + licence
        return header_seal(raw.ljust(p.k * PAGE, b"\0"), p.keys)

    def inline_crcs(self):
        crcs = [0] * codec.INLINE
        for i, (_, data) in self.blocks.items():
            if i < codec.INLINE and self.flags & codec.UNSETTLED:
                crcs[i] = codec.crc32c(data)
        return struct.pack("<32I", *crcs)

    def inline_entries(self):
        none = codec.HOLE, b""
        return b"".join(self.blocks.get(i, none)[0] for i in range(codec.INLINE))

    def units(self):
        """{target page: bytes} of all blocks, tag and tree pages that are not holes."""
        layout = self.p.layout
        units = {layout.block_page(i): data for i, (_, data) in self.blocks.items()}
        for (level, n), page in self.tree()[0].items():
            units[layout.tree_page(level, n)] = page
        return units

    def data_end(self):
        return self.p.layout.data_end(self.size)


def header_seal(raw, keys=None):
    """raw with a right checksum, and with keys also with a right header_mac."""
    raw = bytearray(raw)
    mac, at = codec.AT["header_mac"], codec.AT["checksum"]
    raw[at : at + 4] = bytes(4)
    if keys:
        raw[mac : mac + 32] = bytes(32)
        raw[mac : mac + 32] = codec.hmac256(keys.header, bytes(raw[: codec.LICENCE_AT]))
    raw[at : at + 4] = struct.pack("<I", codec.crc32c(raw))
    return bytes(raw)


def at_rest(state, full=True):
    """The file of a settled state; not full: up to its last page that is no hole."""
    image = Pages()
    image.put(0, state.header())
    for target, data in state.units().items():
        image.put(target, data)
    if full:
        image.resize(state.data_end())
    return image


def runs(units, header_pages=0):
    """[(first target, pages of a unit, [bytes])] of units that follow each other.

    Units at header_pages and on are not put into one record with pages of the header.
    """
    out = []
    for target, data in units:
        pages = len(data) // PAGE
        if out and target != header_pages:
            first, each, items = out[-1]
            if each == pages and first + pages * len(items) == target:
                items.append(data)
                continue
        out.append((target, pages, [data]))
    return out


class Journal:
    """A journal on a settled image, beginning at page start; image changes in place.

    For files with a defect: falsify_records gets the records, [target, units,
    unit_pages, kind] each, and the list of CRCs; falsify_commit gets the fields of the
    commit page.
    """

    def __init__(self, image, settled, start):
        self.image, self.start, self.page = image, start, start
        self.now = settled
        self.referred = set(settled.units())
        self.stale_below = 0
        self.previous, self.commits = 0, []
        self.falsify_records = self.falsify_commit = None

    def commit(self, new, unused=0, header_first=False, merge=False):
        """Append the transaction from the newest state to new.

        merge: with the header first, one record may cover header and blocks.
        """
        have, want = self.now.units(), new.units()
        if set(have) - set(want):
            self.stale_below = max(self.stale_below, self.now.data_end())
        payload, in_place = [], []
        for target in sorted(want):
            if have.get(target) == want[target]:
                continue
            fresh = target not in self.referred and target >= self.stale_below
            (in_place if fresh else payload).append((target, want[target]))
        head = self.header_units(new)
        payload = head + payload if header_first else payload + head
        for target, data in in_place:
            assert target + len(data) // PAGE <= self.start
            self.image.put(target, data)
        payload = runs(payload, 0 if merge else new.p.k)
        self.append(new, payload, runs(in_place), unused)
        self.referred |= set(want)
        self.now = new

    def header_units(self, new):
        """Page 0, and those of the licence that changed."""
        raw, old = new.header(), self.now.header()
        cut = [(n, slice(n * PAGE, (n + 1) * PAGE)) for n in range(new.p.k)]
        return [(n, raw[at]) for n, at in cut if n == 0 or raw[at] != old[at]]

    def append(self, new, payload, in_place, unused):
        records, crcs = [], []
        at = self.page + unused
        if unused:
            records.append([0, unused, 1, codec.KIND_UNUSED])
            crcs += [0] * unused
        for target, pages, items in payload:
            records.append([target, len(items), pages, codec.KIND_PAYLOAD])
            crcs += [codec.crc32c(data) for data in items]
            for data in items:
                self.image.put(at, data)
                at += pages
        for target, pages, items in in_place:
            records.append([target, len(items), pages, codec.KIND_IN_PLACE])
            crcs += [codec.crc32c(data) for data in items]
        if self.falsify_records:
            self.falsify_records(records, crcs)
        descriptor = b"".join(codec.RECORD.pack(*record) for record in records)
        descriptor += struct.pack(f"<{len(crcs)}I", *crcs)
        self.finish(new, at, descriptor, len(records), len(crcs))

    def finish(self, new, at, descriptor, nrecords, nunits):
        payload_pages, descriptor_pages, text = at - self.page, 0, descriptor
        if len(descriptor) > PAGE - codec.COMMIT.size:
            descriptor_pages, text = -(-len(descriptor) // PAGE), b""
            self.image.put(at, descriptor.ljust(descriptor_pages * PAGE, b"\0"))
            at += descriptor_pages
        digest = hashlib.sha256(descriptor).digest()
        p, before, after = new.p, new.sequence - 1, new.sequence
        values = {
            "magic": codec.COMMIT_MAGIC,
            "file_id": p.file_id,
            "before": before,
            "after": after,
            "page": at,
            "start": self.page,
            "previous": self.previous,
            "payload_pages": payload_pages,
            "descriptor_pages": descriptor_pages,
            "records": nrecords,
            "units": nunits,
            "digest": digest,
            "mac": p.keys.journal_mac(before, after, digest),
            "checksum": 0,
            "reserved": bytes(108),
        }
        if self.falsify_commit:
            self.falsify_commit(values)
        raw = codec.COMMIT.pack(*(values[name] for name in codec.COMMIT_FIELDS))
        self.image.put(at, commit_seal((raw + text).ljust(PAGE, b"\0")))
        self.commits.append(at)
        self.previous, self.page = at, at + 1


def commit_seal(raw):
    """A commit page with a right checksum."""
    at = codec.COMMIT_CHECKSUM_AT
    raw = raw[:at] + bytes(4) + raw[at + 4 :]
    return raw[:at] + struct.pack("<I", codec.crc32c(raw)) + raw[at + 4 :]


# Files of a given plaintext


def filled(p, size, plain, blocks):
    """A state of size bytes whose blocks have the bytes that plain(i, n) gives."""
    state = State(p)
    state.resize(size)
    b = p.layout.block_size
    for i in blocks:
        state.encrypt(i, plain(i, min(b, size - i * b)))
    return state


def with_journal(state, plain, transactions, gap=3):
    """A file whose newest state is state, brought by a journal of some transactions.

    The settled state is shorter and has another block 0; each transaction grows the
    file by an equal part, and all of them change block 0.
    """
    p = state.p
    b = p.layout.block_size
    last = p.layout.blocks(state.size)
    steps = [last * (n + 1) // (transactions + 1) for n in range(transactions)]
    old = State(p, generation=state.generation)
    image = journal = None
    for n, blocks in enumerate(steps + [last]):
        new = old.next() if n else old
        new.resize(min(blocks * b, state.size))
        for i in state.blocks:
            size = min(b, state.size - i * b)
            if i == 0 and n < transactions and blocks:
                new.encrypt(0, plain_block("old state", n, size))
            elif i < blocks and (i == 0 or i not in new.blocks):
                new.encrypt(i, plain(i, size))
        if n == 0:
            image = at_rest(new)
            start = max(new.data_end(), state.data_end()) + gap
            journal = Journal(image, new, start)
        else:
            journal.commit(new)
        old = new
    return image, journal
