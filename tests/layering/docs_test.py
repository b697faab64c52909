"""What the documents name is there: the files that they link, the tests that they cite."""

import pathlib
import re
import unittest

import tree

LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
CITED = re.compile(r"`([A-Z]\w+)\.(?!(?:txt|md|json|py|sh|cpp|hpp)`)(\w+)`")
GTEST = re.compile(r"^(?:TYPED_)?TEST(?:_F|_P)?\(\s*(\w+)\s*,\s*(\w+)\s*\)", re.MULTILINE)
UNITTEST = re.compile(r"^class (\w+)\(|^    def (test\w+)\(", re.MULTILINE)


def existing_tests() -> set[tuple[str, str]]:
    found = set()
    for path in tree.files():
        if path.startswith("tests/") and path.endswith(".cpp"):
            found.update(GTEST.findall(tree.text(path)))
        elif path.endswith("_test.py"):
            suite = ""
            for name, case in UNITTEST.findall(tree.text(path)):
                suite = name or suite
                if case:
                    found.add((suite, case))
    return found


class Documents(unittest.TestCase):
    def documents(self):
        return [path for path in tree.files() if path.endswith(".md")]

    def test_link_only_what_exists(self):
        for path in self.documents():
            for link in LINK.findall(tree.text(path)):
                target = (tree.SOURCE / pathlib.PurePath(path).parent / link).resolve()
                self.assertTrue(target.exists(), f"{path} links {link}")

    def test_cite_only_tests_that_exist(self):
        tests = existing_tests()
        for path in self.documents():
            missing = [f"{suite}.{case}" for suite, case in CITED.findall(tree.text(path))
                       if (suite, case) not in tests]
            self.assertEqual(missing, [], f"{path} cites tests that are not there")


if __name__ == "__main__":
    unittest.main()
