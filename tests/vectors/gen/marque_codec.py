# SPDX-License-Identifier: LGPL-2.1-or-later
"""The container of a protected file, read as marque-format(5) says and by nothing else.

This shares no code with marque: it is the other opinion that its tests compare with.
It is plain rather than fast, and keeps keys in ordinary memory: not for files that matter.
Needs python3-cryptography.
"""
import hashlib
import hmac
import os
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap_with_padding,
)

PAGE = 4096
HEADER_PAGES_MAX = 20
PL_MAX = 73728
SHIFT_MIN, SHIFT_MAX = 12, 16
SIZE_MAX = 1 << 56
INLINE = 32
TAG_ENTRIES = 128
FAN = 256
LEVELS = 5
TX_PAGES_MAX = 32768
DESCRIPTOR_MAX = 8388608
JOURNAL_SCAN = 167772160

MAGIC = bytes.fromhex("894D52510D0A1A0A")
UNSETTLED = 1
HOLE = bytes(32)
NO_MAC = bytes(16)
HEADER = struct.Struct("<8sHHBBBBIHHQQQQII16s16s16s40s32s32s16s32sIH18s256s")
HEADER_FIELDS = (
    "magic version header_pages block_shift cipher licence_type tree_height flags"
    " inline_entries reserved sequence size created writes generation licence_len"
    " file_id content_id label_id wrapped_key commitment licence_digest root"
    " header_mac checksum owner_len reserved2 owner_field"
).split()
AT = {"header_mac": 232, "checksum": 264, "inline_crc": 544, "entries": 672}
LICENCE_AT = 1696
assert HEADER.size == AT["inline_crc"]

COMMIT_MAGIC = b"MRQCOMT1"
COMMIT = struct.Struct("<8s16sQQQQQIIII32s32sI108s")
COMMIT_CHECKSUM_AT = 144
assert COMMIT.size == 256
RECORD = struct.Struct("<QIHH")
KIND_PAYLOAD, KIND_IN_PLACE, KIND_UNUSED = 1, 2, 3


class Refused(Exception):
    """What a reader must refuse; kind as in a manifest."""

    def __init__(self, kind, sentence):
        super().__init__(f"{kind}: {sentence}")
        self.kind = kind


def require(true, kind, sentence):
    if not true:
        raise Refused(kind, sentence)


# Sums and keys


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC_TABLE = _crc_table()


def crc32c(data):
    crc, table = 0xFFFFFFFF, CRC_TABLE
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def derive(key, purpose, file_id, generation=None):
    info = purpose + b"\0" + file_id
    if generation is not None:
        info += struct.pack("<I", generation)
    return HKDF(hashes.SHA256(), 32, b"marque-v1", info).derive(key)


class Keys:
    """All that follows from the data key of one file."""

    def __init__(self, data_key, file_id):
        self.data_key, self.file_id = data_key, file_id
        self.header = derive(data_key, b"header-mac", file_id)
        self.tree = derive(data_key, b"tree-mac", file_id)
        self.commitment = derive(data_key, b"commitment", file_id)
        self.blocks = {}

    def block(self, generation):
        if generation not in self.blocks:
            key = derive(self.data_key, b"block", self.file_id, generation)
            self.blocks[generation] = AESGCM(key)
        return self.blocks[generation]

    def aad(self, index, generation):
        return struct.pack("<H16sQI", 1, self.file_id, index, generation)

    def tree_mac(self, level, index, page):
        place = self.file_id + struct.pack("<BQ", level, index)
        return hmac256(self.tree, place + page)[:16]

    def journal_mac(self, before, after, digest):
        numbers = struct.pack("<QQ", before, after)
        return hmac256(
            self.header, b"journal\0" + self.file_id + numbers + digest
        )


# Where things are


