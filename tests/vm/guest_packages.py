"""The stock Debian files that the guest is made of: kernel, its modules, busybox.

They are downloaded with apt-get (which checks Debian's signatures) and unpacked beside the build,
never installed: installing a kernel would run the machine's boot loader hooks.
"""

import contextlib
import fcntl
import lzma
import re
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

# The first that the package lists know is taken.
KERNEL_METAPACKAGES = ("linux-image-6.12-cloud-amd64", "linux-image-cloud-amd64")
# In the order in which they have to be loaded. 6.12 has fuse built in.
MODULES = ("vsock", "vmw_vsock_virtio_transport_common", "vsock_loopback", "fuse", "cuse")
BUILT_IN_OR_MODULE = ("fuse",)


class Unavailable(Exception):
    """Debian's packages could not be had."""


class DamagedKernel(Exception):
    """The kernel package is not what this code understands."""


@dataclass(frozen=True)
class GuestFiles:
    kernel: Path
    busybox: Path
    modules: list[Path]
    version: str


def guest_files(cache: Path) -> GuestFiles:
    """The guest's files out of `cache`, filled first where it is empty. Raises Unavailable."""
    cache.mkdir(parents=True, exist_ok=True)
    ready = cache / "guest"
    with _locked(cache / "lock"):
        if not ready.is_dir():
            _fill(cache, ready)
    modules = [ready / f"{name}.ko" for name in MODULES if (ready / f"{name}.ko").exists()]
    version = (ready / "version").read_text(encoding="utf-8").strip()
    return GuestFiles(ready / "kernel", ready / "busybox", modules, version)


@contextlib.contextmanager
def _locked(path: Path):
    """Two builds on one machine share the cache."""
    with path.open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fill(cache: Path, ready: Path) -> None:
    scratch = cache / "scratch"
    shutil.rmtree(scratch, ignore_errors=True)
    unpacked = scratch / "unpacked"
    for package in _download(scratch):
        _run(["dpkg", "-x", str(package), str(unpacked)], "unpack")
    _collect(unpacked, scratch / "guest")
    (scratch / "guest").rename(ready)
    shutil.rmtree(scratch, ignore_errors=True)


def _download(scratch: Path) -> list[Path]:
    """First by the machine's package lists; where these are missing or stale, by lists of our own."""
    debs = scratch / "debs"
    debs.mkdir(parents=True)
    lists = scratch / "lists"
    own = [f"Dir::State::Lists={lists}", "Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache="]
    try:
        return _download_with([], debs)
    except Unavailable:
        (lists / "partial").mkdir(parents=True, exist_ok=True)
        _run(_apt("apt-get", own) + ["-q", "update"], "refresh the package lists")
        return _download_with(own, debs)


def _download_with(options: list[str], debs: Path) -> list[Path]:
    kernel = _kernel_package(options)
    _run(_apt("apt-get", options) + ["-q", "download", kernel, "busybox-static"], "download", debs)
    return sorted(debs.glob("*.deb"))


def _kernel_package(options: list[str]) -> str:
    for name in KERNEL_METAPACKAGES:
        answer = subprocess.run(
            _apt("apt-cache", options) + ["depends", name],
            capture_output=True, text=True, check=False,
        )
        found = re.search(r"^\s*Depends: (linux-image-\S+)", answer.stdout, re.MULTILINE)
        if found:
            return found.group(1)
    raise Unavailable("the package lists know none of " + ", ".join(KERNEL_METAPACKAGES))


def _apt(program: str, options: list[str]) -> list[str]:
    # Downloads go into the build directory, which apt's own user may not enter.
    command = [program, "-o", "APT::Sandbox::User=root"]
    for option in options:
        command += ["-o", option]
    return command


def _run(command: list[str], what: str, directory: Path | None = None) -> None:
    try:
        subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True,
                       stdin=subprocess.DEVNULL, timeout=300)
    except FileNotFoundError as error:
        raise Unavailable(f"{what}: {command[0]} is not on this machine") from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{what}: {command[0]} gave no answer in {error.timeout:.0f} s") from error
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip() or f"status {error.returncode}").splitlines()[-1]
        raise Unavailable(f"{what}: {command[0]}: {reason}") from error


def _collect(unpacked: Path, guest: Path) -> None:
    guest.mkdir()
    image = _found(unpacked / "boot", "vmlinuz-*")[0]
    (guest / "version").write_text(image.name.removeprefix("vmlinuz-") + "\n", encoding="utf-8")
    (guest / "kernel").write_bytes(uncompressed_kernel(image.read_bytes()))
    for name in MODULES:
        for module in _found(unpacked / "lib/modules", f"**/{name}.ko*", name in BUILT_IN_OR_MODULE):
            data = module.read_bytes()
            packed = module.suffix == ".xz"
            (guest / f"{name}.ko").write_bytes(lzma.decompress(data) if packed else data)
    shutil.copy(unpacked / "bin/busybox", guest / "busybox")


def _found(folder: Path, pattern: str, may_lack: bool = False) -> list[Path]:
    found = list(folder.glob(pattern))
    if len(found) > 1 or not found and not may_lack:
        raise DamagedKernel(f"{folder}: want one {pattern}, found {len(found)}")
    return found


def uncompressed_kernel(image: bytes) -> bytes:
    """The ELF file inside a bzImage, which an emulated processor would take seconds to unpack;
    the image itself where the compression is neither xz nor gzip (it boots, only slower).
    Offsets: Linux, Documentation/arch/x86/boot.rst (setup_sects, payload_offset, payload_length).
    """
    if image[0x202:0x206] != b"HdrS":
        raise DamagedKernel("not a bzImage")
    sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (sectors + 1) * 512 + offset
    payload = image[start : start + length]
    if payload.startswith(b"\xfd7zXZ\0"):
        kernel = lzma.LZMADecompressor().decompress(payload)
    elif payload.startswith(b"\x1f\x8b"):
        kernel = zlib.decompressobj(31).decompress(payload)
    else:
        return image
    if not kernel.startswith(b"\x7fELF"):
        raise DamagedKernel("the bzImage's payload is not an ELF file")
    return kernel
