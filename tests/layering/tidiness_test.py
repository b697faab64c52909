"""Limits of size, and nothing left for later."""

import re
import shutil
import subprocess
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

    def test_cpp_is_written_as_clang_format_has_it(self):
        """By Debian 12's version: others break lines elsewhere."""
        if shutil.which("clang-format") is None:
            self.skipTest("clang-format is not installed")
        done = subprocess.run(["clang-format", "--dry-run", *tree.cpp_files()], cwd=tree.SOURCE, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(set(re.findall(r"^(\S+?):\d+:\d+: warning", done.stderr, re.MULTILINE))), [],
                         "run clang-format -i on these")


if __name__ == "__main__":
    unittest.main()
