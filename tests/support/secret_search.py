"""Looks for secrets in the memory of a process, and for parts of them: whatever eleven bytes in a row are there are found,
in any form that formats and libraries give them."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace

from process_memory import Mapping, contents

_WORD = 8
# Two passes, half a word apart: what is this long holds a whole word of one of them.
SHORTEST = _WORD + _WORD // 2 - 1


def forms_of(secret: bytes) -> dict[str, bytes]:
    forms = {
        "as it is": secret,
        "in reverse": secret[::-1],  # a number as the machine has it
        "in hex": secret.hex().encode(),
        "in HEX": secret.hex().upper().encode(),
        "padded for HMAC, inside": bytes(byte ^ 0x36 for byte in secret),
        "padded for HMAC, outside": bytes(byte ^ 0x5c for byte in secret),
    }
    for skipped in range(3):  # what base64 makes of it depends on how many bytes stand before it
        part = secret[skipped:]
        whole = part[:len(part) // 3 * 3]
        forms[f"in base64 ({skipped})"] = base64.b64encode(whole)
        forms[f"in base64url ({skipped})"] = base64.urlsafe_b64encode(whole)
    return forms


@dataclass(frozen=True)
class Place:
    secret: str
    form: str
    bytes: int  # of the form, in a row
    mapping: Mapping
    offset: int

    def __str__(self) -> str:
        return f"{self.bytes} bytes of {self.secret} {self.form} at {self.offset:#x} of {self.mapping}"


class SecretSearch:
    def __init__(self, secrets: dict[str, bytes]):
        self._forms = [(name, form, content) for name, secret in secrets.items()
                       for form, content in forms_of(secret).items()]
        self._words: dict[int, list[tuple[int, int]]] = {}  # the form's number, and where in it
        for number, (_, _, content) in enumerate(self._forms):
            for at in range(len(content) - _WORD + 1):
                self._words.setdefault(int.from_bytes(content[at:at + _WORD], "little"), []).append((number, at))
        self._wanted = frozenset(self._words)

    def places_in(self, process: int) -> list[Place]:
        """The process stands still."""
        found = {replace(place, offset=start + place.offset) for mapping, start, content in contents(process)
                 for place in self._places(mapping, content)}
        return sorted(found, key=lambda place: (place.mapping.first, place.offset, place.form))

    def _places(self, mapping: Mapping, content: bytes) -> Iterator[Place]:
        for shift in (0, _WORD // 2):
            view = memoryview(content)[shift:]
            words = view[:len(view) // _WORD * _WORD].cast("Q")
            for word in self._wanted.intersection(words):
                for number, at in self._words[word]:
                    yield from self._around(mapping, content, number, at)

    def _around(self, mapping: Mapping, content: bytes, number: int, at: int) -> Iterator[Place]:
        """As much of the form as there is, wherever this word of it is."""
        name, form, wanted = self._forms[number]
        word = wanted[at:at + _WORD]
        hit = content.find(word)
        while hit >= 0:
            first, end = hit, hit + _WORD
            while first > max(0, hit - at) and content[first - 1] == wanted[at - (hit - first) - 1]:
                first -= 1
            while end < min(len(content), hit + len(wanted) - at) and content[end] == wanted[at + end - hit]:
                end += 1
            # A word alone is found by chance: eight digits of a number are four bytes of some key in hex.
            if end - first >= SHORTEST:
                yield Place(name, form, end - first, mapping, first)
            hit = content.find(word, hit + 1)
