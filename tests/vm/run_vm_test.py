#!/usr/bin/python3
"""Boots one QEMU guest in which the production code meets a real /dev/nsm ioctl and real AF_VSOCK.

Exit status: 0 every check passed; 1 something failed; 77 skipped, because QEMU or Debian's kernel
could not be had (under CI=true that is a failure).
"""

import argparse
import json
import os
import re
import secrets
import selectors
import shutil
import subprocess
import sys
import time
from pathlib import Path

from guest_image import Initramfs, MissingLibrary
from guest_packages import DamagedKernel, GuestFiles, Unavailable, guest_files

HERE = Path(__file__).resolve().parent
QEMU = "qemu-system-x86_64"
PASSED, FAILED, SKIPPED = 0, 1, 77
CONSOLE_TAIL_LINES = 60


class GuestFailed(Exception):
    """The guest ran and its verdict was not what a pass needs."""


def build_initramfs(guest: GuestFiles, programs: list[Path], checks: list[Path], to: Path) -> None:
    image = Initramfs()
    image.add_file(HERE / "guest_init.sh", "/init", executable=True)
    image.add_file(guest.busybox, "/bin/busybox", executable=True)
    order = to.with_name("modules.order")
    order.write_text("".join(f"{module.name}\n" for module in guest.modules), encoding="utf-8")
    image.add_file(order, "/modules/order")
    for module in guest.modules:
        image.add_file(module, f"/modules/{module.name}")
    for program in programs:
        image.add_program(program, f"/bin/{program.name}")
    for check in checks:
        image.add_file(check, f"/checks/{check.name}")
    image.write(to)


def qemu_command(kernel: Path, initramfs: Path, run: str) -> list[str]:
    """Always emulated: a /dev/kvm that opens and then hangs is worse than a boot of three seconds.
    Without ACPI the boot never hung; such a machine cannot power off, so its reboot ends QEMU."""
    # QEMU must not outlive this program, whatever ends it.
    return ["setpriv", "--pdeathsig", "KILL", QEMU,
            "-M", "microvm,acpi=off", "-accel", "tcg", "-cpu", "max", "-m", "512",
            "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
            "-monitor", "none", "-serial", "stdio",
            "-kernel", str(kernel), "-initrd", str(initramfs),
            "-append", f"console=ttyS0 quiet panic=-1 reboot=t vm_run={run}"]


def run_guest(command: list[str], log: Path, seconds: float) -> str:
    """The console's text until QEMU ended. Raises GuestFailed at the time limit."""
    deadline = time.monotonic() + seconds
    with log.open("wb") as copy, subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as qemu, selectors.DefaultSelector() as selector:
        selector.register(qemu.stdout, selectors.EVENT_READ)
        try:
            while selector.select(max(0.0, deadline - time.monotonic())):
                data = os.read(qemu.stdout.fileno(), 65536)
                if not data:
                    qemu.wait(max(0.1, deadline - time.monotonic()))
                    return console_text(log)
                copy.write(data)
                copy.flush()
        except subprocess.TimeoutExpired:
            pass
        finally:
            qemu.kill()  # this process alone; nothing happens where it has ended
    raise GuestFailed(f"the guest had not ended after {seconds:.0f} s")


def console_text(log: Path) -> str:
    return log.read_bytes().decode("utf-8", "replace").replace("\r", "")


def judge(console: str, run: str, checks: list[str]) -> None:
    """Raises GuestFailed unless this run's verdict names exactly `checks`, each with status 0."""
    verdicts = re.findall(rf"vm-verdict {re.escape(run)} (\{{.*\}})", console)
    if len(verdicts) != 1:
        raise GuestFailed("the guest ended without a verdict")
    statuses = json.loads(verdicts[0])
    if sorted(statuses) != sorted(checks):
        raise GuestFailed(f"the guest ran {sorted(statuses)} and not {sorted(checks)}")
    failed = [f"{name} (status {status})" for name, status in statuses.items() if status != 0]
    if failed:
        raise GuestFailed("failed in the guest: " + ", ".join(failed))


def test(arguments: argparse.Namespace) -> None:
    guest = guest_files(arguments.cache)
    arguments.work.mkdir(parents=True, exist_ok=True)
    initramfs = arguments.work / "initramfs.cpio"
    log = arguments.work / "console.log"
    log.unlink(missing_ok=True)
    checks = sorted(arguments.check)
    build_initramfs(guest, arguments.program, checks, initramfs)
    run = secrets.token_hex(8)
    started = time.monotonic()
    try:
        console = run_guest(qemu_command(guest.kernel, initramfs, run), log, arguments.seconds)
        judge(console, run, [check.stem for check in checks])
    except GuestFailed:
        tail = console_text(log).splitlines()[-CONSOLE_TAIL_LINES:]
        print(f"--- last lines of the console ({log}):", *tail, "---", sep="\n")
        raise
    print(console)
    print(f"vm test: passed {len(checks)} checks in {time.monotonic() - started:.1f} s "
          f"on Linux {guest.version}")


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example: run_vm_test.py --cache build/vm-cache --work build/dev/vm "
               "--program build/dev/bin/cuse_nsm --check tests/vm/checks/10-nsm-device.sh")
    parser.add_argument("--cache", type=Path, required=True, help="where Debian's files are kept")
    parser.add_argument("--work", type=Path, required=True, help="initramfs and console log")
    parser.add_argument("--program", type=Path, action="append", default=[],
                        help="goes to /bin of the guest with its libraries (repeatable)")
    parser.add_argument("--check", type=Path, action="append", required=True,
                        help="a script that the guest runs; its status is its verdict (repeatable)")
    parser.add_argument("--seconds", type=float, default=400,
                        help="time limit of the guest (default 400: it needs 10 s of processor "
                             "time, and waits long for them on a machine that is building)")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    arguments = parse(argv)
    try:
        if shutil.which(QEMU) is None:
            raise Unavailable(f"{QEMU} is not on this machine: install qemu-system-x86")
        test(arguments)
        return PASSED
    except Unavailable as reason:
        if os.environ.get("CI") == "true":
            print(f"vm test: FAILED: {reason} (CI=true allows no skip)", file=sys.stderr)
            return FAILED
        print(f"vm test: SKIPPED: {reason}", file=sys.stderr)
        return SKIPPED
    except (GuestFailed, DamagedKernel, MissingLibrary, OSError) as reason:
        print(f"vm test: FAILED: {reason}", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
