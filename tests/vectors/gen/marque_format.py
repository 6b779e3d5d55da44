#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Read and write containers and licences as marque-format(5), marque-licence(5) say.

    marque_format.py read FILE [--content-key HEX] [-o OUT] [--range OFF:LEN]...
    marque_format.py digest --content-key HEX FILE...
    marque_format.py write -o FILE --content-key HEX (--size N | --input FILE) ...
    marque_format.py licence make|open ...

read prints facts as JSON, to stderr when the plaintext goes to stdout (-o -).  It exits
with 1 and "KIND: what is wrong" when a reader must refuse the file; KIND is plain (no
container), version, format or damaged.  Without the key it tells what is in the clear.

digest reads many files and writes a line for each: ok, sequence, size, whether a journal
counts, lost blocks and SHA-256 of the plaintext; or what is wrong.

write makes a file at rest, or with --variant one that was interrupted; its plaintext is
the same in all variants.  --seed makes the output the same in each run.
"""
import argparse
import hashlib
import json
import sys

import marque_codec as codec
import marque_licence
import marque_writer as writer

HASH_MAX = 1 << 30
CHUNK = 1 << 20


def spans(text):
    """{3, 5, 6, 7} of "3,5-7"."""
    out = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        out.update(range(int(first), int(last or first) + 1))
    return out


def sha256_of(reader):
    """SHA-256 of all plaintext; every block is decrypted, also when it is too long."""
    size = reader.header.size
    if size > HASH_MAX:
        for i in sorted(reader.entries):
            reader.block(i)
        return None
    digest = hashlib.sha256()
    for off in range(0, size, CHUNK):
        digest.update(reader.data(off, CHUNK))
    return digest.hexdigest()


def write_plain(reader, out):
    if out is sys.stdout.buffer:
        for off in range(0, reader.header.size, CHUNK):
            out.write(reader.data(off, CHUNK))
        return
    b = reader.layout.block_size
    for i in sorted(reader.entries):
        out.seek(i * b)
        out.write(reader.data(i * b, b))
    out.truncate(reader.header.size)


def cmd_read(args):
    reader = codec.Reader(args.file, args.content_key)
    facts = reader.facts()
    if args.content_key is not None:
        facts["sha256"] = sha256_of(reader)
        facts["ranges"] = []
        for text in args.range:
            off, length = (int(n) for n in text.split(":"))
            digest = hashlib.sha256(reader.data(off, length)).hexdigest()
            facts["ranges"].append([off, length, digest])
        if args.output == "-":
            write_plain(reader, sys.stdout.buffer)
        elif args.output:
            with open(args.output, "wb") as f:
                write_plain(reader, f)
    to = sys.stderr if args.output == "-" else sys.stdout
    json.dump(facts, to, indent=1)
    to.write("\n")


def cmd_digest(args):
    for path in args.file:
        try:
            reader = codec.Reader(path, args.content_key)
            digest = sha256_of(reader)
        except codec.Refused as e:
            print(e)
            continue
        h, journal = reader.header, int(bool(reader.transactions))
        print("ok", h.sequence, h.size, journal, len(reader.lost), digest)


def plaintext(args, block_size):
    """The size and a function that gives n bytes of block i."""
    if args.input is None:
        return args.size, lambda i, n: writer.plain_block(args.plain, i, n)
    with open(args.input, "rb") as f:
        data = f.read()
    return len(data), lambda i, n: data[i * block_size : i * block_size + n]


def make(args):
    """The file that the command line asks for, as pages."""
    p = writer.Params(
        content_key=args.content_key,
        licence=args.licence,
        random=writer.Random(args.seed),
        file_id=args.file_id,
        data_key=args.data_key,
        shift=args.block_size.bit_length() - 1,
        k=args.header_pages,
        licence_type=args.licence_type,
        content_id=args.content_id,
        label_id=args.label_id,
        owner=args.owner.encode(),
        created=args.created,
    )
    size, plain = plaintext(args, args.block_size)
    last = p.layout.blocks(size)
    blocks = range(last) if args.blocks is None else sorted(args.blocks)
    blocks = [i for i in blocks if i < last and i not in args.holes]
    state = writer.filled(p, size, plain, blocks)
    if args.variant == "unsettled":
        state.flags = codec.UNSETTLED
        if last > codec.INLINE:
            sys.exit("marque_format.py: an unsettled file has at most 32 blocks")
    if args.variant.startswith("journal"):
        image, _ = writer.with_journal(state, plain, int(args.variant[-1]))
        return image
    return writer.at_rest(state, not args.short)


def cmd_write(args):
    image = make(args)
    (image.write_sparse if args.sparse else image.write)(args.output)


def block_size(text):
    n = int(text)
    if n not in [1 << s for s in range(codec.SHIFT_MIN, codec.SHIFT_MAX + 1)]:
        raise ValueError
    return n


def guid(text):
    return bytes.fromhex(text.replace("-", ""))


def blob(path):
    with open(path, "rb") as f:
        return f.read()


def add_read(sub):
    p = sub.add_parser("read")
    p.set_defaults(run=cmd_read)
    p.add_argument("file")
    p.add_argument("--content-key", type=bytes.fromhex)
    p.add_argument("-o", "--output")
    p.add_argument("--range", action="append", default=[], metavar="OFF:LEN")


def add_digest(sub):
    p = sub.add_parser("digest")
    p.set_defaults(run=cmd_digest)
    p.add_argument("--content-key", type=bytes.fromhex, required=True)
    p.add_argument("file", nargs="+")


def add_write(sub):
    p = sub.add_parser("write")
    p.set_defaults(run=cmd_write)
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--content-key", type=bytes.fromhex, required=True)
    p.add_argument("--licence", type=blob, default=b"no licence", metavar="FILE")
    p.add_argument("--licence-type", type=int, default=1)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--size", type=int)
    source.add_argument("--input")
    p.add_argument("--plain", default="plain", help="name of the plaintext of --size")
    p.add_argument("--blocks", type=spans, help="only these blocks are no holes: 0,5-7")
    p.add_argument("--holes", type=spans, default=set(), help="blocks that are holes")
    p.add_argument("--block-size", type=block_size, default=4096)
    p.add_argument("--header-pages", type=int, default=0)
    p.add_argument("--file-id", type=guid, default=b"")
    p.add_argument("--data-key", type=bytes.fromhex, default=b"")
    p.add_argument("--content-id", type=guid, default=bytes(16))
    p.add_argument("--label-id", type=guid, default=bytes(16))
    p.add_argument("--owner", default="")
    p.add_argument("--created", type=int, default=0)
    p.add_argument("--seed", help="derive what else would be random from this")
    p.add_argument(
        "--variant",
        choices=["rest", "unsettled", "journal1", "journal2"],
        default="rest",
    )
    p.add_argument("--short", action="store_true", help="end with the last used page")
    p.add_argument("--sparse", action="store_true", help="write page numbers and pages")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sub = parser.add_subparsers(required=True)
    add_read(sub)
    add_digest(sub)
    add_write(sub)
    marque_licence.add_commands(sub)
    args = parser.parse_args(argv)
    try:
        args.run(args)
    except (codec.Refused, marque_licence.Refused) as e:
        sys.exit(f"marque_format.py: {e}")
    except OSError as e:
        sys.exit(f"marque_format.py: {e}")


if __name__ == "__main__":
    main()
