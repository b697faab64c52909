"""A root of the lab reaches no program that is deployed: not in what it links, not in what was built."""

import re
import subprocess
import unittest

import rules
import tree


def symbols(program: str) -> str:
    """Fails where the program is not there: a test that finds nothing to look at would show nothing."""
    path = tree.BUILD / "bin" / program
    return subprocess.run(["nm", "--demangle", str(path)], check=True, capture_output=True, text=True).stdout


class LinkGraph(unittest.TestCase):
    def test_only_named_programs_reach_the_custom_root(self):
        for target in tree.targets().values():
            if target.type == "EXECUTABLE" and tree.layer(target.folder) is not None \
                    and rules.CUSTOM_ROOT_LIBRARY in tree.linked_by(target.name):
                self.assertIn(target.name, rules.CUSTOM_ROOT_PROGRAMS)

    def test_what_opens_channels_for_operators_knows_no_other_root(self):
        for name in rules.CHANNEL_LIBRARIES:
            self.assertIn(name, tree.targets())
            self.assertNotIn(rules.CUSTOM_ROOT_LIBRARY, tree.linked_by(name))
        main = tree.text(rules.PRODUCTION_OPERATOR_MAIN)
        self.assertIn("open_operator_channel(TrustAnchors::aws(), order)", main)
        self.assertNotIn("lab_root", main)

    def test_production_programs_link_nothing_of_the_lab(self):
        for name in rules.PRODUCTION_PROGRAMS:
            lab = [link for link in tree.linked_by(name) if link in tree.targets()
                   and tree.targets()[link].folder.startswith("deploy/lab")]
            self.assertEqual(lab, [], name)


class Binaries(unittest.TestCase):
    def test_production_programs_hold_no_symbol_of_the_lab(self):
        for name in rules.PRODUCTION_PROGRAMS:
            found = sorted(set(rules.LAB_SYMBOLS.findall(symbols(name))))
            self.assertEqual(found, [], f"{name} contains the lab")

    def test_the_twins_do(self):
        for name, twin in rules.PRODUCTION_PROGRAMS.items():
            if twin is not None:
                self.assertRegex(symbols(twin), rules.LAB_SYMBOLS, f"{twin} should differ from {name} in this")

    def test_the_production_custodian_reads_its_authorities_wherever_it_is_started(self):
        """Who may vouch for KMS's name: an absolute path, while the lab's lies in the enclave's folder."""
        named = {"concordat-custodian": b"/etc/ssl/certs/ca-certificates.crt",
                 "concordat-custodian-lab": b"etc/ssl/certs/ca-certificates.crt"}
        for name, path in named.items():
            found = re.findall(rb"[ -~]*ca-certificates\.crt", (tree.BUILD / "bin" / name).read_bytes())
            self.assertEqual(set(found), {path}, name)


if __name__ == "__main__":
    unittest.main()
