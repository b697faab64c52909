"""Limits of size, and nothing left for later."""

import re
import unittest

import rules
import tree

# Put together so that this file does not find itself.
LEFT_OPEN = re.compile(r"\b(" + "|".join(["TO" "DO", "FIX" "ME", "X" "XX"]) + r")\b")


class Tidiness(unittest.TestCase):
    def test_no_file_is_too_long(self):
        long = {path: lines for path in tree.code_files() if (lines := tree.text(path).count("\n")) > rules.MAX_LINES}
        self.assertEqual(long, {}, "split these")

    def test_nothing_is_left_open(self):
        found = [f"{path}:{number}" for path in tree.code_files()
                 for number, line in enumerate(tree.text(path).splitlines(), 1) if LEFT_OPEN.search(line)]
        self.assertEqual(found, [], "finish it, or say in an issue that it is open")


if __name__ == "__main__":
    unittest.main()
