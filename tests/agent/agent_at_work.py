"""An agent with its custodian in one process, and how an application calls it."""

import http.client
import os
import pathlib
import socket
import subprocess
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["CONCORDAT_BUILD"])


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str):
        super().__init__("localhost", timeout=60)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class AgentProcess:
    """tests/agent/agent_process.cpp in a folder of its own. `grants`: "PATTERN:OPERATION,...", beside payments/*."""

    def __init__(self, *grants: str):
        self._folder = tempfile.TemporaryDirectory(prefix="c")  # short: sockets live in it
        self.socket = f"{self._folder.name}/agent"
        self.endpoint = f"unix:{self.socket}"
        self.process = subprocess.Popen([BUILD / "bin" / "agent_process", self._folder.name, *grants],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        word, _, port = self.process.stdout.readline().partition(" ")
        if word != "ready":
            self.end()
            raise RuntimeError("the agent does not come up")
        self.tcp_port = int(port)

    def command(self, line: str) -> None:
        """Such as "stop-custodian": what is behind the agent, not the agent."""
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "done\n":
            raise RuntimeError(f"the agent does not {line}")

    def end(self) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        status = self.process.wait(timeout=60)
        self._folder.cleanup()
        if status != 0:
            raise RuntimeError(f"the agent ended with {status}")


class AgentAtWork(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        agent = AgentProcess()
        cls.addClassCleanup(agent.end)
        cls.agent, cls.socket, cls.process = agent, agent.socket, agent.process

    def call(self, method: str, target: str, body: bytes | None = None, headers: dict | None = None):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()
