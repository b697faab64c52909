"""The worker's agent for Python, through the C library (client/concordat.h says what each call means).

    agent = Agent("unix:/run/concordat/agent.sock")
    agent.wait_for_ready(30)
    with agent.get_key("payments/settlement") as key:   # guarded memory, wiped at the end of the block
        use(key.view)                                    # a memoryview; bytes(key.view) would be a copy of your own

Results that are secret come as `Secret`; all others as bytes.
"""

import ctypes
import os
from collections.abc import Callable, Iterable
from ctypes import POINTER, byref, c_char, c_char_p, c_int, c_size_t, c_ssize_t, c_uint, c_uint32, c_void_p

VERSION = 0  # of the library's interface: libconcordat.so.0


class _Buffer(ctypes.Structure):
    _fields_ = [("data", c_void_p), ("size", c_size_t), ("owner", c_void_p)]


class _Error(ctypes.Structure):
    _fields_ = [("http_status", c_uint), ("code", c_char * 64), ("message", c_char * 512), ("request_id", c_char * 72)]


_Source = ctypes.CFUNCTYPE(c_ssize_t, c_void_p, c_void_p, c_size_t)
_Sink = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)

# Arguments after the agent and before the error: "n" a name, "v" a number, "b" bytes and their size, "p" 32 bytes or
# none, "o" a buffer that comes back, "u" a version that comes back.
_CALLS = {
    "get_key": "nvou", "public_key": "nvou", "sign": "nboo", "verify": "nbb", "mac": "nboo", "encrypt": "nbbo",
    "decrypt": "nbbo", "wrap": "nbo", "wrap_key": "nnvo", "unwrap": "nbo", "derive": "nsbpvo", "random": "nso",
    "attestation": "bbo", "wait_for_ready": "v",
}
_TYPES = {"n": [c_char_p], "v": [c_uint32], "s": [c_size_t], "b": [c_char_p, c_size_t], "p": [c_char_p],
          "o": [POINTER(_Buffer)], "u": [POINTER(c_uint32)]}


class ConcordatError(Exception):
    """`code` is stable: the agent's, or the library's own where `http_status` is 0."""

    def __init__(self, error: _Error):
        self.code, self.message = error.code.decode(), error.message.decode(errors="replace")
        self.request_id, self.http_status = error.request_id.decode(), error.http_status
        super().__init__(f"{self.code}: {self.message}")


class Secret:
    """Bytes in the library's guarded memory. Wiped by wipe(), at the end of a `with` block, or when collected."""

    def __init__(self, library, buffer: _Buffer):
        self._library, self._buffer = library, buffer
        self.view = memoryview((c_char * buffer.size).from_address(buffer.data) if buffer.size else b"").cast("B")

    def __len__(self) -> int:
        return len(self.view)

    def __enter__(self) -> "Secret":
        return self

    def __exit__(self, *_) -> None:
        self.wipe()

    def wipe(self) -> None:
        self.view.release()
        self._library.concordat_buffer_free(byref(self._buffer))

    __del__ = wipe


def _load(path: str | None) -> ctypes.CDLL:
    library = ctypes.CDLL(path or f"libconcordat.so.{VERSION}")
    for name, kinds in _CALLS.items():
        arguments = [argument for kind in kinds for argument in _TYPES[kind]]
        getattr(library, f"concordat_{name}").argtypes = [c_void_p, *arguments, POINTER(_Error)]
    for name in ("encrypt_stream", "decrypt_stream"):
        getattr(library, f"concordat_{name}").argtypes = [c_void_p, c_char_p, _Source, _Sink, c_void_p, c_char_p,
                                                          c_size_t, POINTER(_Error)]
    library.concordat_agent_open.argtypes = [c_char_p, c_uint32, POINTER(c_void_p), POINTER(_Error)]
    library.concordat_agent_close.argtypes = [c_void_p]
    library.concordat_agent_close.restype = None
    library.concordat_buffer_free.argtypes = [POINTER(_Buffer)]
    library.concordat_buffer_free.restype = None
    library.concordat_health.argtypes = [c_void_p, POINTER(c_int), POINTER(_Buffer), POINTER(_Error)]
    return library