@dataclass(frozen=True)
class Layout:
    k: int
    shift: int

    @property
    def block_size(self):
        return 1 << self.shift

    @property
    def bs(self):
        return self.block_size // PAGE

    def tag_page(self, s):
        d = self.k + INLINE * self.bs
        levels = sum(s // FAN**n + 1 for n in range(1, LEVELS + 1))
        return d + s * (1 + TAG_ENTRIES * self.bs) + levels

    def tree_page(self, level, index):
        return self.tag_page(index * FAN**level) - level

    def block_page(self, i):
        if i < INLINE:
            return self.k + i * self.bs
        s, r = divmod(i - INLINE, TAG_ENTRIES)
        return self.tag_page(s) + 1 + r * self.bs

    def blocks(self, size):
        return -(-size // self.block_size)

    def segments(self, size):
        return max(0, -(-(self.blocks(size) - INLINE) // TAG_ENTRIES))

    def height(self, size):
        h = 0
        while FAN**h < self.segments(size):
            h += 1
        return h

    def data_end(self, size):
        n = self.blocks(size)
        return self.block_page(n - 1) + self.bs if n else self.k


# The file


class FileImage:
    """Pages of a file; what is past its end is zeros."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.length = os.fstat(self.fd).st_size
        self.npages = -(-self.length // PAGE)

    def head(self):
        return os.pread(self.fd, PAGE, 0)

    def pages(self, first, n=1):
        data = os.pread(self.fd, n * PAGE, first * PAGE)
        return data.ljust(n * PAGE, b"\0")


class Overlay:
    """An image seen through the newest payloads of a journal."""

    def __init__(self, image):
        self.image, self.over = image, {}

    def put(self, first, data):
        for n in range(len(data) // PAGE):
            self.over[first + n] = data[n * PAGE : (n + 1) * PAGE]

    def pages(self, first, n=1):
        out = []
        for page in range(first, first + n):
            data = self.over.get(page)
            out.append(self.image.pages(page) if data is None else data)
        return b"".join(out)


# Header


class Header:
    """A header whose form and checksum are right."""

    def __init__(self, raw):
        for name, value in zip(HEADER_FIELDS, HEADER.unpack_from(raw)):
            setattr(self, name, value)
        self.raw = raw
        self.layout = Layout(self.header_pages, self.block_shift)
        self.inline_crc = struct.unpack_from("<32I", raw, AT["inline_crc"])
        table = raw[AT["entries"] : LICENCE_AT]
        self.entries = [table[i * 32 : i * 32 + 32] for i in range(INLINE)]
        self.licence = raw[LICENCE_AT : LICENCE_AT + self.licence_len]
        self.owner = self.owner_field[: self.owner_len]

    def without(self, *names):
        raw = bytearray(self.raw)
        for name in names:
            size = 32 if name == "header_mac" else 4
            raw[AT[name] : AT[name] + size] = bytes(size)
        return bytes(raw)


def header_pages(page):
    """k, of a container whose version is known."""
    version, k = struct.unpack_from("<HH", page, 8)
    require(page[:8] == MAGIC, "plain", "no magic: not a container")
    require(version == 1, "version", f"unknown version {version}")
    require(1 <= k <= HEADER_PAGES_MAX, "format", f"{k} header pages")
    return k


def header_read(image):
    """The header that image holds, or Refused."""
    k = header_pages(image.pages(0))
    h = Header(image.pages(0, k))
    sum_right = crc32c(h.without("checksum")) == h.checksum
    require(sum_right, "damaged", "the header's checksum is wrong")
    require(h.cipher == 1, "version", f"unknown cipher {h.cipher}")
    known = h.licence_type in (1, 2)
    require(known, "version", f"unknown licence type {h.licence_type}")
    header_bounds(h)
    header_relations(h)
    return h


def header_bounds(h):
    for good, what in (
        (SHIFT_MIN <= h.block_shift <= SHIFT_MAX, "block shift"),
        (h.flags & ~UNSETTLED == 0, "flags"),
        (h.inline_entries == INLINE, "number of entries"),
        (h.reserved == 0 and not any(h.reserved2), "reserved bytes"),
        (h.sequence > 0, "sequence"),
        (h.size <= SIZE_MAX, "size"),
        (h.generation > 0, "generation"),
        (h.writes < 1 << 31, "number of writes"),
        (1 <= h.licence_len <= PL_MAX, "licence length"),
        (h.owner_len <= 255, "length of the owner"),
    ):
        require(good, "format", f"header: {what} is out of bounds")


def header_relations(h):
    end = LICENCE_AT + h.licence_len
    blocks = h.layout.blocks(h.size)
    for good, what in (
        (end <= h.header_pages * PAGE, "the licence does not fit"),
        (not any(h.raw[end:]), "bytes after the licence"),
        (not any(h.owner_field[h.owner_len :]), "bytes after the owner"),
        (all(c >= 0x20 and c != 0x7F for c in h.owner), "control byte in the owner"),
        (h.tree_height == h.layout.height(h.size), "tree height is another"),
        (h.layout.segments(h.size) or h.root == NO_MAC, "a root without segments"),
        (
            hashlib.sha256(h.licence).digest() == h.licence_digest,
            "licence digest is wrong",
        ),
        (not any(any(e) for e in h.entries[blocks:]), "entry past the end"),
        (all(generation_right(h, e) for e in h.entries), "entry's generation"),
    ):
        require(good, "format", f"header: {what}")


def generation_right(h, entry):
    generation = struct.unpack_from("<I", entry, 28)[0]
    return entry == HOLE or 1 <= generation <= h.generation


# Journal


@dataclass
class Record:
    target: int
    units: int
    unit_pages: int
    kind: int
    crcs: list = field(default_factory=list)

    def each(self):
        for u, crc in enumerate(self.crcs):
            yield self.target + u * self.unit_pages, crc


COMMIT_FIELDS = (
    "magic file_id before after page start previous payload_pages descriptor_pages"
    " records units digest mac checksum reserved"
).split()


class Commit:
    def __init__(self, raw):
        for name, value in zip(COMMIT_FIELDS, COMMIT.unpack_from(raw)):
            setattr(self, name, value)
        self.descriptor_len = RECORD.size * self.records + 4 * self.units

    def lengths_right(self):
        inside = self.descriptor_len <= PAGE - COMMIT.size
        want = 0 if inside else -(-self.descriptor_len // PAGE)
        return (
            self.descriptor_len <= DESCRIPTOR_MAX
            and self.payload_pages <= TX_PAGES_MAX
            and self.descriptor_pages == want
            and self.start > 0
            and self.start + self.payload_pages + want == self.page
            and self.previous in (0, self.start - 1)
            and 0 < self.before == self.after - 1
        )


def commit_read(image, page, k, file_id):
    """The commit page at page, its descriptor read, or None."""
    raw = image.pages(page)
    if raw[:8] != COMMIT_MAGIC:
        return None
    at = COMMIT_CHECKSUM_AT
    c = Commit(raw)
    if crc32c(raw[:at] + bytes(4) + raw[at + 4 :]) != c.checksum or c.page != page:
        return None
    if any(c.reserved) or not c.lengths_right() or c.start < k:
        return None
    if file_id is not None and c.file_id != file_id:
        return None
    text = raw[COMMIT.size :]
    if c.descriptor_pages:
        text = image.pages(c.start + c.payload_pages, c.descriptor_pages)
    c.descriptor = text[: c.descriptor_len]
    if hashlib.sha256(c.descriptor).digest() != c.digest:
        return None
    return c


def journal_chain(image, k, last):
    """All commits from the first to last, and None.

    When they do not follow each other: None, and the page where that is seen.
    """
    chain = [last]
    while at := chain[0].previous:
        c = commit_read(image, at, k, last.file_id)
        if c is None or c.after != chain[0].before:
            return None, at
        chain.insert(0, c)
        if (last.page + 1 - c.start) * PAGE > JOURNAL_SCAN:
            return None, at
    return chain, None


def target_right(r, end, k, journal_start):
    """May a record of payload or in place cover the pages from its target to end?"""
    if end > journal_start:
        return False
    if r.target >= k:
        return True
    return r.kind == KIND_PAYLOAD and r.unit_pages == 1 and end <= k


def records_read(c, k, bs, journal_start):
    """The records of a descriptor, or None when they break a rule."""
    crc_at = RECORD.size * c.records
    crcs = list(struct.unpack_from(f"<{c.units}I", c.descriptor, crc_at))
    records, seen, payload, last_in_place = [], set(), 0, 0
    for i in range(c.records):
        r = Record(*RECORD.unpack_from(c.descriptor, i * RECORD.size))
        if not 1 <= r.units <= len(crcs) or r.unit_pages not in (1, bs):
            return None
        r.crcs, crcs = crcs[: r.units], crcs[r.units :]
        pages = r.units * r.unit_pages
        end = r.target + pages
        if r.kind == KIND_UNUSED:
            if r.target or any(r.crcs):
                return None
        elif r.kind not in (KIND_PAYLOAD, KIND_IN_PLACE):
            return None
        elif not target_right(r, end, k, journal_start):
            return None
        elif not seen.isdisjoint(range(r.target, end)):
            return None
        else:
            seen.update(range(r.target, end))
        if r.kind == KIND_IN_PLACE:
            if r.target < last_in_place:
                return None
            last_in_place = end
        else:
            payload += pages
        records.append(r)
    if crcs or payload != c.payload_pages:
        return None
    return records


def payload_read(image, c, k, bs, journal_start):
    """[(target, bytes)] of a sound descriptor with right payload; None otherwise."""
    c.list = records_read(c, k, bs, journal_start)
    if c.list is None:
        return None
    at, out = c.start, []
    for r in c.list:
        if r.kind == KIND_UNUSED:
            at += r.units * r.unit_pages
        elif r.kind == KIND_PAYLOAD:
            for target, crc in r.each():
                data = image.pages(at, r.unit_pages)
                if crc32c(data) != crc:
                    return None
                out.append((target, data))
                at += r.unit_pages
    return out if any(target == 0 for target, _ in out) else None


def sound_transactions(image, k, chain):
    """The sound transactions from the first on, with payload and header (step 5)."""
    view, sound = Overlay(image), []
    shift = image.pages(0)[12]
    bs = 1 << shift - SHIFT_MIN if SHIFT_MIN <= shift <= SHIFT_MAX else 1
    for c in chain:
        c.payload = payload_read(image, c, k, bs, chain[0].start)
        if c.payload is None:
            break
        for target, data in c.payload:
            view.put(target, data)
        try:
            c.header = header_read(view)
        except Refused:
            break
        if c.header.sequence != c.after or c.header.file_id != c.file_id:
            break
        if c.header.header_pages != k or c.header.layout.bs != bs:
            break
        sound.append(c)
    return sound


def in_place_right(image, transactions):
    """Step 6, for one L."""
    for n, c in enumerate(transactions):
        later = {t for d in transactions[n + 1 :] for t, _ in d.payload}
        for r in c.list:
            if r.kind != KIND_IN_PLACE:
                continue
            for target, crc in r.each():
                data = image.pages(target, r.unit_pages)
                if crc32c(data) != crc and target not in later:
                    return False
    return True


@dataclass
class Recovered:
    header: Header
    view: Overlay
    transactions: list
    start: int = 0


def recover(image):
    """The newest state of the file, as any reader must find it first."""
    require(image.head()[:8] == MAGIC, "plain", "no magic: not a container")
    require(image.length >= 12, "damaged", "the header is cut off")
    k = header_pages(image.pages(0))
    in_place, why, first = None, None, k
    try:
        in_place = header_read(image)
    except Refused as e:
        why = e
    if in_place:
        first = in_place.layout.data_end(in_place.size)
        if image.npages <= first:
            return Recovered(in_place, Overlay(image), [])
    page, first = image.npages, max(first, image.npages - JOURNAL_SCAN // PAGE)
    while page > first:
        page -= 1
        c = commit_read(image, page, k, in_place and in_place.file_id)
        if not c:
            continue
        chain, broken = journal_chain(image, k, c)
        if not chain:
            page = broken + 1
            continue
        counted = sound_transactions(image, k, chain)
        while counted and not in_place_right(image, counted):
            counted.pop()
        if in_place:
            if not counted:
                break
            first, last = counted[0].before, counted[-1].after
            if not first <= in_place.sequence <= last:
                break
        elif not counted:
            page = chain[0].start
            continue
        return replayed(image, counted)
    if not in_place:
        raise why
    return Recovered(in_place, Overlay(image), [])


def replayed(image, counted):
    view = Overlay(image)
    for c in counted:
        for target, data in c.payload:
            view.put(target, data)
    return Recovered(counted[-1].header, view, counted, counted[0].start)


# Contents


class Reader:
    """A container opened with or without its content key."""

    def __init__(self, path, content_key=None):
        self.image = FileImage(path)
        state = recover(self.image)
        self.header, self.view = state.header, state.view
        self.layout = self.header.layout
        self.transactions, self.journal_start = state.transactions, state.start
        self.keys, self.entries, self.lost = None, {}, []
        if content_key is not None:
            self.unlock(content_key)
            self.load_entries()

    def unlock(self, content_key):
        h = self.header
        wrap = derive(content_key, b"wrap", h.file_id)
        try:
            data_key = aes_key_unwrap_with_padding(wrap, h.wrapped_key)
        except (InvalidUnwrap, ValueError):
            data_key = b""
        require(len(data_key) == 32, "damaged", "the data key does not unwrap")
        keys = Keys(data_key, h.file_id)
        right = hmac.compare_digest(keys.commitment, h.commitment)
        require(right, "damaged", "the key commitment is wrong")
        text = h.without("header_mac", "checksum")[:LICENCE_AT]
        right = hmac.compare_digest(hmac256(keys.header, text), h.header_mac)
        require(right, "damaged", "the header's MAC is wrong")
        for c in self.transactions:
            mac = keys.journal_mac(c.before, c.after, c.digest)
            right = hmac.compare_digest(mac, c.mac)
            require(right, "damaged", f"MAC of the transaction to {c.after} is wrong")
        self.keys = keys

    def load_entries(self):
        for i, entry in enumerate(self.header.entries):
            if entry != HOLE:
                self.entry_add(i, entry)
        if self.layout.segments(self.header.size):
            self.walk(self.header.tree_height, 0, self.header.root)
        if self.header.flags & UNSETTLED:
            self.drop_lost()

    def entry_add(self, i, entry):
        generation = struct.unpack_from("<I", entry, 28)[0]
        right = 1 <= generation <= self.header.generation
        require(right, "damaged", f"block {i}: generation {generation}")
        end = self.layout.blocks(self.header.size)
        require(i < end, "damaged", "entry past the end")
        self.entries[i] = entry

    def walk(self, level, index, mac):
        if mac == NO_MAC:
            return
        what = f"page {index} of level {level}"
        page = self.view.pages(self.layout.tree_page(level, index))
        right = hmac.compare_digest(self.keys.tree_mac(level, index, page), mac)
        require(right, "damaged", f"{what}: MAC is wrong")
        width = 16 if level else 32
        for n in range(PAGE // width):
            item = page[n * width : (n + 1) * width]
            if level:
                self.walk(level - 1, index * FAN + n, item)
            elif item != HOLE:
                self.entry_add(INLINE + index * TAG_ENTRIES + n, item)

    def drop_lost(self):
        for i in [i for i in self.entries if i < INLINE]:
            data = self.ciphertext(i)
            if crc32c(data) != self.header.inline_crc[i]:
                self.lost.append(i)
                del self.entries[i]

    def ciphertext(self, i):
        return self.view.pages(self.layout.block_page(i), self.layout.bs)

    def block(self, i):
        """Plaintext of block i, its padding too; None: a hole."""
        entry = self.entries.get(i)
        if entry is None:
            return None
        data = self.ciphertext(i)
        nonce, tag, generation = entry[:12], entry[12:28], entry[28:]
        generation = int.from_bytes(generation, "little")
        cipher = self.keys.block(generation)
        try:
            aad = self.keys.aad(i, generation)
            return cipher.decrypt(nonce, data + tag, aad)
        except InvalidTag:
            raise Refused("damaged", f"block {i} does not authenticate") from None

    def data(self, off, length):
        """Plaintext of a range, cut at the end of the file."""
        size, b = self.header.size, self.layout.block_size
        end, out = min(off + length, size), []
        while off < end:
            i, skip = divmod(off, b)
            n = min(b - skip, end - off)
            block = self.block(i)
            out.append(bytes(n) if block is None else block[skip : skip + n])
            off += n
        return b"".join(out)

    def facts(self):
        h = self.header
        return {
            "version": h.version,
            "header_pages": h.header_pages,
            "block_size": self.layout.block_size,
            "licence_type": h.licence_type,
            "licence_len": h.licence_len,
            "licence_sha256": h.licence_digest.hex(),
            "tree_height": h.tree_height,
            "unsettled": bool(h.flags & UNSETTLED),
            "sequence": h.sequence,
            "size": h.size,
            "created": h.created,
            "writes": h.writes,
            "generation": h.generation,
            "file_id": h.file_id.hex(),
            "content_id": h.content_id.hex(),
            "label_id": h.label_id.hex(),
            "owner": h.owner.decode("utf-8", "replace"),
            "file_pages": self.image.npages,
            "data_end": self.layout.data_end(h.size),
            "journal_start": self.journal_start,
            "transactions": len(self.transactions),
            "blocks": len(self.entries),
            "lost": self.lost,
        }
