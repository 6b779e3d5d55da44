# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that every reader reads: sizes, holes, trees, keys, unsettled headers."""
from dataclasses import replace

import marque_codec as codec
import marque_writer as writer
from vector_kit import PAGE, Vector, flip, poke, state_of

GUID = bytes.fromhex("6f0e1a2b4c5d4e6f8a9b0c1d2e3f4a5b")
LICENCE_KEY = bytes.fromhex(
    "164f58b753359b44d563190774327333d965cd2525844f80cafc672d306560a0"
)
LABEL = bytes.fromhex("b2c3d4e5f60748099a1b2c3d4e5f6071")


def rest(name, what, size, blocks=None, full=True, **more):
    state = state_of(name, size, blocks, **more)
    image, key = writer.at_rest(state, full), state.p.content_key
    Vector(name, what, image, state=state, content_key=key)


def sizes():
    for size in (0, 1, 4095, 4096, 4097):
        rest(f"size-{size}", f"{size} bytes", size)
    n = 32 * 4096
    rest("blocks-32-less-1", "one byte less than 32 blocks", n - 1, [30, 31])
    rest("blocks-32", "32 blocks: the last without a tag page", n, [31])
    rest("blocks-32-plus-1", "one byte in block 32: a tag page", n + 1, [31, 32])
    n = (32 + 128) * 4096
    blocks = [32, 159]
    rest("segment-1-less-1", "one byte less than one segment", n - 1, blocks)
    rest("segment-1", "one whole segment: tree height 0", n, blocks)
    rest("segment-1-plus-1", "the second segment begins: height 1", n + 1, [159, 160])


def trees():
    for level in (1, 2):
        last = 32 + 128 * 256**level
        blocks = [last - 1, last]
        n, s = last * 4096, 256**level
        rest(f"segments-{s}-less-1", f"less than {s} segments", n - 1, blocks[:1])
        rest(f"segments-{s}", f"{s} segments: tree height {level}", n, blocks[:1])
        rest(f"segments-{s}-plus-1", f"tree height {level + 1}", n + 1, blocks)
    what = "tree height 4, one block at 4 GiB; the file ends with its last used page"
    rest("height-4", what, 1 << 48, [31, 32, 1 << 20], full=False)
    what = "the largest file, tree height 5; the file ends with its last used page"
    rest("size-max", what, codec.SIZE_MAX, [31, 32, 160], full=False)
    what = "the largest file, all holes: a header and nothing else"
    rest("size-max-holes", what, codec.SIZE_MAX, [], full=False)


def block_sizes():
    rest("64k-size-1", "1 byte, blocks of 64 KiB", 1, shift=16)
    n = 32 * 65536
    rest("64k-blocks-32-plus-1", "1 byte in block 32, 64 KiB", n + 1, [32], shift=16)
    n = 160 * 65536
    rest("64k-segment-1-plus-1", "second segment, 64 KiB", n + 1, [160], shift=16)
    for shift in (13, 15):
        b = 1 << shift
        what = f"blocks of {b} bytes, the last is number 32"
        rest(f"{b // 1024}k-blocks-33", what, 32 * b + 5, [32], shift=shift)


def holes():
    rest("holes-all", "only holes, the file as long as its data end", 20000, [])
    rest("holes-all-short", "only holes, no page after the header", 20000, [], False)
    rest("holes-some", "blocks 1 and 3 of 6 are holes", 6 * 4096 - 7, [0, 2, 4, 5])
    state = state_of("header-padding-cut", 0)
    image = writer.at_rest(state).get(0)[:2000]
    what = "no data, and the file ends within the padding of the header"
    Vector("header-padding-cut", what, image, state=state)
    rest("holes-first", "block 0 is a hole", 3 * 4096, [1, 2])
    what = "ends with holes; the file ends with its last used page"
    rest("holes-tail-short", what, 20000, [0, 1], False)
    what = "a segment of holes between others: a MAC of zeros"
    rest("holes-segment", what, (32 + 3 * 128) * 4096, [0, 32, 32 + 256])
    what = "a tree of holes: root is zero although there are segments"
    rest("holes-root", what, (32 + 2 * 128) * 4096, [0])


