"""HTTP over a Unix socket, with JSON answers."""

import http.client
import json
import pathlib
import socket
from dataclasses import dataclass


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: pathlib.Path, timeout: float):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict

    @property
    def error(self) -> str:
        """Code and message of an error answer; empty for any other."""
        error = self.body.get("error", {})
        return f"{error.get('code')}: {error.get('message')}" if error else ""


def exchange(path: pathlib.Path, method: str, target: str, body: bytes | None = None,
             headers: dict[str, str] | None = None, timeout: float = 30.0) -> tuple[int, bytes]:
    """Status and body. OSError where nobody listens."""
    connection = UnixConnection(path, timeout)
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def request(path: pathlib.Path, method: str, target: str, body: bytes | None = None,
            headers: dict[str, str] | None = None, timeout: float = 30.0) -> Answer:
    """The same where answers are JSON."""
    status, text = exchange(path, method, target, body, headers, timeout)
    return Answer(status, json.loads(text) if text else {})
