# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that a reader refuses, one defect each; all else about them is right.

Where a field of the header is falsified its checksum and MAC are right again, unless it
is them that are wrong.
"""
import marque_codec as codec
import marque_writer as writer
from marque_codec import PAGE
from vector_kit import SMALL, Vector, entry_at, flip, params, poke, reseal, state_of
from vector_kit import u16, u32, u64
from vectors_good import long_licence
from vectors_journal import Story, two

TREE_SIZE = 161 * 4096


def base(name, size=2 * 4096 - 9, blocks=None, **more):
    family = f"broken {more.get('shift', 12)}"
    state = state_of(family, size, blocks, **more)
    return state, writer.at_rest(state)


def poked(name, what, off, data, expect="format", **more):
    """A field of the header, or bytes of the licence, falsified."""
    state, image = base(name, **more)
    poke(image, off, data)
    reseal(image, state)
    Vector(name, what, image, expect)


def no_container():
    Vector("empty", "an empty file", b"", "plain")
    Vector("text", "a few bytes of text", b"not a container\n", "plain")
    for i in (0, 7):
        state, image = base(f"magic-{i}")
        flip(image, i)
        reseal(image, state)
        Vector(f"magic-{i}", f"byte {i} of the magic is wrong", image, "plain")
    Vector("magic-short", "seven bytes of the magic", codec.MAGIC[:7], "plain")


def cut():
    Vector("magic-only", "the magic and nothing else", codec.MAGIC, "damaged")
    _, image = base("header-cut")
    raw = image.get(0)[:2048]
    Vector("header-cut", "half a header page", raw, "damaged")
    state, image = base("header-page-missing", 0, k=2, licence=b"l" * 3000)
    image.resize(1)
    Vector("header-page-missing", "one of two header pages", image, "damaged")
    _, image = base("block-cut")
    image.resize(image.npages - 1)
    Vector("block-cut", "block 1 is past the end of the file", image, "damaged")
    _, image = base("16k-block-cut", 16384, shift=14)
    image.resize(image.npages - 1)
    Vector("16k-block-cut", "the last page of a block of 16 KiB", image, "damaged")
    state, image = base("tag-page-cut", TREE_SIZE, [32, 160])
    image.resize(state.p.layout.tag_page(1))
    Vector("tag-page-cut", "a tag page past the end of the file", image, "damaged")
    state, image = base("tree-page-cut", TREE_SIZE, [32, 160])
    image.resize(state.p.layout.tree_page(1, 0))
    Vector("tree-page-cut", "a tree page past the end of the file", image, "damaged")


def versions():
    for n in (0, 2, 0xFFFF):
        poked(f"version-{n}", f"version {n}", 8, u16(n), "version")
    for n in (0, 2):
        poked(f"cipher-{n}", f"cipher {n}", 13, bytes([n]), "version")
    for n in (0, 3):
        poked(f"licence-type-{n}", f"licence type {n}", 14, bytes([n]), "version")


def bounds():
    for n in (0, 21, 0xFFFF):
        poked(f"header-pages-{n}", f"{n} header pages", 10, u16(n))
    for n in (0, 11, 17, 64, 255):
        poked(f"block-shift-{n}", f"block_shift {n}", 12, bytes([n]))
    poked("tree-height-1", "height 1 where 0 is that of the size", 15, b"\1")
    poked("tree-height-255", "height 255", 15, b"\xff")
    poked("flags-2", "an unknown flag", 16, u32(2))
    poked("flags-top", "the last flag", 16, u32(1 << 31))
    for n in (31, 33, 0):
        poked(f"inline-entries-{n}", f"{n} entries in the header", 20, u16(n))
    poked("sequence-0", "sequence 0", 24, u64(0))
    poked("writes-2^31", "2^31 writes", 48, u64(1 << 31))
    poked("generation-0", "generation 0, no blocks", 56, u32(0), blocks=[])
    poked("reserved-22", "reserved bytes at 22", 22, b"\0\1")
    for off in (270, 287):
        poked(f"reserved-{off}", f"a reserved byte at {off}", off, b"\1")
    owner = u16(256) + bytes(18) + b"o" * 256
    poked("owner-len-256", "an owner of 256 bytes", 268, owner)
    poked("owner-len-65535", "an owner of 65535 bytes", 268, u16(0xFFFF))
    owner = b"ann@example.com"
    n = 288 + len(owner)
    poked("owner-padding", "a byte after the owner", n, b"x", owner=owner)
    poked("owner-padding-last", "a byte at the owner's end", 543, b"x", owner=owner)
    for c in (0x00, 0x0A, 0x1F, 0x7F):
        what = f"the byte {c:#04x} in the owner"
        poked(f"owner-{c:02x}", what, 290, bytes([c]), owner=owner)


def sizes():
    for size in (codec.SIZE_MAX + 1, (1 << 64) - 1):
        name = f"size-{size:x}"
        state, image = base(name, 0)
        height = state.p.layout.height(size)
        poke(image, 32, u64(size))
        poke(image, 15, bytes([height]))
        reseal(image, state)
        Vector(name, "more than 2^56 bytes", image, "format")
    poked("root-without-segment", "a root, and no segment", 216, b"\1" * 16)
    what = "an entry past the end"
    poked("entry-past-end", what, entry_at(2), b"\1" * 12 + bytes(16) + u32(1))
    poked("entry-past-end-31", "the last byte of entry 31", entry_at(32) - 1, b"\1")
    what = "an entry that has a generation and nothing else, past the end"
    poked("entry-of-empty", what, entry_at(0) + 28, u32(1), size=0)


def licences():
    poked("licence-digest", "the licence's digest is wrong", 184, b"\1" * 32)
    poked("licence-flip", "a byte of the licence is wrong", codec.LICENCE_AT, b"\xff")
    n = codec.LICENCE_AT + len(SMALL)
    poked("licence-padding", "a byte after the licence", n, b"\1")
    poked("licence-padding-last", "the last byte of the header", PAGE - 1, b"\1")
    poked("licence-len-fit", "one byte longer than the header", 60, u32(2401))
    poked("licence-len-max", "a licence of 2^32 - 1 bytes", 60, u32(0xFFFFFFFF))
    state, image = base("licence-len-0", 100, licence=b"")
    Vector("licence-len-0", "no licence", image, "format")
    licence = long_licence(codec.PL_MAX + 1)
    p = params("licence-max", licence=licence, k=20)
    image = writer.at_rest(state_of("licence-max", 100, p=p))
    Vector("licence-len-73729", "a licence over the limit", image, "format")


def seals():
    def header(name, what, off, mac):
        state, image = base(name)
        flip(image, off)
        if mac is not None:
            reseal(image, state, mac)
        Vector(name, what, image, "damaged")

    header("checksum", "the checksum is wrong", 264, None)
    header("checksum-created", "a flipped bit, checksum as it was", 40, None)
    header("checksum-entry", "a flipped bit in an entry, checksum as it was", 680, None)
    header("checksum-licence", "a flipped bit in the licence", 1700, None)
    header("checksum-padding", "a flipped bit at the end of the page", 4095, None)
    header("header-mac", "the MAC is wrong", 232, False)
    header("header-mac-last", "the last byte of the MAC is wrong", 263, False)
    header("header-created", "another creation time under the old MAC", 40, False)
    header("header-label", "another label under the old MAC", 96, False)
    header("header-inline-crc", "inline_crc is not zero, old MAC", 544, False)
    header("wrapped-key", "the wrapped key is wrong", 112, True)
    header("commitment", "the commitment is wrong", 152, True)
    header("commitment-last", "its last byte is wrong", 183, True)
    header("file-id", "another file id: the wrap key is another", 64, True)
    state, image = base("content-key")
    other = bytes(31) + b"\1"
    what = "the content key is that of another licence"
    Vector("content-key", what, image, "damaged", content_key=other)


def blocks():
    def at(state, i):
        return state.p.layout.block_page(i) * PAGE

    for name, i, off in (("first", 0, 0), ("last", 1, 4095)):
        state, image = base(f"block-{name}-byte")
        flip(image, at(state, i) + off, 0x80)
        what = f"a flipped bit in the {name} byte of the data"
        Vector(f"block-{name}-byte", what, image, "damaged")
    for name, off in (("nonce", 0), ("tag", 12), ("tag-last", 27)):
        state, image = base(f"entry-{name}")
        flip(image, entry_at(1) + off)
        reseal(image, state)
        Vector(f"entry-{name}", f"a wrong {name} in entry 1", image, "damaged")
    for g in (0, 2, 0xFFFFFFFF):
        name = f"entry-generation-{g}"
        poked(name, "a generation out of bounds", entry_at(1) + 28, u32(g))
    state, image = base("entry-generation-other")
    poke(image, 56, u32(2))
    poke(image, entry_at(1) + 28, u32(2))
    reseal(image, state)
    what = "an entry says generation 2, its block was encrypted under 1"
    Vector("entry-generation-other", what, image, "damaged")
    state = state_of("broken 12", 2 * 4096)
    state.blocks = {0: state.blocks[1], 1: state.blocks[0]}
    what = "blocks 0 and 1, with their entries, changed places"
    Vector("blocks-swapped", what, writer.at_rest(state), "damaged")
    state = state_of("broken 12", 4096)
    keys = {"data_key": state.p.data_key}
    other = state_of("broken 12", 4096, p=params("another", **keys))
    state.blocks = other.blocks
    what = "a block of another file that has the same data key"
    Vector("block-of-another", what, writer.at_rest(state), "damaged")
    state, image = base("block-hole", 2 * 4096)
    poke(image, at(state, 1), bytes(4096))
    Vector("block-hole", "block 1 was replaced by zeros", image, "damaged")
    state, image = base("entry-only-generation", 2 * 4096, [0])
    poke(image, entry_at(1) + 28, u32(1))
    image.put(2, bytes(4096))
    reseal(image, state)
    what = "an entry of zeros but for its generation is no hole"
    Vector("entry-only-generation", what, image, "damaged")


def trees():
    def tree(name):
        state, image = base(name, TREE_SIZE, [32, 33, 160])
        return state, image, state.p.layout

    state, image, layout = tree("tag-page-flip")
    flip(image, layout.tag_page(0) * PAGE + 4095)
    Vector("tag-page-flip", "a flipped bit in a tag page", image, "damaged")
    state, image, layout = tree("tree-page-flip")
    flip(image, layout.tree_page(1, 0) * PAGE)
    Vector("tree-page-flip", "a flipped bit in a tree page", image, "damaged")
    state, image, layout = tree("root")
    flip(image, 216)
    reseal(image, state)
    Vector("root", "the root is wrong", image, "damaged")
    state, image, layout = tree("tag-pages-swapped")
    pages = [layout.tag_page(s) for s in (0, 1)]
    first, second = (image.get(page) for page in pages)
    image.put(pages[0], second)
    image.put(pages[1], first)
    macs = [state.p.keys.tree_mac(0, 1 - s, p) for s, p in ((0, second), (1, first))]
    retree(state, image, b"".join(macs).ljust(PAGE, b"\0"))
    what = "two tag pages, with their MACs, changed places"
    Vector("tag-pages-swapped", what, image, "damaged")
    state, image, layout = tree("tag-page-as-root")
    page = image.get(layout.tag_page(0))
    image.put(layout.tree_page(1, 0), page)
    poke(image, 216, state.p.keys.tree_mac(0, 0, page))
    reseal(image, state)
    what = "a tag page stands for the tree page"
    Vector("tag-page-as-root", what, image, "damaged")
    state, image, layout = tree("tree-mac")
    page = bytearray(image.get(layout.tree_page(1, 0)))
    page[16:32] = b"\1" + bytes(15)
    retree(state, image, bytes(page))
    what = "a wrong MAC in a tree page that is right"
    Vector("tree-mac", what, image, "damaged")
    for g in (0, 2):
        tag_generation(g)
    state, image, layout = tree("tree-block")
    flip(image, layout.block_page(160) * PAGE + 100)
    Vector("tree-block", "a flipped bit in block 160", image, "damaged")
    state, image, layout = tree("tag-page-hole")
    image.put(layout.tag_page(1), bytes(PAGE))
    Vector("tag-page-hole", "a tag page was replaced by zeros", image, "damaged")


def retree(state, image, page):
    """Another level 1 page, with a right root."""
    image.put(state.p.layout.tree_page(1, 0), page)
    poke(image, 216, state.p.keys.tree_mac(1, 0, page))
    reseal(image, state)


def tag_generation(g):
    name = f"tag-generation-{g}"
    state = state_of("broken 12", TREE_SIZE, [32, 33, 160])
    entry, data = state.blocks[160]
    state.blocks[160] = entry[:28] + u32(g), data
    what = f"generation {g} in a tag page"
    Vector(name, what, writer.at_rest(state), "damaged")


def unsettled():
    state = state_of("broken 12", 2 * 4096)
    image = writer.at_rest(state)
    flip(image, 2 * PAGE)
    what = "a torn block, and no flag that explains it"
    Vector("settled-lost", what, image, "damaged")
    state = state_of("broken 12", 2 * 4096)
    entry, data = state.blocks[1]
    state.blocks[1] = entry, bytes([data[0] ^ 1]) + data[1:]
    state.flags = codec.UNSETTLED
    what = "unsettled: inline_crc is right, the block does not authenticate"
    Vector("unsettled-forged", what, writer.at_rest(state), "damaged")
    state, image = base("unsettled-flag")
    poke(image, 16, u32(1))
    reseal(image, state, False)
    what = "the flag was set under the old MAC"
    Vector("unsettled-flag", what, image, "damaged")


def journals():
    s = two("journal-mac")
    raw = bytearray(s.image.get(s.journal.commits[0]))
    raw[112] ^= 1
    s.image.put(s.journal.commits[0], writer.commit_seal(bytes(raw)))
    Vector("journal-mac", "MAC of the first commit page", s.image, "damaged")
    s = two("journal-mac-last")
    raw = bytearray(s.image.get(s.journal.commits[1]))
    raw[143] ^= 1
    s.image.put(s.journal.commits[1], writer.commit_seal(bytes(raw)))
    Vector("journal-mac-last", "MAC of the last commit page", s.image, "damaged")
    s = Story("journal-header-mac", 3 * 4096, family="three")
    new = s.next(write=[1])
    new.fields = {"wrapped_key": bytes(40)}
    s.journal.commit(new)
    what = "the wrapped key of the header that the journal brings"
    Vector("journal-header-mac", what, s.image, "damaged")
    s = Story("journal-forged-block", 3 * 4096, family="three")
    new = s.next(write=[1])
    entry, data = new.blocks[1]
    new.blocks[1] = entry, bytes([data[0] ^ 1]) + data[1:]
    s.journal.commit(new)
    what = "a block in the journal does not authenticate"
    Vector("journal-forged-block", what, s.image, "damaged")
    s = two("journal-header-torn")
    flip(s.image, s.page_of(1))
    poke(s.image, 512, b"\xa5" * 512)
    what = "header torn, and the journal's first payload too"
    Vector("journal-header-torn", what, s.image, "damaged")
    s = two("journal-header-torn-alone")
    s.image.resize(s.states[0].data_end())
    poke(s.image, 512, b"\xa5" * 512)
    Vector("journal-header-torn-alone", "header torn, no journal", s.image, "damaged")


def all_broken(licence):
    no_container()
    cut()
    versions()
    bounds()
    sizes()
    licences()
    seals()
    blocks()
    trees()
    unsettled()
    journals()
