"""Who signs images, made with another library than the one under test."""

import datetime
import hashlib
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


class ImageSigner:
    """A release engineer's key with its certificate, as two PEM files."""

    def __init__(self, folder: pathlib.Path, name: str):
        key = ec.generate_private_key(ec.SECP384R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
                       .serial_number(x509.random_serial_number()).not_valid_before(now)
                       .not_valid_after(now + datetime.timedelta(days=1)).sign(key, hashes.SHA384()))
        self.certificate, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.NoEncryption()))
        self.options = ("--signing-certificate", self.certificate, "--private-key", self.key)
        digest = hashlib.sha384(certificate.public_bytes(serialization.Encoding.DER)).digest()
        self.pcr8 = hashlib.sha384(bytes(48) + digest).hexdigest()

    def encrypt_key(self):
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        self.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                               serialization.BestAvailableEncryption(b"secret")))
