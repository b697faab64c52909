"""Unmodified AWS clients call the local KMS over TLS: Debian's awscli, and AWS's SDK for JavaScript with Recipient.

awscli of Debian 12 does not know Recipient yet, so attested calls are the SDK's.
"""

import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["CONCORDAT_BUILD"])
SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests/support"))

import npm_packages  # noqa: E402  (the path above comes first)

KMS = BUILD / "bin" / "concordat-lab-kms"
ENCLAVE = BUILD / "bin" / "kms_test_enclave"
SDK = SOURCE / "tests" / "kms" / "aws_sdk"
ROLE = "arn:aws:iam::111122223333:role/lab-instance"
ADMIN = "arn:aws:iam::111122223333:user/lab-admin"
CUSTODIAN, OTHER = "aa", "bb"  # PCR0, one byte of it


def awscli() -> str | None:
    """Debian's own, where there are several."""
    return "/usr/bin/aws" if os.access("/usr/bin/aws", os.X_OK) else shutil.which("aws")


def enclave(*arguments: str, text: str = "") -> str:
    done = subprocess.run([ENCLAVE, *arguments], input=text, capture_output=True, text=True, check=True)
    return done.stdout.strip()


class Kms:
    """A server process on free ports, and its state directory."""

    def __init__(self, state: pathlib.Path, attestation_root: str):
        self.state = state
        self.process = subprocess.Popen(
            [KMS, "--state", state, "serve", "--https", "tcp:127.0.0.1:0", "--attestation-root", attestation_root],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready = self.process.stdout.readline()
        if not ready:
            raise RuntimeError(self.process.stderr.read())
        self.endpoint = "https://" + json.loads(ready)["https"].removeprefix("tcp:")

    def credentials(self, who: str) -> dict[str, str]:
        return json.loads((self.state / "credentials" / f"{who}.json").read_text())

    def close(self) -> str:
        """What it logged."""
        self.process.terminate()
        _, log = self.process.communicate()
        if self.process.returncode != 0:
            raise RuntimeError(f"exit status {self.process.returncode}: {log}")
        return log


def custodian_policy() -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [
        {"Sid": "Admin", "Effect": "Allow", "Principal": {"AWS": ADMIN}, "Resource": "*",
         "Action": ["kms:PutKeyPolicy", "kms:GetKeyPolicy", "kms:DescribeKey"]},
        {"Sid": "Custodian", "Effect": "Allow", "Principal": {"AWS": ROLE}, "Resource": "*",
         "Action": ["kms:Decrypt", "kms:GenerateDataKey"],
         "Condition": {"StringEqualsIgnoreCase": {"kms:RecipientAttestation:PCR0": CUSTODIAN.upper() * 48}}}]})


