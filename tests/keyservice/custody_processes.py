"""What custody tests start: a custodian's process, its real parent, and a real etcd."""

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess

PROGRAMS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin"
ETCD = pathlib.Path("/usr/bin/etcd")


class Life:
    """One life of the custodian's process (custody_process.cpp)."""

    def __init__(self, relay: pathlib.Path):
        self.process = subprocess.Popen([PROGRAMS / "custody_process", relay], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.last_id = 0

    def read(self) -> list[str] | None:
        """The next line's words; None at its end, and for a line that the end cut short."""
        line = self.process.stdout.readline()
        return line.split() if line.endswith("\n") else None

    def ask(self, *words) -> str:
        self.last_id += 1
        try:
            self.process.stdin.write(" ".join([str(self.last_id), *map(str, words)]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # killed: no answer will come
        return str(self.last_id)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)

    def end(self):
        for stream in (self.process.stdin, self.process.stdout):
            try:
                stream.close()
            except BrokenPipeError:
                pass
        self.process.wait()


class Logging:
    """A program that says by a line of its log that it is ready."""

    READY = ""

    def __init__(self, words):
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True)
        self.log = []
        for line in self.process.stderr:
            self.log.append(line)
            if self.READY in line:
                return
        raise AssertionError(f"{words[0]} did not come up:\n" + "".join(self.log))

    def kill(self):
        self.process.kill()
        self.process.stderr.close()
        self.process.wait()


class Parent(Logging):
    READY = '"ready"'

    def __init__(self, folder: pathlib.Path, store: dict):
        relay = relay_of(folder)
        enclave = {"dial": f"unix:{folder}/nobody.sock", "listen": f"unix:{relay}", "role": "custodian",
                   "store": "custodian"}
        config = folder / "parent.json"
        config.write_text(json.dumps({"enclaves": {"custodian": enclave}, "store": store}))
        super().__init__([PROGRAMS / "concordat-parent", "--config", config])

    def limit_file_size(self, size: int):
        """No file of its grows beyond; RLIM_INFINITY: there is room again."""
        _, hard = resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, hard))


class Etcd(Logging):
    READY = "ready to serve client requests"

    def __init__(self, folder: pathlib.Path, ports: tuple[int, int], scheme: str = "http", options=()):
        client, peer = (f"{kind}://127.0.0.1:{port}" for kind, port in zip((scheme, "http"), ports))
        super().__init__([ETCD, f"--data-dir={folder}/etcd", f"--listen-client-urls={client}",
                          f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
                          f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=default={peer}",
                          *options])


def relay_of(folder: pathlib.Path) -> pathlib.Path:
    return folder / "relay.sock"


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]
