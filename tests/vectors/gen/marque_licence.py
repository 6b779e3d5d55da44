# SPDX-License-Identifier: LGPL-2.1-or-later
"""Publishing licences, made and opened as marque-licence(5) and the RFCs it names say.

Keys are private P-256 scalars or, where a public one will do, JWKs; both are JSON-safe.
"""
import base64
import hashlib
import json
import re
import struct
import sys
import uuid

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap,
    aes_key_unwrap,
    aes_key_wrap,
)

from marque_writer import Random

LICENCE_MAX, PAYLOAD_MAX, PART_MAX = 73728, 53248, 4096
TIME_MAX = 253402300799
PL_TYPE, CERT_TYPE = "marque-pl+jws", "marque-pubcert+jws"
CURVE = ec.SECP256R1()


class Refused(Exception):
    pass


def require(true, sentence):
    if not true:
        raise Refused(sentence)


# Encodings


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text, what):
    """Strict: no padding, no other character, no bits left over."""
    require(re.fullmatch("[A-Za-z0-9_-]*", text), f"{what} is not base64url")
    require(len(text) % 4 != 1, f"{what} is not base64url")
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    require(b64(data) == text, f"{what} is not base64url")
    return data


def json_write(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def json_read(data, what):
    """A JSON object; refuses members that occur twice."""

    def members(pairs):
        out = dict(pairs)
        require(len(out) == len(pairs), f"{what}: the same member twice")
        return out

    def constant(name):
        raise Refused(f"{what}: {name} is no JSON")

    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=members, parse_constant=constant)
    except (ValueError, RecursionError):
        raise Refused(f"{what} is no JSON") from None
    require(isinstance(value, dict), f"{what} is no JSON object")
    return value


# Keys


def private_key(scalar):
    return ec.derive_private_key(int.from_bytes(scalar, "big"), CURVE)


def jwk_of(public):
    n = public.public_numbers()
    x, y = (b64(v.to_bytes(32, "big")) for v in (n.x, n.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def jwk_read(jwk, what):
    right = isinstance(jwk, dict) and jwk.get("kty") == "EC"
    require(right and jwk.get("crv") == "P-256", f"{what} is no P-256 key")
    xy = []
    for name in "xy":
        require(isinstance(jwk.get(name), str), f"{what} has no {name}")
        xy.append(unb64(jwk[name], what))
        require(len(xy[-1]) == 32, f"{what}: {name} has another length")
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(CURVE, b"\4" + b"".join(xy))
    except ValueError:
        raise Refused(f"{what} is no point of P-256") from None


def thumbprint(public):
    """RFC 7638; jwk_of() has the members in its order."""
    return b64(hashlib.sha256(json_write(jwk_of(public))).digest())


# JWS


def ecdsa():
    """Deterministic (RFC 6979) where the library can; verifiers do not care."""
    try:
        return ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
    except Exception:
        return ec.ECDSA(hashes.SHA256())


def jws_sign(key, typ, payload):
    head = {"alg": "ES256", "kid": thumbprint(key.public_key()), "typ": typ}
    text = b64(json_write(head)) + "." + b64(json_write(payload))
    r, s = utils.decode_dss_signature(key.sign(text.encode(), ecdsa()))
    return text + "." + b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))