class WithKms(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        folder = pathlib.Path(cls.folder.name)
        cls.pki = str(folder / "pki")
        cls.kms = Kms(folder / "kms", enclave("root", cls.pki))
        cls.addClassCleanup(cls.kms.close)


@unittest.skipUnless(awscli(), "awscli is not installed")
class AwsCli(WithKms):
    def aws(self, *arguments: str, who: str = "admin", secret: str | None = None) -> dict | str:
        """The reply, or on failure awscli's message."""
        keys = self.kms.credentials(who)
        environment = {
            "PATH": os.defpath, "HOME": self.folder.name, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
            "AWS_DEFAULT_REGION": "us-east-1", "AWS_CA_BUNDLE": str(self.kms.state / "tls-ca.pem"),
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": secret or keys["SecretAccessKey"]}
        if keys["Token"]:
            environment["AWS_SESSION_TOKEN"] = keys["Token"]
        done = subprocess.run([awscli(), "--endpoint-url", self.kms.endpoint, "--output", "json", "kms", *arguments],
                              env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def blob(self, reply: dict) -> str:
        """A file for awscli's fileb:// that holds the reply's ciphertext."""
        path = pathlib.Path(self.folder.name) / "blob"
        path.write_bytes(base64.b64decode(reply["CiphertextBlob"]))
        return f"fileb://{path}"

    def test_life_of_a_key(self):
        arn = self.aws("create-key", "--description", "a key")["KeyMetadata"]["Arn"]
        self.assertEqual(self.aws("describe-key", "--key-id", arn)["KeyMetadata"]["Description"], "a key")
        self.assertIn(arn, [key["KeyArn"] for key in self.aws("list-keys")["Keys"]])

        sealed = self.aws("encrypt", "--key-id", arn, "--plaintext", base64.b64encode(b"hello").decode(),
                          "--encryption-context", "realm=r1")
        opened = self.aws("decrypt", "--ciphertext-blob", self.blob(sealed), "--encryption-context", "realm=r1")
        self.assertEqual(base64.b64decode(opened["Plaintext"]), b"hello")
        self.assertEqual(opened["KeyId"], arn)
        self.assertIn("InvalidCiphertextException",
                      self.aws("decrypt", "--ciphertext-blob", self.blob(sealed), "--encryption-context", "realm=r2"))

        data_key = self.aws("generate-data-key", "--key-id", arn, "--key-spec", "AES_256")
        self.assertEqual(len(base64.b64decode(data_key["Plaintext"])), 32)
        opened = self.aws("decrypt", "--key-id", arn, "--ciphertext-blob", self.blob(data_key))
        self.assertEqual(opened["Plaintext"], data_key["Plaintext"])

        self.assertEqual(self.aws("put-key-policy", "--key-id", arn, "--policy-name", "default",
                                  "--policy", custodian_policy()), {})
        policy = self.aws("get-key-policy", "--key-id", arn, "--policy-name", "default")["Policy"]
        self.assertEqual(json.loads(policy), json.loads(custodian_policy()))
        for who in ("admin", "instance"):  # the one has no right to decrypt, the other none without a document
            self.assertIn("AccessDeniedException",
                          self.aws("decrypt", "--key-id", arn, "--ciphertext-blob", self.blob(data_key), who=who))

    def test_what_a_key_policy_must_deny_works_otherwise(self):
        mine, theirs = (self.aws("create-key")["KeyMetadata"]["Arn"] for _ in range(2))
        sealed = self.aws("generate-data-key-without-plaintext", "--key-id", mine, "--key-spec", "AES_256",
                          "--encryption-context", "realm=r1")
        moved = self.aws("re-encrypt", "--ciphertext-blob", self.blob(sealed), "--source-encryption-context",
                         "realm=r1", "--destination-key-id", theirs)
        self.assertEqual((moved["SourceKeyId"], moved["KeyId"]), (mine, theirs))
        opened = self.aws("decrypt", "--ciphertext-blob", self.blob(moved))
        self.assertEqual(len(base64.b64decode(opened["Plaintext"])), 32)
        self.assertIn("GrantId", self.aws("create-grant", "--key-id", mine, "--grantee-principal", ROLE,
                                          "--operations", "Decrypt"))

    def test_random_bytes_for_a_session(self):
        reply = self.aws("generate-random", "--number-of-bytes", "24", who="instance")
        self.assertEqual(len(base64.b64decode(reply["Plaintext"])), 24)

    def test_a_wrong_secret_is_refused(self):
        self.assertIn("InvalidSignatureException", self.aws("list-keys", secret="wrong"))


@unittest.skipUnless(shutil.which("node") and shutil.which("npm"), "nodejs and npm are not installed")
class AwsSdk(WithKms):
    @classmethod
    def setUpClass(cls):
        cls.modules = str(npm_packages.install(SDK, "aws-sdk", "@aws-sdk/client-kms"))
        super().setUpClass()

    def call(self, operation: str, who: str = "instance", **arguments) -> dict:
        keys = self.kms.credentials(who)
        call = {"operation": operation, "input": arguments, "region": "us-east-1", "endpoint": self.kms.endpoint,
                "credentials": {"accessKeyId": keys["AccessKeyId"], "secretAccessKey": keys["SecretAccessKey"]}}
        if keys["Token"]:
            call["credentials"]["sessionToken"] = keys["Token"]
        done = subprocess.run(["node", SDK / "call.mjs", self.modules], input=json.dumps(call), capture_output=True,
                              text=True, check=True,
                              env=os.environ | {"NODE_EXTRA_CA_CERTS": str(self.kms.state / "tls-ca.pem")})
        return json.loads(done.stdout)

    def recipient(self, image: str) -> dict[str, str]:
        return {"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256",
                "AttestationDocument": enclave("document", self.pki, image)}

    def opened(self, reply: dict) -> str:
        self.assertNotIn("error", reply)
        self.assertFalse(reply.get("Plaintext"))
        return enclave("open", self.pki, text=reply["CiphertextForRecipient"])

    def test_attested_calls(self):
        arn = self.call("CreateKey", who="admin", Policy=custodian_policy())["KeyMetadata"]["Arn"]
        context = {"concordat:realm": "r1"}
        made = self.call("GenerateDataKey", KeyId=arn, KeySpec="AES_256", EncryptionContext=context,
                         Recipient=self.recipient(CUSTODIAN))
        root = self.opened(made)
        self.assertEqual(len(base64.b64decode(root)), 32)
        decrypt = {"KeyId": arn, "CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context}
        again = self.call("Decrypt", Recipient=self.recipient(CUSTODIAN), **decrypt)
        self.assertEqual(again["KeyId"], arn)
        self.assertEqual(self.opened(again), root)

        denied = self.call("Decrypt", Recipient=self.recipient(OTHER), **decrypt)
        self.assertEqual(denied["error"], "AccessDeniedException")
        self.assertIn("PCR0", denied["message"])
        self.assertEqual(self.call("Decrypt", **decrypt)["error"], "AccessDeniedException")

    def test_an_altered_document_is_refused(self):
        recipient = self.recipient(CUSTODIAN)
        document = bytearray(base64.b64decode(recipient["AttestationDocument"]))
        document[-1] ^= 1
        recipient["AttestationDocument"] = base64.b64encode(document).decode()
        reply = self.call("GenerateRandom", NumberOfBytes=16, Recipient=recipient)
        self.assertEqual(reply["error"], "ValidationException")


class Program(unittest.TestCase):
    def run_kms(self, *arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([KMS, *arguments], capture_output=True, text=True, check=False)

    def test_keys_made_offline_are_served(self):
        with tempfile.TemporaryDirectory() as folder:
            state = pathlib.Path(folder) / "kms"
            policy = pathlib.Path(folder) / "policy.json"
            policy.write_text(custodian_policy())
            made = self.run_kms("--state", str(state), "create-key", "--policy", str(policy))
            self.assertEqual(made.returncode, 0, made.stderr)
            key = json.loads(made.stdout)
            self.assertTrue((state / "keys" / f"{key['KeyId']}.json").exists())
            self.assertTrue(key["Arn"].endswith(":key/" + key["KeyId"]))
            kms = Kms(state, enclave("root", str(pathlib.Path(folder) / "pki")))
            try:
                busy = self.run_kms("--state", str(state), "create-key")
                self.assertEqual(busy.returncode, 1)
                self.assertIn("in use", busy.stderr)
            finally:
                kms.close()

    def test_wrong_usage_is_one_clear_line(self):
        with tempfile.TemporaryDirectory() as folder:
            state = os.path.join(folder, "kms")
            for arguments, said in ((["serve"], "--state"), (["--state", state], "subcommand"),
                                    (["--state", state, "serve", "--fault", "fire"], "fire"),
                                    (["--state", state, "serve", "--http", "tcp:0.0.0.0:0"], "loopback"),
                                    (["--state", state, "serve", "--https", "here"], "here"),
                                    (["--state", state, "serve", "--attestation-root", "/none"], "/none"),
                                    (["--state", state, "create-key", "--policy", "/dev/null"], "policy")):
                done = self.run_kms(*arguments)
                self.assertEqual(done.returncode, 1, arguments)
                self.assertIn(said, done.stderr, arguments)


if __name__ == "__main__":
    unittest.main()
