#!/usr/bin/python3
"""The parts of the vm test that need no guest: above all that nothing but a full verdict passes."""

import gzip
import io
import contextlib
import lzma
import os
import struct
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parent))

import run_vm_test
from guest_image import Initramfs
from guest_packages import DamagedKernel, Unavailable, uncompressed_kernel
from run_vm_test import GuestFailed, judge, run_guest


class Judge(unittest.TestCase):
    CHECKS = ["10-a", "20-b"]

    def refuses(self, console: str, because: str) -> None:
        with self.assertRaisesRegex(GuestFailed, because):
            judge(console, "cafe", self.CHECKS)

    def test_accepts_every_check_at_zero(self):
        judge('text\nvm-verdict cafe {"10-a":0,"20-b":0}\nreboot', "cafe", self.CHECKS)

    def test_refuses_a_failed_check(self):
        self.refuses('vm-verdict cafe {"10-a":0,"20-b":3}', r"20-b \(status 3\)")

    def test_refuses_a_missing_check(self):
        self.refuses('vm-verdict cafe {"10-a":0}', "the guest ran")

    def test_refuses_no_checks(self):
        self.refuses("vm-verdict cafe {}", "the guest ran")

    def test_refuses_silence_and_a_panic(self):
        self.refuses("", "without a verdict")
        self.refuses("Kernel panic - not syncing: Attempted to kill init!", "without a verdict")

    def test_refuses_the_verdict_of_another_run(self):
        self.refuses('vm-verdict beef {"10-a":0,"20-b":0}', "without a verdict")

    def test_refuses_two_verdicts(self):
        line = 'vm-verdict cafe {"10-a":0,"20-b":0}\n'
        self.refuses(line + line, "without a verdict")

    def test_refuses_a_cut_verdict(self):
        self.refuses('vm-verdict cafe {"10-a":0,"20-', "without a verdict")


class RunGuest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = Path(folder.name) / "console.log"

    def test_returns_the_console(self):
        console = run_guest(["printf", "a\\r\\nb\\n"], self.log, 60)
        self.assertEqual(console, "a\nb\n")

    def test_ends_a_guest_that_hangs(self):
        with self.assertRaisesRegex(GuestFailed, "had not ended"):
            run_guest(["sh", "-c", "echo begun; exec sleep 600"], self.log, 0.5)
        self.assertEqual(self.log.read_text(encoding="utf-8"), "begun\n")

    def test_ends_a_guest_that_closed_its_console(self):
        with self.assertRaisesRegex(GuestFailed, "had not ended"):
            run_guest(["sh", "-c", "exec sleep 600 >&- 2>&-"], self.log, 0.5)


class Main(unittest.TestCase):
    def status(self, environment: dict[str, str], which) -> int:
        arguments = ["--cache", "c", "--work", "w", "--check", "x.sh"]
        with mock.patch.dict(os.environ, environment, clear=True), \
                mock.patch.object(run_vm_test.shutil, "which", return_value=which), \
                mock.patch.object(run_vm_test, "guest_files", side_effect=Unavailable("no lists")), \
                contextlib.redirect_stderr(io.StringIO()):
            return run_vm_test.main(arguments)

    def test_skips_without_qemu_or_kernel(self):
        self.assertEqual(self.status({}, None), run_vm_test.SKIPPED)
        self.assertEqual(self.status({}, "/usr/bin/qemu"), run_vm_test.SKIPPED)

    def test_fails_without_qemu_or_kernel_under_ci(self):
        self.assertEqual(self.status({"CI": "true"}, None), run_vm_test.FAILED)
        self.assertEqual(self.status({"CI": "true"}, "/usr/bin/qemu"), run_vm_test.FAILED)


def read_cpio(archive: bytes) -> dict[str, tuple[int, bytes]]:
    """Name to (mode, data) of a newc archive without its trailer."""
    files, offset = {}, 0
    while True:
        fields = [int(archive[offset + 6 + 8 * i : offset + 14 + 8 * i], 16) for i in range(13)]
        name_end = offset + 110 + fields[11]
        name = archive[offset + 110 : name_end - 1].decode()
        data_start = (name_end + 3) // 4 * 4
        data = archive[data_start : data_start + fields[6]]
        offset = (data_start + fields[6] + 3) // 4 * 4
        if name == "TRAILER!!!":
            return files
        assert archive[offset : offset + 6] == b"070701" and name not in files, name
        files[name] = (fields[1], data)


class Image(unittest.TestCase):
    def test_archive_reads_back(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "source"
            source.write_bytes(b"12345")
            image = Initramfs()
            image.add_file(source, "/a/b/plain")
            image.add_file(source, "/a/b/program", executable=True)
            image.add_file(source, "/a/b/plain", executable=True)
            image.write(Path(folder) / "archive")
            files = read_cpio((Path(folder) / "archive").read_bytes())
        self.assertEqual(list(files), ["dev", "dev/console", "a", "a/b", "a/b/plain", "a/b/program"])
        self.assertEqual(files["a/b"], (0o40755, b""))
        self.assertEqual(files["a/b/plain"], (0o100644, b"12345"))
        self.assertEqual(files["a/b/program"], (0o100755, b"12345"))

    def test_program_brings_its_libraries(self):
        with tempfile.TemporaryDirectory() as folder:
            image = Initramfs()
            image.add_program(Path("/bin/ls"), "/bin/ls")
            image.write(Path(folder) / "archive")
            files = read_cpio((Path(folder) / "archive").read_bytes())
        self.assertTrue(any(name.endswith("/libc.so.6") for name in files), list(files))
        self.assertTrue(any("/ld-linux" in name for name in files), list(files))


class Kernel(unittest.TestCase):
    @staticmethod
    def image(payload: bytes, setup_sectors: int = 2, magic: bytes = b"HdrS") -> bytes:
        image = bytearray((setup_sectors + 1) * 512 + 16) + payload + b"after the payload"
        image[0x1F1] = setup_sectors
        image[0x202:0x206] = magic
        struct.pack_into("<II", image, 0x248, 16, len(payload))
        return bytes(image)

    def test_takes_the_elf_file_out(self):
        elf = b"\x7fELF" + bytes(range(256))
        for packed in (lzma.compress(elf) + b"size", gzip.compress(elf) + b"size"):
            self.assertEqual(uncompressed_kernel(self.image(packed)), elf)

    def test_leaves_another_compression_to_the_guest(self):
        image = self.image(b"\x28\xb5\x2f\xfd zstd")
        self.assertEqual(uncompressed_kernel(image), image)

    def test_refuses_what_is_no_kernel(self):
        with self.assertRaises(DamagedKernel):
            uncompressed_kernel(self.image(lzma.compress(b"text")))
        with self.assertRaises(DamagedKernel):
            uncompressed_kernel(self.image(b"", magic=b"none"))


if __name__ == "__main__":
    unittest.main()