class Agent:
    def __init__(self, endpoint: str | None = None, deadline: float = 30.0, library: str | None = None):
        self._handle = c_void_p()
        self._library = _load(library or os.environ.get("CONCORDAT_LIBRARY"))
        error = _Error()
        if self._library.concordat_agent_open(endpoint.encode() if endpoint else None, int(deadline * 1000),
                                              byref(self._handle), byref(error)) != 0:
            raise ConcordatError(error)

    def close(self) -> None:
        self._library.concordat_agent_close(self._handle)
        self._handle = c_void_p()

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _call(self, name: str, *values) -> list[Secret]:
        """Buffers that came back. `values` stand for the kinds of _CALLS that go in."""
        arguments, buffers, given = [], [], iter(values)
        for kind in _CALLS[name]:
            if kind == "o":
                buffers.append(_Buffer())
                arguments.append(byref(buffers[-1]))
            elif kind == "u":
                arguments.append(None)
            elif kind == "b":
                value = next(given)
                arguments += [value, len(value)]
            else:
                value = next(given)
                arguments.append(value.encode() if kind == "n" else value)
        error = _Error()
        if getattr(self._library, f"concordat_{name}")(self._handle, *arguments, byref(error)) != 0:
            raise ConcordatError(error)
        return [Secret(self._library, buffer) for buffer in buffers]

    def _public(self, name: str, *values) -> list[bytes]:
        results = []
        for buffer in self._call(name, *values):
            with buffer:
                results.append(bytes(buffer.view))
        return results

    def wait_for_ready(self, seconds: float) -> None:
        self._call("wait_for_ready", int(seconds * 1000))

    def health(self) -> tuple[bool, str]:
        """Whether keys can be had, and the agent's whole answer as JSON."""
        ready, buffer, error = c_int(), _Buffer(), _Error()
        if self._library.concordat_health(self._handle, byref(ready), byref(buffer), byref(error)) != 0:
            raise ConcordatError(error)
        with Secret(self._library, buffer) as answer:
            return bool(ready.value), bytes(answer.view).decode()

    def attestation(self, nonce: bytes = b"", user_data: bytes = b"") -> bytes:
        return self._public("attestation", nonce, user_data)[0]

    def get_key(self, name: str, version: int = 0) -> Secret:
        return self._call("get_key", name, version)[0]

    def public_key(self, name: str, version: int = 0) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return self._public("public_key", name, version)[0]

    def sign(self, name: str, message: bytes) -> tuple[bytes, bytes]:
        """The bare signature, and the envelope that verify takes."""
        signature, envelope = self._public("sign", name, message)
        return signature, envelope

    def verify(self, name: str, message: bytes, envelope: bytes) -> None:
        """Raises unless it is good."""
        self._call("verify", name, message, envelope)

    def mac(self, name: str, message: bytes) -> tuple[bytes, bytes]:
        tag, envelope = self._public("mac", name, message)
        return tag, envelope

    def encrypt(self, name: str, plaintext: bytes, associated_data: bytes = b"") -> bytes:
        return self._public("encrypt", name, plaintext, associated_data)[0]

    def decrypt(self, name: str, ciphertext: bytes, associated_data: bytes = b"") -> Secret:
        return self._call("decrypt", name, ciphertext, associated_data)[0]

    def wrap(self, name: str, plain: bytes) -> bytes:
        return self._public("wrap", name, plain)[0]

    def wrap_key(self, name: str, key: str, version: int = 0) -> bytes:
        return self._public("wrap_key", name, key, version)[0]

    def unwrap(self, name: str, wrapped: bytes) -> Secret:
        return self._call("unwrap", name, wrapped)[0]

    def derive(self, name: str, size: int, context: bytes = b"", peer: bytes | None = None, version: int = 0) -> Secret:
        if peer is not None and len(peer) != 32:
            raise ValueError("peer: an X25519 public key has 32 bytes")
        return self._call("derive", name, size, context, peer, version)[0]

    def random(self, name: str, size: int) -> Secret:
        return self._call("random", name, size)[0]

    def encrypt_stream(self, name: str, pieces: Iterable[bytes], take: Callable[[memoryview], None],
                       associated_data: bytes = b"") -> None:
        """`take` is called with views that end with the call."""
        self._stream("concordat_encrypt_stream", name, pieces, take, associated_data)

    def decrypt_stream(self, name: str, pieces: Iterable[bytes], take: Callable[[memoryview], None],
                       associated_data: bytes = b"") -> None:
        """After an exception what `take` was given is worth nothing."""
        self._stream("concordat_decrypt_stream", name, pieces, take, associated_data)

    def _stream(self, function: str, name: str, pieces, take, associated_data: bytes) -> None:
        waiting, left, raised = iter(pieces), memoryview(b""), []

        def source(_, room, size):
            nonlocal left
            try:
                while not left:
                    left = memoryview(next(waiting))
            except StopIteration:
                return 0
            except BaseException as error:  # told after the call: it cannot pass through C
                raised.append(error)
                return -1
            given = bytes(left[:size])
            left = left[size:]
            ctypes.memmove(room, given, len(given))
            return len(given)

        def sink(_, data, size):
            try:
                with memoryview((c_char * size).from_address(data)) as view:
                    take(view.cast("B"))
                return 0
            except BaseException as error:
                raised.append(error)
                return -1

        error = _Error()
        outcome = getattr(self._library, function)(self._handle, name.encode(), _Source(source), _Sink(sink), None,
                                                   associated_data, len(associated_data), byref(error))
        if raised:
            raise raised[0]
        if outcome != 0:
            raise ConcordatError(error)
