"""An etcd that admits nobody without a certificate of its authority, beneath a parent and a custodian: with the right
one all is served, without one, with a stranger's, or to a server that is not the right one, nothing is.
"""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from custody_processes import ETCD, Etcd, Life, Parent, free_ports, relay_of


@unittest.skipUnless(ETCD.exists(), "etcd is not installed")
class CustodyOverTls(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="c"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        for authority in ("ours", "strangers"):
            self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                         "-subj", f"/CN={authority}", "-days", "2", "-keyout", self.path(authority + ".key"),
                         "-out", self.path(authority + ".pem"))
        self.issue("server", "ours", "serverAuth,clientAuth")
        self.issue("client", "ours", "clientAuth")
        self.issue("stranger", "strangers", "clientAuth")
        self.ports = free_ports()
        self.etcd = Etcd(self.folder, self.ports, "https",
                         [f"--cert-file={self.path('server.pem')}", f"--key-file={self.path('server.key')}",
                          "--client-cert-auth", f"--trusted-ca-file={self.path('ours.pem')}"])
        self.addCleanup(self.etcd.kill)

    def path(self, name: str) -> str:
        return str(self.folder / name)

    def openssl(self, *words: str):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    def issue(self, name: str, authority: str, use: str):
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", self.path(name + ".key"), "-out", self.path(name + ".csr"))
        extensions = self.folder / (name + ".ext")
        extensions.write_text(f"subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage={use}\n")
        self.openssl("x509", "-req", "-in", self.path(name + ".csr"), "-CA", self.path(authority + ".pem"), "-CAkey",
                     self.path(authority + ".key"), "-CAcreateserial", "-days", "2", "-extfile", str(extensions),
                     "-out", self.path(name + ".pem"))

    def loaded_with(self, tls: dict) -> Life:
        store = {"etcd": {"endpoints": [f"tcp:localhost:{self.ports[0]}"], "tls": tls}}
        parent = Parent(self.folder, store)
        self.addCleanup(parent.kill)
        life = Life(relay_of(self.folder))
        self.addCleanup(life.end)
        return life

    def files(self, authority: str, client: str | None) -> dict:
        tls = {"authorities": self.path(authority + ".pem")}
        if client:
            tls |= {"certificate": self.path(client + ".pem"), "key": self.path(client + ".key")}
        return tls

    def test_who_is_admitted(self):
        life = self.loaded_with(self.files("ours", "client"))
        self.assertEqual(life.read(), ["loaded"])
        asked = life.ask("create", "k/1")
        self.assertEqual(life.read(), [asked, "ok"])

    def test_without_a_certificate_nothing_is_served(self):
        self.assertEqual(self.loaded_with(self.files("ours", None)).read(), ["failed", "unreachable"])

    def test_a_strangers_certificate_opens_nothing(self):
        self.assertEqual(self.loaded_with(self.files("ours", "stranger")).read(), ["failed", "unreachable"])

    def test_a_server_of_another_authority_is_told_nothing(self):
        self.assertEqual(self.loaded_with(self.files("strangers", "client")).read(), ["failed", "unreachable"])


if __name__ == "__main__":
    unittest.main()
