"""Who may look at the bytes of secrets: the files on secret_access.txt and nobody else, however they spell it."""

import functools
import json
import pathlib
import re
import subprocess
import tempfile
import unittest
from dataclasses import dataclass

import rules
import tree

# In what is written ...
NAMED = re.compile(r"\bSecretAccess\b|\bsecret_access\.hpp\b")
DEFINED_IN = {"attest/base/secret.hpp", "attest/base/secret_access.hpp"}
INCLUDED = re.compile(r'^#include "(.+)"$', re.MULTILINE)  # of a file that CMake makes of several
# ... and in what was compiled: what an object file wants of the type's library when any of its code looks.
LOOKS = re.compile(r"^(?P<object>.+): +U concordat::base::SecretBytes::expose(_mutable)?\(", re.MULTILINE)


def listed() -> set[str]:
    return {line.split()[0] for line in tree.text("tests/layering/secret_access.txt").splitlines()
            if line.strip() and not line.startswith("#")}


def that_look(objects: list[pathlib.Path]) -> set[pathlib.Path]:
    symbols = subprocess.run(["nm", "--demangle", "--undefined-only", "--print-file-name", *objects], check=True,
                             capture_output=True, text=True).stdout
    return {pathlib.Path(match["object"]) for match in LOOKS.finditer(symbols)}


@functools.cache
def compiled_files() -> set[str]:
    """By this configuration: files of an earlier one may lie beside them."""
    return {entry["file"] for entry in json.loads((tree.BUILD / "compile_commands.json").read_text())}


@dataclass
class Compiled:
    alone: dict[pathlib.Path, str]  # and the source of each
    together: dict[pathlib.Path, list[str]]  # of several sources, none of which may look
    missing: list[str]  # sources that were not compiled


def objects_of(target: tree.Target) -> Compiled:
    """Where CMake puts them."""
    folder = tree.BUILD / target.folder / f"CMakeFiles/{target.name}.dir"
    found = Compiled({}, {}, [])
    for unit in sorted(folder.glob("Unity/unity_*.cxx")):
        if str(unit) in compiled_files() and unit.with_suffix(".cxx.o").exists():
            found.together[unit.with_suffix(".cxx.o")] = INCLUDED.findall(unit.read_text())
    united = {source for sources in found.together.values() for source in sources}
    for source in target.sources:
        if source.endswith((".cpp", ".c")):
            inside = source.removeprefix(f"{target.folder}/") if source.startswith(f"{target.folder}/") \
                else pathlib.PurePath(source).name  # a generated one
            compiled = folder / f"{inside}.o"
            if str(tree.SOURCE / source) in united or source in united:
                continue
            if compiled.exists():
                found.alone[compiled] = source
            else:
                found.missing.append(source)
    return found


class Files(unittest.TestCase):
    def test_that_name_the_access_are_on_the_list(self):
        found = {path for path in tree.files() if tree.layer(path) is not None
                 and pathlib.Path(path).suffix in tree.CPP | {".in"} and NAMED.search(tree.text(path))}
        self.assertEqual(found - listed() - DEFINED_IN, set(), "look at secrets without being on secret_access.txt")
        self.assertEqual(listed() - found, set(), "on secret_access.txt without need")

    def test_on_the_list_are_no_headers(self):
        """Whoever includes one could look, too."""
        self.assertEqual({path for path in listed() if not path.endswith(".cpp")}, set())


class Objects(unittest.TestCase):
    def test_that_look_are_of_files_on_the_list(self):
        deployed = {link for program in rules.PRODUCTION_PROGRAMS for link in {program, *tree.linked_by(program)}}
        sources: dict[pathlib.Path, str] = {}
        united: dict[pathlib.Path, list[str]] = {}
        for target in tree.targets().values():
            if tree.layer(target.folder) is None:
                continue
            objects = objects_of(target)
            if target.name in deployed:
                self.assertEqual(objects.missing, [], "build what is deployed first")
            sources |= objects.alone
            united |= objects.together
        looking = that_look([*sources, *united])
        self.assertEqual([united[path] for path in looking if path in united], [],
                         "one of these looks at secrets without being on secret_access.txt")
        found = {sources[path] for path in looking}
        self.assertEqual(found - listed(), set(), "look at secrets without being on secret_access.txt")
        built = {source for source in sources.values() if source in listed()} - {"attest/base/secret.cpp"}
        self.assertEqual(built - found, set(), "on secret_access.txt without need")


USE = "auto look(const concordat::base::SecretBytes& secret) { return secret.expose(concordat::base::%s{}); }\n"
PASTE = "#define PASTE(a, b) a##b\n"
# Ways to look, and whether the text shows it.
SPELLINGS = {
    "in angle brackets": ("#include <attest/base/secret_access.hpp>\n" + USE % "SecretAccess", True),
    "by a roundabout path": ('#include "attest/../attest/base/secret_access.hpp"\n' + USE % "SecretAccess", True),
    "by names put together": (
        PASTE + "#define TEXT(a) #a\n#define HEADER(a, b) TEXT(attest/base/a##b.hpp)\n"
        "#include HEADER(secret_, access)\n" + USE % "PASTE(Secret, Access)", False),
    "as a class of its own": (
        PASTE + "namespace concordat::base { class PASTE(Secret, Access) {}; }\n" + USE % "PASTE(Secret, Access)", False),
    "without any name": (
        PASTE + "namespace concordat::base { class PASTE(Secret, Access) {}; }\n"
        "template <class T> auto call(concordat::base::BytesView (concordat::base::SecretBytes::*look)(T) const noexcept,\n"
        "                             const concordat::base::SecretBytes& secret) { return (secret.*look)(T{}); }\n"
        "auto look(const concordat::base::SecretBytes& secret) {\n"
        "  return call(&concordat::base::SecretBytes::expose, secret); }\n", False),
}


class Spellings(unittest.TestCase):
    """The two tests above see what they are for."""

    def compiled(self, text: str) -> pathlib.Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        source = pathlib.Path(folder.name) / "sample.cpp"
        source.write_text('#include "attest/base/secret.hpp"\n' + text)
        compiler = re.search(r"^CMAKE_CXX_COMPILER:\w+=(.+)$", (tree.BUILD / "CMakeCache.txt").read_text(), re.MULTILINE)
        subprocess.run([compiler[1], "-std=c++20", "-I", tree.SOURCE, "-c", source, "-o", source.with_suffix(".o")],
                       check=True, capture_output=True, text=True)
        return source.with_suffix(".o")

    def test_are_seen(self):
        for name, (text, is_named) in SPELLINGS.items():
            with self.subTest(spelling=name):
                self.assertEqual(NAMED.search(text) is not None, is_named)
                sample = self.compiled(text)
                self.assertEqual(that_look([sample]), {sample})

    def test_of_other_uses_are_none(self):
        sample = self.compiled("auto size(const concordat::base::SecretBytes& secret) { return secret.size(); }\n"
                               "auto copy(const concordat::base::SecretBytes& secret) { return secret.clone(); }\n")
        self.assertEqual(that_look([sample]), set())


if __name__ == "__main__":
    unittest.main()
