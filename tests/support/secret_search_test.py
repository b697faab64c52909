"""Tests that say that no secret was found rest on this: the search finds what there is, and nothing else."""

import os
import random
import subprocess
import sys
import unittest

from process_memory import standing_still
from secret_search import SHORTEST, SecretSearch, forms_of

# Keeps what it reads, takes from itself every access to it, and waits for the end of its input.
HOLDER = """
import ctypes, mmap, sys
kept = mmap.mmap(-1, int(sys.argv[1]))
sys.stdin.buffer.raw.readinto(kept)
address = ctypes.addressof(ctypes.c_char.from_buffer(kept))
if ctypes.CDLL(None).mprotect(ctypes.c_void_p(address), ctypes.c_size_t(len(kept)), 0) == 0:
    print("ready", flush=True)
sys.stdin.buffer.raw.read(1)
"""


class Search(unittest.TestCase):
    def setUp(self):
        # Without zeros: what stands around a part in these tests never continues it.
        self.secret = bytes(random.sample(range(1, 256), 32))

    def found(self, held: bytes, environment: dict | None = None) -> set[tuple[str, int]]:
        """In a process that holds this: forms of the secret, and how many bytes in a row there are."""
        process = subprocess.Popen([sys.executable, "-c", HOLDER, str(len(held))], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, env=environment)
        try:
            process.stdin.write(held)
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"ready\n")
            with standing_still(process.pid):
                places = SecretSearch({"it": self.secret}).places_in(process.pid)
            return {(place.form, place.bytes) for place in places}
        finally:
            process.communicate()

    def test_finds_every_form(self):
        for form, content in forms_of(self.secret).items():
            with self.subTest(form=form):
                self.assertIn((form, len(content)), self.found(os.urandom(7) + content + os.urandom(9)))

    def test_finds_parts_wherever_they_stand(self):
        for shift in range(8):
            with self.subTest(shift=shift):
                part = self.secret[shift:shift + SHORTEST]
                self.assertEqual(self.found(bytes(shift) + part), {("as it is", SHORTEST)})

    def test_finds_the_first_and_the_last_bytes_of_a_mapping(self):
        page = os.sysconf("SC_PAGE_SIZE")
        self.assertEqual(self.found(self.secret.ljust(page - 32) + self.secret), {("as it is", 32)})

    def test_finds_what_stands_in_the_environment(self):
        self.assertIn(("in hex", 64), self.found(b"nothing", {"KEY": self.secret.hex()}))

    def test_finds_nothing_where_nothing_is(self):
        self.assertEqual(self.found(os.urandom(4096)), set())
        self.assertEqual(self.found(self.secret[:7] + os.urandom(100) + self.secret[-7:]), set())

    def test_takes_no_word_that_stands_there_by_chance_for_a_part(self):
        self.assertEqual(self.found(self.secret.hex().encode()[:SHORTEST - 1]), set())


if __name__ == "__main__":
    unittest.main()
