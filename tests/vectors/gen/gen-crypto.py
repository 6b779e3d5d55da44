#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Vectors for crypto/, made without any of marque's code.

    gen-crypto.py > ../crypto.txt

Needs python3-cryptography 44 or later (Argon2id); the key-agreement, JOSE and XChaCha20
parts are spelled out below from their RFCs.  One vector a line: a kind, then fields in hex
("-" is an empty field); numbers are decimal.  Inputs are derived from a seed, so that the
output is the same on each run, but for ECDSA signatures, which are random: keep the lines
that are checked in unless the format changes.
"""
import base64
import hashlib
import hmac
import json
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    aes_key_wrap,
    aes_key_wrap_with_padding,
)

SALT = b"marque-v1"
counter = 0


def rnd(n):
    """n bytes that only look random."""
    global counter
    counter += 1
    return hashlib.shake_256(b"marque vectors %d" % counter).digest(n)


def line(kind, *fields):
    out = [kind]
    for field in fields:
        if isinstance(field, int):
            out.append(str(field))
        else:
            out.append(field.hex() if field else "-")
    print(" ".join(out))


def hkdf(key, salt, info):
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(key)


def derive(key, purpose, file_id, generation=None):
    info = purpose + b"\0" + file_id
    if generation is not None:
        info += struct.pack("<I", generation)
    return hkdf(key, SALT, info)


def kdf_vectors():
    for _ in range(3):
        key, file_id = rnd(32), rnd(16)
        for purpose in (b"wrap", b"header-mac", b"tree-mac", b"commitment"):
            line("kdf-" + purpose.decode(), key, file_id, derive(key, purpose, file_id))
        for generation in (0, 1, 0x01020304, 0xFFFFFFFF):
            out = derive(key, b"block", file_id, generation)
            line("kdf-block", key, file_id, generation, out)
    for machine in (b"4c3a5f7e9d1b4e0f8a6c2b7d5e3f1a09", b"x" * 64, b"y" * 65, b""):
        secret, purpose = rnd(32), b"licence-cache"
        line("machine", secret, machine, purpose, hkdf(secret, machine, purpose))


def wrap_vectors():
    for _ in range(4):
        kek, key = rnd(32), rnd(32)
        line("kwp", kek, key, aes_key_wrap_with_padding(kek, key))


def digest_vectors():
    for n in (0, 1, 55, 56, 63, 64, 65, 119, 1000):
        data = rnd(n)
        line("sha256", data, hashlib.sha256(data).digest())
        key, prev = rnd(32), rnd(32)
        line("hmac", key, data, hmac.new(key, data, hashlib.sha256).digest())
        chain = hashlib.blake2b(prev + data, digest_size=32).digest()
        line("chain", prev, data, chain)


def block_vectors():
    for n, index, generation in (
        (4096, 0, 0),
        (4096, 1, 0),
        (4096, 0x0102030405060708, 0xA1B2C3D4),
        (16, 5, 1),
        (1, 2**64 - 1, 2**32 - 1),
        (0, 7, 2),
        (8192, 3, 0),
    ):
        key, file_id, nonce, data = rnd(32), rnd(16), rnd(12), rnd(n)
        aad = struct.pack("<H", 1) + file_id + struct.pack("<QI", index, generation)
        out = AESGCM(derive(key, b"block", file_id, generation)).encrypt(nonce, data, aad)
        line("block", key, file_id, generation, index, nonce, data, out[:-16], out[-16:])


def rotl(v, n):
    return (v << n | v >> (32 - n)) & 0xFFFFFFFF


def quarter(s, a, b, c, d):
    s[a] = (s[a] + s[b]) & 0xFFFFFFFF
    s[d] = rotl(s[d] ^ s[a], 16)
    s[c] = (s[c] + s[d]) & 0xFFFFFFFF
    s[b] = rotl(s[b] ^ s[c], 12)
    s[a] = (s[a] + s[b]) & 0xFFFFFFFF
    s[d] = rotl(s[d] ^ s[a], 8)
    s[c] = (s[c] + s[d]) & 0xFFFFFFFF
    s[b] = rotl(s[b] ^ s[c], 7)


def hchacha20(key, nonce16):
    """draft-irtf-cfrg-xchacha section 2.2."""
    s = list(struct.unpack("<4I", b"expand 32-byte k"))
    s += struct.unpack("<8I", key) + struct.unpack("<4I", nonce16)
    for _ in range(10):
        for column in range(4):
            quarter(s, column, column + 4, column + 8, column + 12)
        quarter(s, 0, 5, 10, 15)
        quarter(s, 1, 6, 11, 12)
        quarter(s, 2, 7, 8, 13)
        quarter(s, 3, 4, 9, 14)
    return struct.pack("<8I", *(s[:4] + s[12:]))


def seal(key, data, aad):
    nonce = rnd(24)
    sub = hchacha20(key, nonce[:16])
    box = ChaCha20Poly1305(sub).encrypt(b"\0\0\0\0" + nonce[16:], data, aad)
    return nonce + box


def seal_vectors():
    for n, aad in ((0, b""), (32, b"context"), (1000, rnd(100))):
        key, data = rnd(32), rnd(n)
        line("seal", key, data, aad, seal(key, data, aad))
    for passes, memory in ((1, 8192), (2, 8192), (3, 16384)):
        passphrase, salt = rnd(11), rnd(16)
        kdf = Argon2id(
            salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory
        )
        line("argon2id", passphrase, salt, passes, memory, kdf.derive(passphrase))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def new_key():
    secret = int.from_bytes(rnd(32), "big") >> 1
    return ec.derive_private_key(secret, ec.SECP256R1())


def jwk(key):
    n = key.public_key().public_numbers()
    x, y = (b64(v.to_bytes(32, "big")).decode() for v in (n.x, n.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def thumbprint(key):
    return b64(hashlib.sha256(compact(jwk(key))).digest())


def jws(key, header, payload):
    text = b64(compact(header)) + b"." + b64(payload)
    r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(hashes.SHA256())))
    return text + b"." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def concat_kdf(z, alg):
    """RFC 7518 section 4.6.2 for 256 bits, apu and apv empty."""
    other = struct.pack(">I", len(alg)) + alg + bytes(8) + struct.pack(">I", 256)
    return hashlib.sha256(struct.pack(">I", 1) + z + other).digest()


def jwe(key, content_key):
    ephemeral = new_key()
    alg = "ECDH-ES+A256KW"
    header = {"alg": alg, "enc": "A256GCM", "epk": jwk(ephemeral)}
    head = b64(compact(header))
    z = ephemeral.exchange(ec.ECDH(), key.public_key())
    cek, iv = rnd(32), rnd(12)
    wrapped = aes_key_wrap(concat_kdf(z, alg.encode()), cek)
    out = AESGCM(cek).encrypt(iv, content_key, head)
    return b".".join([head] + [b64(v) for v in (wrapped, iv, out[:-16], out[-16:])])


def key_vectors():
    for _ in range(3):
        key = new_key()
        kid = thumbprint(key)
        line("jwk", compact(jwk(key)), kid)
        header = {"alg": "ES256", "kid": kid.decode(), "typ": "vector"}
        payload = rnd(100)
        line("jws", compact(jwk(key)), jws(key, header, payload), payload)
        under, content_key = rnd(32), rnd(32)
        scalar = key.private_numbers().private_value.to_bytes(32, "big")
        sealed = b"\x01" + seal(under, scalar, b"marque-v1 private key P-256")
        line("private", under, sealed, kid)
        line("jwe", under, sealed, jwe(key, content_key), content_key)


def content_vectors():
    for _ in range(3):
        seed, content_id, kid = rnd(32), rnd(16), b64(rnd(32))
        info = b"content\0" + content_id + kid
        line("content-key", seed, content_id, kid, hkdf(seed, SALT, info))


print("# SPDX-License-Identifier: LGPL-2.1-or-later")
print("# Made by gen/gen-crypto.py, which explains the fields.")
kdf_vectors()
wrap_vectors()
digest_vectors()
block_vectors()
seal_vectors()
key_vectors()
content_vectors()
