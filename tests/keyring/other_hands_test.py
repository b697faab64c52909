"""What the keyring makes, in other hands: an independent reading of keyservice/KEYRING.md with Debian's
python3-cryptography opens it and makes what the keyring opens, and OpenSSL's program verifies its signatures.

CBOR, HKDF and the envelopes are written out in envelopes.py from the specification alone.
"""

import hashlib
import hmac
import json
import os
import pathlib
import secrets
import subprocess
import tempfile
import unittest

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (Encoding, NoEncryption, PrivateFormat, PublicFormat,
                                                          load_pem_public_key)

from envelopes import cbor, envelope_items, hkdf, opened, sealed

PROGRAM = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin" / "keyring_process"
SIGNATURE, CIPHERTEXT, WRAPPED_KEY, MAC = 1, 2, 3, 4
ED25519, P256, P384, SEALED, HMAC = 1, 2, 3, 4, 5
TYPES = {"derived": 1, "ed25519": 2, "p256": 3, "p384": 4, "x25519": 5, "aes256": 6, "hmac": 7}


def derived(root, use, name, version):
    """A derived key's key for one use (keyservice/root.hpp)."""
    return hkdf(root, b"concordat/root/1", cbor(["concordat/key/1", use, name, version]), 32)


class Keyring:
    def __init__(self):
        self.process = subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, do, key, **fields):
        fields = {name: value.hex() if isinstance(value, bytes) else value for name, value in fields.items()}
        self.process.stdin.write(json.dumps({"do": do, "key": key, **fields}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait() == 0


def key_of(kind, material, name="payments/tokens", version=1, **more):
    return {"type": kind, "name": name, "version": version, "material": material.hex(), **more}


def fresh(kind, **more):
    return key_of(kind, secrets.token_bytes(48 if kind == "p384" else 32), **more)


def material(key):
    return bytes.fromhex(key["material"])


class OtherHands(unittest.TestCase):
    def setUp(self):
        self.keyring = Keyring()
        self.addCleanup(self.keyring.close)

    def made(self, *arguments, **fields):
        answer = self.keyring(*arguments, **fields)
        self.assertIn("envelope", answer, answer)
        return bytes.fromhex(answer["envelope"])

    def seals(self):
        """Keys that encrypt and wrap, with the bytes that each does it with."""
        aes, root = fresh("aes256"), fresh("derived", version=70000)
        yield aes, material(aes), material(aes)
        of_root = [derived(material(root), use, root["name"], root["version"]) for use in ("encryption", "wrapping")]
        yield root, *of_root

    def test_open_a_ciphertext(self):
        for key, encryption, _ in self.seals():
            for size in (0, 1, 1000, 32768):
                plaintext, aad = secrets.token_bytes(size), secrets.token_bytes(size % 300)
                encoded = self.made("encrypt", key, aad=aad, plaintext=plaintext)
                self.assertEqual(envelope_items(encoded)[:5], [1, CIPHERTEXT, SEALED, key["name"], key["version"]])
                self.assertEqual(opened(encryption, encoded, aad), plaintext)

    def test_make_a_ciphertext(self):
        for key, encryption, _ in self.seals():
            plaintext, aad = secrets.token_bytes(100), b"order 17"
            items = [1, CIPHERTEXT, SEALED, key["name"], key["version"], secrets.token_bytes(32)]
            encoded = sealed(encryption, items, aad, plaintext)
            self.assertEqual(self.keyring("decrypt", key, envelope=encoded, aad=aad), {"bytes": plaintext.hex()})
            for refused, fields in (("authentication_failed", {"aad": b"order 18"}),
                                    ("other_key", {"key": {**key, "name": "payments/other"}}),
                                    ("other_version", {"key": {**key, "version": 9}})):
                arguments = {"key": key, "envelope": encoded, "aad": aad, **fields}
                self.assertEqual(self.keyring("decrypt", **arguments)["error"], refused)

    def test_open_wrapped_keys(self):
        for key, _, wrapping in self.seals():
            inner = fresh("hmac", name="backup/mac", version=3)
            encoded = self.made("wrap", key, wrapped=inner)
            items = envelope_items(encoded)
            self.assertEqual(items[:6], [1, WRAPPED_KEY, SEALED, key["name"], key["version"],
                                         [TYPES["hmac"], "backup/mac", 3, True]])
            self.assertEqual(opened(wrapping, encoded, b""), material(inner))
            encoded = self.made("wrap", key, plaintext=b"of the caller")
            self.assertIsNone(envelope_items(encoded)[5])
            self.assertEqual(opened(wrapping, encoded, b""), b"of the caller")

    def test_make_wrapped_keys(self):
        for key, _, wrapping in self.seals():
            wanted = secrets.token_bytes(32)
            start = [1, WRAPPED_KEY, SEALED, key["name"], key["version"]]
            for what in (None, [TYPES["aes256"], "backup/aes", 3, True]):
                encoded = sealed(wrapping, [*start, what, secrets.token_bytes(32)], b"", wanted)
                self.assertEqual(self.keyring("unwrap", key, envelope=encoded), {"bytes": wanted.hex()})
            kept = sealed(wrapping, [*start, [TYPES["aes256"], "backup/aes", 3, False], bytes(32)], b"", wanted)
            self.assertEqual(self.keyring("unwrap", key, envelope=kept)["error"], "not_exportable")
            too_short = sealed(wrapping, [*start, [TYPES["p384"], "backup/p384", 3, True], bytes(32)], b"", wanted)
            self.assertEqual(self.keyring("unwrap", key, envelope=too_short)["error"], "bad_key_material")

    def test_macs_agree(self):
        key, root = fresh("hmac"), fresh("derived")
        for owner, secret in ((key, material(key)), (root, derived(material(root), "mac", root["name"], 1))):
            tag = hmac.new(secret, b"message", hashlib.sha256).digest()
            encoded = self.made("mac", owner, message=b"message")
            self.assertEqual(encoded, cbor([1, MAC, HMAC, owner["name"], 1, tag]))
            self.assertEqual(self.keyring("verify", owner, message=b"message", envelope=encoded), {})

    def test_derived_bytes_agree(self):
        root, context = fresh("derived"), b"tenant 5"
        for key, secret in [(root, derived(material(root), "derivation", root["name"], 1)),
                            *((key, material(key)) for key in (fresh("aes256"), fresh("hmac")))]:
            for size in (1, 32, 1024):
                info = cbor(["concordat/derive/1", key["name"], key["version"], size, context])
                wanted = hkdf(secret, b"concordat/derive/1", info, size)
                self.assertEqual(self.keyring("derive", key, context=context, size=size), {"bytes": wanted.hex()})

    def test_agreed_bytes_agree(self):
        for _ in range(8):  # either public key is the lesser now and then
            key, peer = fresh("x25519"), X25519PrivateKey.generate()
            own = X25519PrivateKey.from_private_bytes(material(key))
            publics = [k.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for k in (own, peer)]
            info = cbor(["concordat/agree/1", *sorted(publics), 48, b"context"])
            wanted = hkdf(peer.exchange(own.public_key()), b"concordat/agree/1", info, 48)
            found = self.keyring("agree", key, peer=publics[1], context=b"context", size=48)
            self.assertEqual(found, {"bytes": wanted.hex()})

    def test_signatures_of_others_verify(self):
        message = b"message"
        for kind, curve, digest, algorithm in (("p256", ec.SECP256R1(), hashes.SHA256(), P256),
                                               ("p384", ec.SECP384R1(), hashes.SHA384(), P384)):
            private = ec.generate_private_key(curve)
            size = curve.key_size // 8
            key = key_of(kind, private.private_numbers().private_value.to_bytes(size, "big"))
            encoded = cbor([1, SIGNATURE, algorithm, key["name"], 1, private.sign(message, ec.ECDSA(digest))])
            self.assertEqual(self.keyring("verify", key, message=message, envelope=encoded), {})
            mine = envelope_items(self.made("sign", key, message=message))[-1]
            private.public_key().verify(mine, message, ec.ECDSA(digest))
            with self.assertRaises(InvalidSignature):
                private.public_key().verify(mine, message + b".", ec.ECDSA(digest))

    def test_a_derived_key_signs_with_its_seed(self):
        root = fresh("derived", version=2)
        seed = derived(material(root), "ed25519", root["name"], 2)
        encoded = self.made("sign", root, message=b"message")
        signature = Ed25519PrivateKey.from_private_bytes(seed).sign(b"message")
        self.assertEqual(encoded, cbor([1, SIGNATURE, ED25519, root["name"], 2, signature]))


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)


class Openssl(unittest.TestCase):
    """OpenSSL's own program."""

    VERIFY = {"ed25519": ("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "PUBLIC", "-sigfile", "SIGNATURE", "-in",
                          "MESSAGE"),
              "p256": ("dgst", "-sha256", "-verify", "PUBLIC", "-signature", "SIGNATURE", "MESSAGE"),
              "p384": ("dgst", "-sha384", "-verify", "PUBLIC", "-signature", "SIGNATURE", "MESSAGE")}
    VERIFY["derived"] = VERIFY["ed25519"]

    def setUp(self):
        self.keyring = Keyring()
        self.addCleanup(self.keyring.close)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def verify(self, kind, files):
        paths = {}
        for name, content in files.items():
            paths[name] = self.folder / name
            paths[name].write_bytes(content)
        return openssl(*(paths.get(argument, argument) for argument in self.VERIFY[kind])).returncode == 0

    def test_verifies_signatures_and_refuses_altered_ones(self):
        for kind in self.VERIFY:
            with self.subTest(kind):
                key = fresh(kind)
                encoded = bytes.fromhex(self.keyring("sign", key, message=b"pay 5")["envelope"])
                good = {"PUBLIC": self.keyring("public", key)["pem"].encode(), "MESSAGE": b"pay 5",
                        "SIGNATURE": envelope_items(encoded)[-1]}
                self.assertTrue(self.verify(kind, good))
                altered = bytearray(good["SIGNATURE"])
                altered[-1] ^= 1
                self.assertFalse(self.verify(kind, {**good, "SIGNATURE": bytes(altered)}))
                self.assertFalse(self.verify(kind, {**good, "MESSAGE": b"pay 6"}))
                other = self.keyring("public", fresh(kind))["pem"].encode()
                self.assertFalse(self.verify(kind, {**good, "PUBLIC": other}))

    def test_made_keys_are_imported(self):
        for kind, options in {"ed25519": ["-algorithm", "ED25519"], "x25519": ["-algorithm", "X25519"],
                              "p256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
                              "p384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]}.items():
            with self.subTest(kind):
                pem, file, public = (self.folder / name for name in ("key.pem", "key.der", "public.pem"))
                done = openssl("genpkey", *options, "-out", pem)
                self.assertEqual(done.returncode, 0, done.stderr)
                openssl("pkcs8", "-topk8", "-nocrypt", "-in", pem, "-outform", "DER", "-out", file)
                openssl("pkey", "-in", pem, "-pubout", "-out", public)
                found = self.keyring("import", fresh(kind), der=file.read_bytes())
                self.assertIn("bytes", found, found)
                imported = key_of(kind, bytes.fromhex(found["bytes"]))
                self.assertEqual(self.keyring("public", imported)["pem"], public.read_text())

    def test_other_files_of_keys_are_refused_with_what_to_do(self):
        pem, bare, encrypted = (self.folder / name for name in ("key.pem", "bare.der", "encrypted.der"))
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", pem)
        openssl("ec", "-in", pem, "-outform", "DER", "-out", bare)
        openssl("pkcs8", "-topk8", "-in", pem, "-outform", "DER", "-out", encrypted, "-passout", "pass:word")
        for file, hint in ((bare, "openssl pkcs8 -topk8"), (encrypted, "decrypt it first")):
            found = self.keyring("import", fresh("p256"), der=file.read_bytes())
            self.assertEqual(found.get("error"), "bad_key_material")
            self.assertIn(hint, found["detail"])

    def test_keys_of_python_are_imported(self):
        for kind, private in {"ed25519": Ed25519PrivateKey.generate(), "x25519": X25519PrivateKey.generate(),
                              "p256": ec.generate_private_key(ec.SECP256R1())}.items():
            der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
            found = self.keyring("import", fresh(kind), der=der)
            imported = key_of(kind, bytes.fromhex(found["bytes"]))
            pem = self.keyring("public", imported)["pem"].encode()
            formats = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            self.assertEqual(load_pem_public_key(pem).public_bytes(*formats),
                             private.public_key().public_bytes(*formats))


if __name__ == "__main__":
    unittest.main()
