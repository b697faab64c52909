"""The example tokeniser built against the installed package, as whoever builds on it would, and run."""

import base64
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
BUILD = pathlib.Path(os.environ["CONCORDAT_BUILD"])
SANITIZE = os.environ.get("CONCORDAT_SANITIZE", "")
sys.path[:0] = [str(SOURCE / "deploy/lab"), str(SOURCE / "tests/agent")]

from agent_at_work import AgentProcess  # noqa: E402  (the paths above come first)
from jobs import http_unix
from jobs.processes import wait_for

# What the tokeniser's role is granted, and what one that opens tokens is.
TOKENISER = ("cards/tokens:mac", "cards/vault:encrypt")
SETTLEMENT = ("cards/tokens:mac", "cards/vault:encrypt,decrypt")

# Numbers that payment schemes publish for tests.
VISA, MASTERCARD = "4111 1111 1111 1111", "5555-5555-5555-4444"

C_PROGRAM = r"""
#include <concordat.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char** argv) {
  concordat_agent* agent = NULL;
  concordat_error error;
  concordat_buffer key = {0};
  uint32_t version = 0;
  if (argc != 2 || concordat_agent_open(argv[1], 0, &agent, &error) != 0) return 1;
  if (concordat_get_key(agent, "payments/settlement", 0, &key, &version, &error) != 0) return 1;
  printf("%zu bytes, version %u\n", key.size, version);
  concordat_buffer_free(&key);
  if (key.data != NULL || concordat_get_key(agent, "reports/daily", 0, &key, &version, &error) != -1) return 1;
  printf("%s %u\n", error.code, error.http_status);
  concordat_agent_close(agent);
  return 0;
}
"""


def run(*command, cwd=None) -> str:
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=280)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


