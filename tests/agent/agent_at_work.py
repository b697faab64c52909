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


class AgentAtWork(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="c")  # short: sockets live in it
        cls.addClassCleanup(folder.cleanup)
        cls.socket = f"{folder.name}/agent"
        cls.process = subprocess.Popen([BUILD / "bin" / "agent_process", folder.name], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.end)
        if cls.process.stdout.readline() != "ready\n":
            raise RuntimeError("the agent does not come up")

    @classmethod
    def end(cls):
        cls.process.stdin.close()
        cls.process.stdout.close()
        if cls.process.wait(timeout=60) != 0:
            raise RuntimeError("the agent ended badly")

    def call(self, method: str, target: str, body: bytes | None = None, headers: dict | None = None):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, target, body, headers or {})
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()
