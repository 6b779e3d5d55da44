#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Make the worked example of marque-licence(5): keys from fixed scalars, nothing random.

Prints the payload (as in the page), the signed licence, and the keys.  It shares no code
with marque: an independent witness of the format.  Needs python3-cryptography.
"""

import base64
import hashlib
import json
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

CONTENT_KEY = bytes(range(32))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


def key(name):
    seed = hashlib.sha256(b"marque-licence example " + name.encode()).digest()
    return ec.derive_private_key(int.from_bytes(seed, "big"), ec.SECP256R1())


def jwk(private):
    n = private.public_key().public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": b64(n.x.to_bytes(32, "big")),
        "y": b64(n.y.to_bytes(32, "big")),
    }


def kid(private):
    return b64(hashlib.sha256(compact(jwk(private))).digest())


def jws(private, typ, payload):
    header = {"alg": "ES256", "kid": kid(private), "typ": typ}
    signed = b64(compact(header)) + "." + b64(payload)
    # Deterministic (RFC 6979), so that the page does not change by itself.
    der = private.sign(
        signed.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    )
    r, s = utils.decode_dss_signature(der)
    return signed + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


def concat_kdf(shared, alg, bits):
    """RFC 7518 section 4.6.2, empty apu and apv; one round, since bits <= 256."""
    info = struct.pack(">I", len(alg)) + alg + struct.pack(">II", 0, 0)
    info += struct.pack(">I", bits)
    return hashlib.sha256(struct.pack(">I", 1) + shared + info).digest()[: bits // 8]


def jwe(to, ephemeral, plaintext):
    header = {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "epk": jwk(ephemeral),
        "kid": kid(to),
    }
    protected = b64(compact(header))
    shared = ephemeral.exchange(ec.ECDH(), to.public_key())
    wrap = concat_kdf(shared, b"ECDH-ES+A256KW", 256)
    cek = hashlib.sha256(b"marque-licence example cek").digest()
    iv = hashlib.sha256(b"marque-licence example iv").digest()[:12]
    sealed = AESGCM(cek).encrypt(iv, plaintext, protected.encode())
    parts = [aes_key_wrap(wrap, cek), iv, sealed[:-16], sealed[-16:]]
    return ".".join([protected] + [b64(p) for p in parts])


def main():
    org, publishing, ephemeral = key("org"), key("publishing"), key("ephemeral")
    certificate = {
        "v": 1,
        "org": "example.com",
        "sub": "host:host7.example.com",
        "jwk": jwk(publishing),
        "nbf": 1767225600,
        "exp": 1767830400,
        "enc": jwk(org),
    }
    licence = {
        "v": 1,
        "cid": "6f0e1a2b-4c5d-4e6f-8a9b-0c1d2e3f4a5b",
        "lbl": "b2c3d4e5-f607-4809-9a1b-2c3d4e5f6071",
        "tpl": "0d1e2f30-4152-4637-8849-5a6b7c8d9e0f",
        "own": "ann@example.com",
        "iss": "ann@example.com",
        "org": "example.com",
        "iat": 1767268800,
        "off": 7,
        "kid": kid(org),
        "key": jwe(org, ephemeral, CONTENT_KEY),
        "crt": jws(org, "marque-pubcert+jws", compact(certificate)),
    }
    payload = compact(licence)
    signed = jws(publishing, "marque-pl+jws", payload)
    print(payload.decode())
    print()
    print(compact(certificate).decode())
    print()
    print(signed)
    print()
    print("payload %d bytes, signed %d bytes" % (len(payload), len(signed)))
    print("key %d crt %d" % (len(licence["key"]), len(licence["crt"])))
    for name in ("org", "publishing"):
        n = key(name).private_numbers().private_value
        print(name, kid(key(name)), b64(n.to_bytes(32, "big")))


if __name__ == "__main__":
    main()
