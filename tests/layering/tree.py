"""What the layering tests look at: the files of the repository and the link graph of the build."""

import functools
import os
import pathlib
import re
from dataclasses import dataclass

import rules

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
BUILD = pathlib.Path(os.environ["CONCORDAT_BUILD"])

INCLUDE = re.compile(r'^\s*#\s*include\s*(?P<mark>[<"])(?P<path>[^">]+)[">]', re.MULTILINE)
CPP = {".cpp", ".hpp", ".h", ".c"}
CODE = CPP | {".py", ".sh", ".cmake"}
NOT_OURS = {"build", "node_modules", "__pycache__"}


@functools.cache
def files() -> list[str]:
    """Every file of the repository, by its path from the root."""
    found = []
    for folder, folders, names in os.walk(SOURCE):
        folders[:] = sorted(f for f in folders if f not in NOT_OURS and (f == ".ci" or not f.startswith(".")))
        found += [str((pathlib.Path(folder) / name).relative_to(SOURCE)) for name in sorted(names)]
    return found


def cpp_files() -> list[str]:
    return [path for path in files() if pathlib.Path(path).suffix in CPP]


def code_files() -> list[str]:
    """Sources and scripts, by ending or by their first line."""
    return [path for path in files() if pathlib.Path(path).suffix in CODE or path.endswith("CMakeLists.txt")
            or (not pathlib.Path(path).suffix and text(path).startswith("#!"))]


@functools.cache
def text(path: str) -> str:
    return (SOURCE / path).read_text(encoding="utf-8", errors="replace")


@functools.cache
def includes(path: str) -> list[tuple[str, str]]:
    """(mark, path) of every #include, the mark being '<' or '"'."""
    return [(match["mark"], match["path"]) for match in INCLUDE.finditer(text(path))]


@functools.cache
def closure(path: str) -> frozenset[str]:
    """Every header that a file includes through the project's own headers, itself not."""
    seen: set[str] = set()
    waiting = [path]
    while waiting:
        for mark, header in includes(waiting.pop()):
            if header not in seen:
                seen.add(header)
                if mark == '"' and (SOURCE / header).is_file():
                    waiting.append(header)
    return frozenset(seen)


def layer(path: str) -> int | None:
    """The place in rules.LAYERS of a file or folder; None for what stands outside (tests, bench)."""
    inside = [folder for folder in rules.LAYERS if path == folder or path.startswith(folder + "/")]
    return rules.LAYERS.index(max(inside, key=len)) if inside else None


@dataclass(frozen=True)
class Target:
    name: str
    type: str
    folder: str
    sources: tuple[str, ...]
    links: tuple[str, ...]


@functools.cache
def targets() -> dict[str, Target]:
    """By name, as cmake/link_graph.cmake wrote them."""
    found = {}
    for line in (BUILD / "link_graph.txt").read_text().splitlines():
        name, kind, folder, sources, links = line.split("|", 4)
        paths = tuple(str(pathlib.PurePath(os.path.relpath(SOURCE / folder / source, SOURCE)))
                      for source in sources.split(";") if source and "$<" not in source)
        linked = tuple(re.sub(r"^\$<LINK_ONLY:(.*)>$", r"\1", link) for link in links.split(";") if link)
        found[name] = Target(name, kind, folder, paths, linked)
    return found


def linked_by(name: str) -> set[str]:
    """Everything that a target links, directly or not."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        target = targets().get(waiting.pop())
        for link in target.links if target else ():
            if link not in seen:
                seen.add(link)
                waiting.append(link)
    return seen
