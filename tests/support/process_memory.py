"""A process that stands still, and all that is in its memory."""

import contextlib
import ctypes
import itertools
import os
import pathlib
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# ptrace(2)
_SEIZE, _INTERRUPT, _CONT, _DETACH = 0x4206, 0x4207, 7, 17
_TRACE_EXIT, _EVENT_EXIT = 0x40, 6
_ALL = 0x40000000  # __WALL: threads, too

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.restype = ctypes.c_long
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)


def _ptrace(request: int, thread: int, data: int = 0) -> None:
    if _libc.ptrace(request, thread, None, data) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace of {thread}: {os.strerror(error)}")


def may_stop_others() -> bool:
    """Whether processes of other users, and hardened ones, can be stopped and read: CAP_SYS_PTRACE of capabilities(7)."""
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", pathlib.Path("/proc/self/status").read_text(), re.MULTILINE)
    return effective is not None and int(effective[1], 16) >> 19 & 1 == 1


def _threads(process: int) -> set[int]:
    return {int(name) for name in os.listdir(f"/proc/{process}/task")}


def is_asleep(process: int) -> bool:
    """No thread of it has anything to do, so that whatever it has answered is over."""
    states = [pathlib.Path(f"/proc/{process}/task/{thread}/stat").read_text().rpartition(")")[2].split()[0]
              for thread in _threads(process)]
    return set(states) == {"S"}


@contextlib.contextmanager
def standing_still(process: int) -> Iterator[None]:
    """Every thread of it is stopped, and goes on afterwards."""
    held: set[int] = set()
    try:
        while new := _threads(process) - held:  # one that runs still may have made another
            for thread in new:
                _ptrace(_SEIZE, thread)
                held.add(thread)
                _ptrace(_INTERRUPT, thread)
                os.waitpid(thread, _ALL)
        yield
    finally:
        for thread in held:
            _ptrace(_DETACH, thread)


@contextlib.contextmanager
def standing_at_its_exit(process: int, let_end: Callable[[], object] | None = None) -> Iterator[None]:
    """It ends, by SIGTERM unless `let_end` makes it, and is stopped when nothing of the program runs any more and its
    memory is there still."""
    _ptrace(_SEIZE, process, _TRACE_EXIT)
    let_end() if let_end else os.kill(process, signal.SIGTERM)
    while True:
        _, status = os.waitpid(process, _ALL)
        if not os.WIFSTOPPED(status):
            raise ChildProcessError(f"process {process} was gone before it could be stopped: status {status:x}")
        if status >> 8 == signal.SIGTRAP | _EVENT_EXIT << 8:
            break
        _ptrace(_CONT, process, 0 if status >> 16 else os.WSTOPSIG(status))
    try:
        yield
    finally:
        _ptrace(_DETACH, process)


_HEAD = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)")
# Pages of the kernel's own, which hold nothing of the process and cannot be read from outside.
_OF_THE_KERNEL = {"[vvar]", "[vvar_vclock]", "[vsyscall]"}


@dataclass(frozen=True)
class Mapping:
    first: int
    end: int
    access: str
    name: str
    flags: frozenset[str]  # VmFlags of proc(5)

    @property
    def is_for_secrets(self) -> bool:
        """Neither swapped (locked) nor in core dumps."""
        return {"lo", "dd"} <= self.flags

    def __str__(self) -> str:
        return f"{self.first:x}-{self.end:x} {self.access} {self.name or 'anonymous'}"


def mappings(process: int) -> list[Mapping]:
    found = []
    for line in pathlib.Path(f"/proc/{process}/smaps").read_text().splitlines():
        if head := _HEAD.fullmatch(line):
            first, end, access, name = head.groups()
        elif line.startswith("VmFlags:"):
            found.append(Mapping(int(first, 16), int(end, 16), access, name, frozenset(line.split()[1:])))
    return found


_PAGE = os.sysconf("SC_PAGE_SIZE")
_THERE = 3 << 62  # in /proc/PID/pagemap: in memory or in swap; any other page was never written, or is a file's as it is


def _stretches(pagemap: int, mapping: Mapping) -> Iterator[tuple[int, int]]:
    """First address and size of what lies together in a mapping and is there."""
    pages = (mapping.end - mapping.first) // _PAGE
    entries = memoryview(os.pread(pagemap, 8 * pages, mapping.first // _PAGE * 8)).cast("Q")
    at = mapping.first
    for is_there, stretch in itertools.groupby(entries, lambda entry: entry & _THERE != 0):
        size = sum(1 for _ in stretch) * _PAGE
        if is_there:
            yield at, size
        at += size


def contents(process: int) -> Iterator[tuple[Mapping, int, bytes]]:
    """Of every mapping, with where in it: heap, stacks, arguments and environment, and what the process itself may not
    read."""
    with open(f"/proc/{process}/mem", "rb") as memory, open(f"/proc/{process}/pagemap", "rb") as pagemap:
        for mapping in mappings(process):
            if mapping.name in _OF_THE_KERNEL:
                continue
            for first, size in _stretches(pagemap.fileno(), mapping):
                content = os.pread(memory.fileno(), size, first)
                if len(content) != size:
                    raise OSError(f"{mapping}: only {len(content)} of {size} bytes of process {process} can be read")
                yield mapping, first - mapping.first, content
