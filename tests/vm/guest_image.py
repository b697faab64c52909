"""The guest's initramfs: a newc cpio archive (Linux, Documentation/driver-api/early-userspace/
buffer-format.rst) of programs with the shared libraries they need."""

import re
import subprocess
from pathlib import Path

_DIRECTORY, _FILE, _CHARACTER_DEVICE = 0o040000, 0o100000, 0o020000


class MissingLibrary(Exception):
    """A program needs a library that is not on this machine."""


class Initramfs:
    def __init__(self) -> None:
        self._archive = bytearray()
        self._inode = 0
        self._seen: set[str] = set()
        # The kernel opens the console before any file system is mounted.
        self._parents("/dev/console")
        self._entry("/dev/console", _CHARACTER_DEVICE | 0o600, device=(5, 1))

    def add_file(self, source: Path, destination: str, executable: bool = False) -> None:
        """A second file for the same destination is left out."""
        if destination in self._seen:
            return
        self._parents(destination)
        self._entry(destination, _FILE | (0o755 if executable else 0o644), source.read_bytes())

    def add_program(self, source: Path, destination: str) -> None:
        self.add_file(source, destination, executable=True)
        for library in shared_libraries(source):
            self.add_file(library, str(library), executable=True)

    def write(self, path: Path) -> None:
        self._entry("TRAILER!!!", 0)
        path.write_bytes(self._archive)

    def _parents(self, destination: str) -> None:
        for parent in reversed(Path(destination).parents):
            if str(parent) != "/" and str(parent) not in self._seen:
                self._entry(str(parent), _DIRECTORY | 0o755)

    def _entry(self, name: str, mode: int, data: bytes = b"", device: tuple[int, int] = (0, 0)):
        self._seen.add(name)
        self._inode += 1
        encoded = name.lstrip("/").encode() + b"\0"
        user = group = time = checksum = 0
        fields = (self._inode, mode, user, group, 1, time, len(data), 0, 0, *device,
                  len(encoded), checksum)
        self._archive += b"070701" + "".join(f"{field:08X}" for field in fields).encode()
        self._archive += encoded
        self._pad()
        self._archive += data
        self._pad()

    def _pad(self) -> None:
        self._archive += bytes(-len(self._archive) % 4)


def shared_libraries(program: Path) -> list[Path]:
    """What the dynamic loader would load for `program`, the loader itself included."""
    answer = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False)
    if "not a dynamic executable" in answer.stdout + answer.stderr:
        return []
    missing = re.findall(r"^\s*(\S+) => not found", answer.stdout, re.MULTILINE)
    if answer.returncode != 0 or missing:
        raise MissingLibrary(f"{program}: {', '.join(missing) or answer.stderr.strip()}")
    return [Path(found) for found in re.findall(r"(/\S+) \(0x[0-9a-f]+\)", answer.stdout)]