class InstalledPackage(unittest.TestCase):
    """One build for all cases."""

    @classmethod
    def setUpClass(cls):
        scratch = tempfile.TemporaryDirectory(prefix="c")
        cls.addClassCleanup(scratch.cleanup)
        cls.folder = pathlib.Path(scratch.name)
        cls.prefix = cls.folder / "prefix"
        run("cmake", "--install", BUILD, "--prefix", cls.prefix)
        flags = f"-fsanitize={SANITIZE}" if SANITIZE else ""
        # Away from the repository: nothing but what is installed can be found from there.
        example = cls.folder / "tokeniser"
        run("cp", "-r", SOURCE / "examples/tokeniser", example)
        run("cmake", "-S", example, "-B", cls.folder / "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={cls.prefix}",
            f"-DCMAKE_CXX_FLAGS=-Wall -Wextra -Werror {flags}")
        run("cmake", "--build", cls.folder / "build")
        cls.program = cls.folder / "build/tokeniser"

    def start(self, grants: tuple[str, ...] = SETTLEMENT) -> pathlib.Path:
        """An agent and the tokeniser beside it; the tokeniser's socket, once it is ready."""
        folder = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        agent = AgentProcess(*grants)
        self.addCleanup(agent.end)
        self.log = folder / "log"
        with self.log.open("wb") as log:
            process = subprocess.Popen([self.program, f"unix:{folder}/app", agent.endpoint], stderr=log)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.terminate)

        def ready():
            try:
                return http_unix.request(folder / "app", "GET", "/v1/health").status == 200
            except OSError:
                return False
        wait_for("the tokeniser to be ready", ready)
        return folder / "app"

    def ask(self, socket: pathlib.Path, operation: str, body: str) -> http_unix.Answer:
        return http_unix.request(socket, "POST", f"/v1/{operation}", body.encode())

    def test_tokens_are_deterministic_and_say_their_format(self):
        socket = self.start()
        answers = [self.ask(socket, "tokenise", f'{{"card":"{card}"}}') for card in (VISA, VISA.replace(" ", ""), MASTERCARD)]
        self.assertEqual([answer.status for answer in answers], [200, 200, 200], answers)
        first, same, other = (answer.body["token"] for answer in answers)
        self.assertEqual(first, same)
        self.assertRegex(first, r"^tok1_1_[a-z2-7]{26}_1111$")
        self.assertRegex(other, r"^tok1_1_[a-z2-7]{26}_4444$")
        self.assertNotEqual(first.split("_")[2], other.split("_")[2])
        self.assertNotEqual(answers[0].body["sealed"], answers[1].body["sealed"])

    def test_only_card_numbers_are_taken(self):
        socket = self.start()
        for number in ("4111111111111112", "4111", "", "4" * 20, "4111x11111111111", "411111111111111１"):
            answer = self.ask(socket, "tokenise", f'{{"card":"{number}"}}')
            self.assertEqual((answer.status, answer.error.split(":")[0]), (422, "not_a_card_number"), number)
        self.assertNotIn("4111", self.log.read_text(), "a log is no place for what callers send")
        self.assertEqual(self.ask(socket, "tokenise", '{"card":4111}').status, 400)

    def test_the_number_comes_back_to_a_role_that_may_decrypt(self):
        socket = self.start()
        made = self.ask(socket, "tokenise", f'{{"card":"{VISA}"}}').body
        opened = self.ask(socket, "detokenise", f'{{"token":"{made["token"]}","sealed":"{made["sealed"]}"}}')
        self.assertEqual(opened.body, {"card": VISA.replace(" ", "")})
        moved = self.ask(socket, "detokenise", f'{{"token":"{made["token"]}x","sealed":"{made["sealed"]}"}}')
        self.assertEqual((moved.status, moved.error.split(":")[0]), (422, "authentication_failed"))

    def test_and_to_no_other(self):
        socket = self.start(TOKENISER)
        made = self.ask(socket, "tokenise", f'{{"card":"{VISA}"}}').body
        opened = self.ask(socket, "detokenise", f'{{"token":"{made["token"]}","sealed":"{made["sealed"]}"}}')
        self.assertEqual((opened.status, opened.error.split(":")[0]), (403, "not_granted"))

    def test_it_attests(self):
        answer = self.ask(self.start(), "attest", '{"nonce":"yv4="}')
        self.assertIn(b"\x42\xca\xfe", base64.b64decode(answer.body["document"]))  # the nonce, in CBOR

    def test_another_minor_version_is_not_taken(self):
        project = self.folder / "later"
        project.mkdir()
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(later LANGUAGES CXX)\nfind_package(concordat 0.2 REQUIRED)\n")
        with self.assertRaisesRegex(AssertionError, "concordat"):
            run("cmake", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}")

    def test_every_header_stands_by_itself(self):
        include = self.prefix / "include/concordat"
        headers = sorted(include.rglob("*.hpp"))
        self.assertEqual([str(header.relative_to(include)) for header in headers],
                         sorted((SOURCE / "client/public_headers.txt").read_text().split()))
        for header in headers:
            run(os.environ.get("CXX", "c++"), "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{include}",
                "-include", header, "-x", "c++", "/dev/null")

    @unittest.skipIf(SANITIZE, "sanitized: a C program does not bring the sanitizer's library")
    def test_a_c_program_finds_the_library_by_pkg_config(self):
        source = self.folder / "main.c"
        source.write_text(C_PROGRAM)
        [config] = self.prefix.rglob("concordat.pc")
        environment = {**os.environ, "PKG_CONFIG_PATH": str(config.parent)}
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "concordat"], env=environment, check=True,
                               capture_output=True, text=True).stdout
        program = self.folder / "main"
        [library] = self.prefix.rglob("libconcordat.so")
        run(os.environ.get("CC", "cc"), "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", source, "-o", program,
            *shlex.split(flags), f"-Wl,-rpath,{library.parent}")
        agent = AgentProcess()
        self.addCleanup(agent.end)
        self.assertEqual(run(program, agent.endpoint), "32 bytes, version 1\nnot_granted 403\n")

    def test_the_library_exports_its_interface_and_nothing_else(self):
        [library] = self.prefix.rglob("libconcordat.so")
        exported = {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).splitlines()}
        declared = set(re.findall(r"^(?:int|void) (concordat_\w+)\(", (SOURCE / "client/concordat.h").read_text(), re.M))
        self.assertEqual(exported, declared)


if __name__ == "__main__":
    unittest.main()
