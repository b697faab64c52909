"""Stands between the parent and an enclave, as whoever owns the network does: counts and keeps every byte, and can
say again what it once heard."""

import pathlib
import socket
import threading
from dataclasses import dataclass, field

CHUNK = 65536


@dataclass
class Stream:
    """One connection: what the side that dialled sent, and what it was answered."""

    forth: bytearray = field(default_factory=bytearray)
    back: bytearray = field(default_factory=bytearray)


class Tap:
    """Listens on one Unix socket and joins every caller to a new connection to another."""

    def __init__(self, listen: pathlib.Path, target: pathlib.Path):
        self.target = target
        self.streams: list[Stream] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(listen))
        listen.chmod(0o666)
        self._listener.listen(64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        # A thread that waits at a closed socket wakes at whichever has its number next, another tap's maybe.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def bytes_carried(self) -> int:
        return sum(len(stream.forth) + len(stream.back) for stream in self.streams)

    def contains(self, secret: bytes) -> bool:
        return any(secret in stream.forth or secret in stream.back for stream in list(self.streams))

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return  # shut down
            threading.Thread(target=self._join, args=(caller,), daemon=True).start()

    def _join(self, caller: socket.socket) -> None:
        enclave = socket.socket(socket.AF_UNIX)
        try:
            enclave.connect(str(self.target))
        except OSError:
            caller.close()
            enclave.close()
            return
        stream = Stream()
        self.streams.append(stream)
        back = threading.Thread(target=carry, args=(enclave, caller, stream.back), daemon=True)
        back.start()
        carry(caller, enclave, stream.forth)
        back.join()
        caller.close()
        enclave.close()


def carry(source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
    """Until the end of the stream, which is passed on."""
    try:
        while data := source.recv(CHUNK):
            kept += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for side in (source, sink):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # that side is gone already


def say_again(target: pathlib.Path, heard: bytes, patience: float = 30.0) -> bytes:
    """Sends old bytes on a new connection and returns everything that is answered until the other side ends it."""
    answer = bytearray()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(patience)
        connection.connect(str(target))
        try:
            connection.sendall(heard)
            while data := connection.recv(CHUNK):
                answer += data
        except (BrokenPipeError, ConnectionResetError):
            pass  # it did not even listen to the end
    return bytes(answer)