def long_licence(n):
    """Mostly zeros: the file is smaller."""
    return b"l" + bytes(n - 2) + b"l"


def facts(licence):
    more = {"content_key": LICENCE_KEY, "content_id": GUID, "label_id": LABEL}
    more["owner"] = b"ann@example.com"
    what = "the licence that marque-licence(5) has as its example: two header pages"
    rest("licence", what, 5000, licence=licence, **more)
    what = "two header pages, block 32"
    rest("licence-blocks-33", what, 33 * 4096, [0, 32], licence=licence, **more)
    what = "a header of 20 pages with a small licence, type XrML"
    rest("header-20-pages", what, 100, k=20, licence_type=2)
    what = "the longest licence"
    rest("licence-max", what, 100, licence=long_licence(codec.PL_MAX), k=20)
    what = "an owner of 255 bytes in UTF-8"
    owner = "é".encode() * 121 + b"@example.com" + b"m"
    rest("owner-255", what, 100, owner=owner)
    what = "a licence that fills the header page to its last byte"
    rest("licence-full-page", what, 100, licence=b"l" * 2400, k=1)


def generations():
    name = "generations"
    state = state_of(name, 4 * 4096, [0, 1])
    for i in range(2, 4):
        state.generation = i
        state.encrypt(i, writer.plain_block(name, i, 4096))
    what = "block keys of generations 1 to 3 in one file"
    Vector(name, what, writer.at_rest(state), state=state)
    name = "generation-max"
    state = state_of(name, 100, [])
    state.generation, state.writes = 0xFFFFFFFF, (1 << 31) - 1000
    state.encrypt(0, writer.plain_block(name, 0, 100))
    Vector(name, "the last generation", writer.at_rest(state), state=state)


def unsettled():
    def new(name, size=4 * 4096, blocks=(0, 2, 3), **more):
        state = state_of("unsettled", size, blocks, **more)
        state.flags = codec.UNSETTLED
        return state, writer.at_rest(state)

    def block(state, i):
        return state.p.layout.block_page(i) * PAGE

    state, image = new("unsettled")
    Vector("unsettled", "an unsettled header, nothing lost", image, state=state)
    state, image = new("unsettled-empty", 0, ())
    Vector("unsettled-empty", "an unsettled header, size 0", image, state=state)
    state, image = new("unsettled-32-blocks", 32 * 4096, (0, 30, 31))
    Vector("unsettled-32-blocks", "the last block of the header", image, state=state)
    state, image = new("unsettled-lost")
    poke(image, block(state, 2), bytes(4096))
    what = "block 2 was lost: zeros where its ciphertext should be"
    Vector("unsettled-lost", what, image, state=state, lost=(2,))
    state, image = new("unsettled-torn")
    poke(image, block(state, 2) + 512, bytes(512))
    what = "one sector of block 2 was lost"
    Vector("unsettled-torn", what, image, state=state, lost=(2,))
    state, image = new("unsettled-cut")
    image.resize(image.npages - 2)
    what = "blocks 2 and 3 lie past the end of the file"
    Vector("unsettled-cut", what, image, state=state, lost=(2, 3))
    state, image = new("unsettled-16k-torn", 16384, (0,), shift=14)
    flip(image, block(state, 0) + 16383)
    what = "the last byte of a block of 16 KiB was lost"
    Vector("unsettled-16k-torn", what, image, state=state, lost=(0,))
    state, image = new("unsettled-cleared")
    state = replace(state, flags=0, sequence=2)
    poke(image, 0, state.header()[:512])
    raw = image.get(0)
    image.put(0, raw[:544] + b"\x55" * 128 + raw[672:])
    image.put(0, writer.header_seal(image.get(0), state.p.keys))
    what = "settled by a header of sequence 2; inline_crc has no meaning any more"
    Vector("unsettled-cleared", what, image, state=state)


def all_good(licence):
    sizes()
    trees()
    block_sizes()
    holes()
    facts(licence)
    generations()
    unsettled()