class Jws:
    """A JWS taken apart; nothing of it holds before verify()."""

    def __init__(self, text, typ, what):
        self.what, parts = what, text.split(".")
        require(len(parts) == 3, f"{what} is no compact JWS")
        head, payload, self.signature = (unb64(part, what) for part in parts)
        self.signed = text.rpartition(".")[0].encode("ascii")
        head = json_read(head, f"header of {what}")
        require(head.get("alg") == "ES256", f"{what}: alg is not ES256")
        require(head.get("typ") == typ, f"{what}: typ is not {typ}")
        require("crit" not in head, f"{what}: crit")
        require(isinstance(head.get("kid"), str), f"{what}: no kid")
        self.kid, self.payload_len = head["kid"], len(payload)
        require(len(payload) <= PAYLOAD_MAX, f"{what}: payload is too long")
        self.payload = json_read(payload, what)

    def verify(self, public):
        require(thumbprint(public) == self.kid, f"{self.what}: key has another id")
        require(len(self.signature) == 64, f"{self.what}: signature has another length")
        r, s = (int.from_bytes(self.signature[n : n + 32], "big") for n in (0, 32))
        try:
            der = utils.encode_dss_signature(r, s)
            public.verify(der, self.signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise Refused(f"{self.what}: signature is wrong") from None


# JWE: ECDH-ES+A256KW, A256GCM


def key_agreed(private, public):
    """RFC 7518 section 4.6.2 with empty party information."""
    z = private.exchange(ec.ECDH(), public)
    alg = b"ECDH-ES+A256KW"
    info = struct.pack(">I", len(alg)) + alg + struct.pack(">III", 0, 0, 256)
    return hashlib.sha256(struct.pack(">I", 1) + z + info).digest()


def jwe_seal(public, seed, random):
    ephemeral = private_key(random(31))
    head = {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256GCM",
        "epk": jwk_of(ephemeral.public_key()),
        "kid": thumbprint(public),
    }
    aad = b64(json_write(head))
    cek, iv = random(32), random(12)
    wrapped = aes_key_wrap(key_agreed(ephemeral, public), cek)
    out = AESGCM(cek).encrypt(iv, seed, aad.encode())
    return ".".join([aad, b64(wrapped), b64(iv), b64(out[:-16]), b64(out[-16:])])


def jwe_open(private, text):
    parts = text.split(".")
    require(len(parts) == 5 and all(parts), "key is no compact JWE")
    head, wrapped, iv, data, tag = (unb64(part, "key") for part in parts)
    head = json_read(head, "header of key")
    require(head.get("alg") == "ECDH-ES+A256KW", "key: alg is another")
    require(head.get("enc") == "A256GCM", "key: enc is another")
    require(not {"apu", "apv", "zip", "crit"} & set(head), "key: members not used")
    kek = key_agreed(private, jwk_read(head.get("epk"), "epk of key"))
    require(len(iv) == 12 and len(tag) == 16, "key: iv or tag has another length")
    try:
        cek = aes_key_unwrap(kek, wrapped)
        out = AESGCM(cek).decrypt(iv, data + tag, parts[0].encode())
    except (InvalidUnwrap, InvalidTag, ValueError):
        raise Refused("key does not open") from None
    require(len(cek) == 32 and len(out) == 32, "key has another length")
    return out


def content_key(seed, cid, kid):
    """Bound to the licence by its cid and to its signer by the kid in the header."""
    info = b"content\0" + uuid.UUID(cid).bytes + kid.encode()
    return HKDF(hashes.SHA256(), 32, b"marque-v1", info).derive(seed)


# Members


def is_name(value, most=255, without=" @"):
    return (
        isinstance(value, str)
        and 1 <= len(value) <= most
        and all("!" <= c <= "~" and c not in without for c in value)
    )


def is_mail(value):
    return (
        is_name(value, without="")
        and value.count("@") == 1
        and value[0] != "@"
        and value[-1] != "@"
    )


def is_guid(value):
    form = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    right = isinstance(value, str) and re.fullmatch(form, value)
    return bool(right and value.strip("0-"))


def is_int(value, least, most):
    return type(value) is int and least <= value <= most


def is_time(value):
    return is_int(value, 0, TIME_MAX)


def is_principal(value):
    if not isinstance(value, str):
        return False
    kind, colon, name = value.partition(":")
    if not colon:
        return value in ("org", "authenticated") or is_mail(value)
    tests = {"user": is_mail, "group": is_mail, "domain": is_name}
    return kind in tests and tests[kind](name)


def is_grants(value):
    if not isinstance(value, list) or not 1 <= len(value) <= 1024:
        return False
    for grant in value:
        if not isinstance(grant, dict) or not is_principal(grant.get("who")):
            return False
        rights = grant.get("rights")
        if not isinstance(rights, list) or len(rights) > 64:
            return False
        if not all(is_name(right, 64, " ,") for right in rights):
            return False
    return True


def is_sub(value):
    if not isinstance(value, str) or len(value) > 262:
        return False
    kind, _, name = value.partition(":")
    return kind == "host" and is_name(name) or kind == "user" and is_mail(name)


def is_version(value):
    return is_int(value, 1, 1)


def is_kid(value):
    return isinstance(value, str) and bool(re.fullmatch("[A-Za-z0-9_-]{1,63}", value))


def is_part(value):
    return isinstance(value, str) and 1 <= len(value) <= PART_MAX


LICENCE_MEMBERS = {
    "v": (is_version, True),
    "cid": (is_guid, True),
    "lbl": (is_guid, False),
    "tpl": (is_guid, False),
    "own": (is_mail, True),
    "iss": (is_mail, True),
    "org": (is_name, True),
    "iat": (is_time, True),
    "exp": (is_time, False),
    "off": (lambda v: is_int(v, -1, 36500), True),
    "grants": (is_grants, False),
    "kid": (is_kid, True),
    "key": (is_part, True),
    "crt": (is_part, True),
}
CERT_MEMBERS = {
    "v": (is_version, True),
    "org": (is_name, True),
    "sub": (is_sub, True),
    "jwk": (lambda v: isinstance(v, dict), True),
    "nbf": (is_time, True),
    "exp": (is_time, True),
    "enc": (lambda v: isinstance(v, dict), False),
}


def members_check(value, members, what):
    for name, (test, required) in members.items():
        if name in value:
            require(test(value[name]), f"{what}: {name} is out of bounds")
        else:
            require(not required, f"{what}: {name} is missing")


# Licences


def same_name(a, b):
    return a.lower() == b.lower()


def licence_make(members, publish, organisation, seed, certificate, random):
    """The licence as bytes; members and certificate are those the caller may choose."""
    enc = organisation.public_key()
    cert = {
        "v": 1,
        "org": certificate["org"],
        "sub": certificate["sub"],
        "jwk": jwk_of(publish.public_key()),
        "nbf": certificate["nbf"],
        "exp": certificate["exp"],
        "enc": jwk_of(enc),
    }
    all_members = members | {
        "v": 1,
        "kid": thumbprint(enc),
        "key": jwe_seal(enc, seed, random),
        "crt": jws_sign(organisation, CERT_TYPE, cert),
    }
    payload = {n: all_members[n] for n in LICENCE_MEMBERS if n in all_members}
    return jws_sign(publish, PL_TYPE, payload).encode()


def certificate_open(text, organisation, kid):
    """Its payload; kid is that which the licence names for the organisation's key."""
    cert = Jws(text, CERT_TYPE, "certificate")
    cert.verify(organisation)
    members_check(cert.payload, CERT_MEMBERS, "certificate")
    if "enc" in cert.payload:
        enc = jwk_read(cert.payload["enc"], "enc")
        require(thumbprint(enc) == kid, "enc of the certificate has another key id")
    return cert.payload


def licence_open(data, organisation):
    """Payload and signer's key id, verified under the organisation's public key."""
    require(len(data) <= LICENCE_MAX, "licence is too long")
    try:
        text = data.decode("ascii")
    except ValueError:
        raise Refused("licence is not ASCII") from None
    jws = Jws(text, PL_TYPE, "licence")
    p = jws.payload
    members_check(p, LICENCE_MEMBERS, "licence")
    require(not ("tpl" in p and "grants" in p), "licence: tpl and grants")
    cert = certificate_open(p["crt"], organisation, p["kid"])
    jws.verify(jwk_read(cert["jwk"], "jwk"))
    require(same_name(cert["org"], p["org"]), "org of licence and certificate differ")
    inside = cert["nbf"] <= p["iat"] <= cert["exp"]
    require(inside, "published when the certificate did not hold")
    kind, _, name = cert["sub"].partition(":")
    right = kind != "user" or same_name(name, p["iss"])
    require(right, "the certificate was given to another than the issuer")
    return p, jws.kid


def licence_key(data, organisation):
    """The content key, for who has the organisation's private key."""
    payload, kid = licence_open(data, organisation.public_key())
    return content_key(jwe_open(organisation, payload["key"]), payload["cid"], kid)


# Command line


def scalar(text):
    return private_key(unb64(text, "key"))


def cmd_make(args):
    members = {"cid": args.cid, "own": args.own, "iss": args.iss or args.own}
    members |= {"org": args.org, "iat": args.iat, "off": args.off}
    for name in ("lbl", "tpl", "exp"):
        if getattr(args, name) is not None:
            members[name] = getattr(args, name)
    if args.grant:
        pairs = (text.partition("=") for text in args.grant)
        members["grants"] = [{"who": w, "rights": r.split(",")} for w, _, r in pairs]
    cert = {"org": args.org, "sub": args.sub, "nbf": args.nbf, "exp": args.until}
    random = Random(args.seed)
    publish, org = args.publish_key, args.org_key
    key_seed = args.key_seed or random(32)
    data = licence_make(members, publish, org, key_seed, cert, random)
    with open(args.output, "wb") as f:
        f.write(data)


def cmd_open(args):
    with open(args.file, "rb") as f:
        data = f.read(LICENCE_MAX + 1)
    payload, _ = licence_open(data, args.org_key.public_key())
    out = {"payload": payload, "content_key": licence_key(data, args.org_key).hex()}
    json.dump(out, sys.stdout, indent=1)
    print()


def add_commands(sub):
    verbs = sub.add_parser("licence").add_subparsers(required=True)
    p = verbs.add_parser("make")
    p.set_defaults(run=cmd_make)
    p.add_argument("-o", "--output", required=True)
    p.add_argument("--org-key", type=scalar, required=True, help="base64url scalar")
    p.add_argument("--publish-key", type=scalar, required=True)
    p.add_argument("--key-seed", type=bytes.fromhex, help="seed of the content key")
    for name in ("cid", "own", "org", "sub"):
        p.add_argument("--" + name, required=True)
    for name in ("iat", "nbf", "until"):
        p.add_argument("--" + name, type=int, required=True)
    for name in ("iss", "lbl", "tpl", "seed"):
        p.add_argument("--" + name)
    p.add_argument("--exp", type=int)
    p.add_argument("--off", type=int, default=7)
    p.add_argument("--grant", action="append", metavar="WHO=RIGHT,...")
    p = verbs.add_parser("open")
    p.set_defaults(run=cmd_open)
    p.add_argument("file")
    p.add_argument("--org-key", type=scalar, required=True, help="base64url scalar")
