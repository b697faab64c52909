"""session/session.schema.json and the parser give every descriptor the same verdict, but for PARSER_ONLY."""

import base64
import copy
import json
import os
import pathlib
import re
import subprocess
import unittest

import jsonschema

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
VERDICTS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin" / "session_verdicts"
SCHEMA = json.loads((SOURCE / "session" / "session.schema.json").read_text())
SAMPLE = json.loads((SOURCE / "tests" / "session_forming" / "golden" / "session.json").read_text())

# What only the parser can see: entries that are one, numbers and times that contradict each other, a host name's form.
PARSER_ONLY = re.compile(r"/threshold: \d+ of|is there twice|the enclave of|one realm has one authority|/deadline: "
                         r"(must be later|more than 90)|/parent: |fractional|is no RFC 3339 time")


def ecma_pattern(_validator, pattern, instance, _schema):
    """As ECMA-262 reads "$": the end, and not before a last line feed."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


VALIDATOR = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})(SCHEMA)
ANYTHING = [None, True, 0, 1, 2, 25, 26, -1, 1.5, "", "x", "X y", "a/b", "f" * 96, "2026-01-15T00:00:00Z", [], [1], {}, {"x": 1}]


def places(value, path=()):
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        yield from places(child, (*path, step))


def changed(path, change):
    file = copy.deepcopy(SAMPLE)
    at = file
    for step in path[:-1]:
        at = at[step]
    change(at, path[-1])
    return file


def mutations():
    for path, value in places(SAMPLE):
        if not path or path[0] == "parameters" and len(path) > 1:
            continue
        for other in ANYTHING:
            yield changed(path, lambda at, key, other=other: at.__setitem__(key, other))
        yield changed(path, lambda at, key: at.__delitem__(key) if isinstance(at, dict) else at.pop(key))
        if isinstance(value, dict) and path[0] != "parameters":
            yield changed(path, lambda at, key: at[key].update(unknown=1))
        if isinstance(value, str):
            for text in (value + "\n", value + "/", value + "é", " " + value, value.upper(), value[:-1], value * 40):
                yield changed(path, lambda at, key, text=text: at.__setitem__(key, text))


class SchemaAndParser(unittest.TestCase):
    def test_agree_on_every_mutation(self):
        files = [SAMPLE, *mutations()]
        lines = b"".join(base64.b64encode(json.dumps(file).encode()) + b"\n" for file in files)
        done = subprocess.run([VERDICTS], input=lines, capture_output=True, check=True)
        verdicts = done.stdout.decode().splitlines()
        self.assertEqual(verdicts[0], "accepted")
        counts = {True: 0, False: 0}
        for file, verdict in zip(files, verdicts, strict=True):
            accepted = verdict == "accepted"
            counts[accepted] += 1
            if PARSER_ONLY.search(verdict):
                continue
            self.assertEqual(VALIDATOR.is_valid(file), accepted, f"{verdict}\n{json.dumps(file, indent=1)}")
        self.assertGreater(counts[True], 20)
        self.assertGreater(counts[False], 200)

    def test_every_object_is_closed_and_every_field_explained(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        for schema in (SCHEMA, SCHEMA["properties"]["parties"]["items"]):
            self.assertIs(schema["additionalProperties"], False)
            self.assertEqual(schema["required"], list(schema["properties"]))
            for field in schema["properties"].values():
                self.assertGreater(len(field["description"]), 10)


if __name__ == "__main__":
    unittest.main()
