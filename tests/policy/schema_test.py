"""policy/policy.schema.json and the parser give every file the same verdict.

Except for what only the parser can see: PARSER_ONLY below, which policy/README.md lists too.
"""

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
VERDICTS = pathlib.Path(os.environ["CONCORDAT_BUILD"]) / "bin" / "policy_verdicts"
SCHEMA = json.loads((SOURCE / "policy" / "policy.schema.json").read_text())
EXAMPLES = [
    *(SOURCE / "tests" / "fuzz" / "corpus" / "fuzz_policy").glob("*.json"),
    SOURCE / "tests" / "policy" / "golden" / "enrolled_policy.json",
]


def ecma_pattern(_validator, pattern, instance, _schema):
    """JSON Schema's regular expressions are ECMA-262's, where "$" is the end; Python's is also before a last "\\n"."""
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


VALIDATOR = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})(SCHEMA)


class ParserOnly:
    """One thing that the parser refuses and the schema cannot see."""

    def __init__(self, name, code, pointer="", message="", mutated=True):
        self.name = name  # as policy/README.md words it
        self.code, self.pointer, self.message = code, re.compile(pointer), re.compile(message)
        self.mutated = mutated  # whether a mutation may turn it up

    def matches(self, verdict):
        return (
            verdict["code"] == self.code
            and self.pointer.fullmatch(verdict["pointer"]) is not None
            and self.message.search(verdict["message"]) is not None
        )


NAMES = r"/roles/[^/]+/images/\d+|/purposes/[^/]+/(initiator|responder)/\d+|/grants/\d+/role|/operators/[^/]+/purposes/\d+" \
    r"|/sessions/[^/]+/own_roles/\d+|/sessions/[^/]+/realms/[^/]+/roles/[^/]+/images/\d+"
OFFICES = r"/freshness/key|/operators/[^/]+/key|/recovery/holders/[^/]+/key"
PARSER_ONLY = {
    only.name: only
    for only in (
        ParserOnly("another encoding than UTF-8 without byte order mark", "not_json", mutated=False),
        ParserOnly("a key that is there twice", "duplicate_key", mutated=False),
        ParserOnly("more than 1 MiB", "policy_too_large", mutated=False),
        ParserOnly("more than 65,536 values", "too_many", mutated=False),
        ParserOnly("a whole number written as `1.0` or `1e0`", "wrong_type", r"/.+", "fractional"),
        ParserOnly("a day that the calendar does not have", "bad_value", r"/.+", "no RFC 3339 time", mutated=False),
        ParserOnly("`not_after` not later than `not_before`, or more than 90 days later", "bad_validity", "/validity/not_after"),
        ParserOnly("a name that leads nowhere", "dangling_name", NAMES),
        ParserOnly("root generations that do not ascend, or not exactly one of them current", "bad_roots", "/root/generations"),
        ParserOnly("no KMS key where a root or a custodian needs one", "bad_roots", "/root/kms_key_arn"),
        ParserOnly("a custodian role with neither accounts nor instances", "custodian_unpinned", "/roles/[^/]+"),
        ParserOnly(
            "`admin` asked for by a role, or answered by one that does not answer `keys`",
            "purpose_misused", "/purposes/admin/(initiator|responder)"),
        ParserOnly(
            "`replica` asked for or answered by a role that does not answer `keys`",
            "purpose_misused", "/purposes/replica/(initiator|responder)", mutated=False),
        ParserOnly("a purpose with the name of sessions' own", "purpose_misused", "/purposes/session", mutated=False),
        ParserOnly("two session rules of one protocol that match the same id", "bad_value", "/sessions/[^/]+/id", "match the same"),
        ParserOnly("its own realm among a session rule's others", "bad_value", "/sessions/[^/]+/realms/[^/]+", "own realm"),
        ParserOnly("a threshold above the number of holders", "bad_value", "/recovery/threshold", "holders"),
        ParserOnly("one key in two offices", "key_reused", OFFICES),
        ParserOnly("hexadecimal digits that are nobody's public key", "bad_value", OFFICES, "no public key"),
    )
}


def read(text):
    """What a lenient reader gives a schema: the last of repeated keys, and no Infinity or NaN."""

    def refuse(name):
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


def verdicts(texts):
    """The parser's, of files in bytes."""
    lines = b"".join(base64.b64encode(text) + b"\n" for text in texts)
    done = subprocess.run([VERDICTS], input=lines, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def samples():
    done = subprocess.run([VERDICTS, "samples"], capture_output=True, check=True)
    return json.loads(done.stdout)


SAMPLES = samples()


def sample():
    return json.loads(SAMPLES["sample"])


def full():
    return json.loads(SAMPLES["full"])


def at(value, path):
    for step in path:
        value = value[step]
    return value


def put(file, path, value):
    """A copy of the file with another value at a place."""
    if not path:
        return value
    file = copy.deepcopy(file)
    at(file, path[:-1])[path[-1]] = value
    return file


def places(value, path=()):
    yield path, value
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, child in children:
        yield from places(child, (*path, step))


def resolved(schema):
    """The schema and everything that it refers to or chooses among."""
    if "$ref" in schema:
        yield from resolved(SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")])
    for choice in schema.get("anyOf", ()):
        yield from resolved(choice)
    yield schema


def every_schema():
    """Every schema within the schema, and where."""
    waiting = [("", SCHEMA)]
    while waiting:
        where, schema = waiting.pop()
        yield where, schema
        for key in ("properties", "$defs"):
            waiting += [(f"{where}/{key}/{name}", inner) for name, inner in schema.get(key, {}).items()]
        for key in ("items", "propertyNames", "additionalProperties", "not"):
            if isinstance(schema.get(key), dict):
                waiting.append((f"{where}/{key}", schema[key]))
        waiting += [(f"{where}/anyOf/{i}", inner) for i, inner in enumerate(schema.get("anyOf", ()))]


def schemas_at(path):
    """Every schema that has a say about the value at the place."""
    found = list(resolved(SCHEMA))
    for step in path:
        below = []
        for schema in found:
            inner = schema.get("items") if isinstance(step, int) else schema.get("properties", {}).get(step)
            if inner is None and not isinstance(step, int):
                inner = schema.get("additionalProperties") or None
            if inner is not None:
                below += resolved(inner)
        found = below
    return found


ANYTHING = [
    None, True, False, 0, 1, 7, -1, 1.0, 1.5, 2**53, 2**64, "", "x", "any", "none", "never", "*", "0", "1",
    "custodian", "2026-01-15T00:00:00Z", "f" * 64, "f" * 96, "0" * 96, [], [None], [1], ["x"], [[]], {}, {"x": 1}, {"": ""},
]  # fmt: skip


def other_texts(text, found):
    """Neighbours of a string: spelled otherwise, longer, shorter, and what its schemas speak of."""
    yield from (text + end for end in ("\n", " ", "/", "/*", "*", ".", "é", "\x00", text))
    yield from (start + text for start in (" ", "-", ".", "/", "\n", "é"))
    yield from (text[1:], text[:-1], text[:-2], text.upper(), text.title(), text.swapcase(), text.replace("a", "g"))
    yield from (text.replace("/", "//"), text.replace("/", "/../"), text.replace(":", ";"), re.sub("[0-9]", "0", text))
    yield from (text.replace("T", " "), text.replace("Z", "+01:30"), text.replace("Z", "-24:00"), text.replace("Z", ".5Z"))
    yield from (text.replace("-01-", "-13-"), text.replace(":00Z", ":60Z"), text.replace("T00", "T24"), "0" * len(text))
    for schema in found:
        yield from (choice for choice in schema.get("enum", ()))
        yield from (word for word in (schema.get("const"),) if isinstance(word, str))
        if "maxLength" in schema:
            for stem in (text, "a"):
                longest = stem + "a" * (schema["maxLength"] - len(stem))
                yield from (longest, longest + "a", longest[:-2] + "/*", longest + "/*")


def other_numbers(number, found):
    for schema in found:
        for bound in ("minimum", "maximum"):
            if bound in schema:
                yield from (schema[bound] - 1, schema[bound], schema[bound] + 1)
    yield from (number + 1, number + 0.5, float(number), str(number))


def other_lists(items):
    for i, item in enumerate(items):
        yield items[:i] + items[i + 1 :]
        yield [*items, item]
        yield items[::-1]
    yield from ([*items, None], [*items, []], [*items, "x"], [items])


def other_objects(fields):
    for key, value in fields.items():
        rest = {name: field for name, field in fields.items() if name != key}
        yield rest
        for name in ("", key + "x", "x" + key, key.upper(), key + " ", key + "\n", "-" + key, "é", "a/b", "a//b", "..", "A", "$schema"):
            yield {**rest, name: value}
            yield {**fields, name: value}
        for length in (63, 64, 65, 127, 128, 129):
            yield {**rest, "n" * length: value}
    yield from ({**fields, "unknown_sibling": other} for other in (1, None, {}, []))


def mutations(file):
    """Every file that differs from this one in one place."""
    for path, value in places(file):
        found = schemas_at(path)
        others = list(ANYTHING)
        if isinstance(value, str):
            others += other_texts(value, found)
        elif isinstance(value, int):
            others += other_numbers(value, found)
        elif isinstance(value, list):
            others += other_lists(value)
        elif isinstance(value, dict):
            others += other_objects(value)
        yield from (put(file, path, other) for other in others)


def encoded(file):
    return json.dumps(file, indent=1).encode()


class SchemaAndParser(unittest.TestCase):
    def agree(self, texts):
        """Both accept, or both refuse, or it is what only the parser sees. Returns how often each."""
        texts = list(dict.fromkeys(texts))
        counts = {"accepted": 0, "refused": 0, "parser only": 0}
        for text, verdict in zip(texts, verdicts(texts), strict=True):
            accepts = VALIDATOR.is_valid(read(text))
            if accepts and verdict["code"] != "accepted":
                seen = any(only.mutated and only.matches(verdict) for only in PARSER_ONLY.values())
                self.assertTrue(seen, f"only the parser refuses: {verdict}\n{text.decode()}")
                counts["parser only"] += 1
                continue
            self.assertEqual(accepts, verdict["code"] == "accepted", f"the schema differs: {verdict}\n{text.decode()}")
            counts["accepted" if accepts else "refused"] += 1
        return counts

    def test_examples(self):
        texts = [text.encode() for text in SAMPLES.values()]
        self.assertEqual(self.agree(texts)["accepted"], 2)
        examples = []
        for path in EXAMPLES:
            try:
                read(path.read_bytes())
            except ValueError:
                continue
            examples.append(path.read_bytes())
        self.assertGreaterEqual(self.agree(examples)["accepted"], 2)

    def test_every_structural_mutation(self):
        for name, file in (("sample", sample()), ("full", full())):
            with self.subTest(name):
                counts = self.agree(encoded(mutated) for mutated in mutations(file))
                self.assertGreater(counts["accepted"], 100)
                self.assertGreater(counts["refused"], 2000)

    def test_the_optional_key(self):
        for level in ("all", "secret", "none", "", 1, None, [], {}, True):
            self.agree([encoded(sample() | {"audited_uses": level})])
        key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
        for arn in (key, "none", key.replace(":key/", ":alias/"), "", 1, None, [], {}):
            generations = full()["root"]["generations"]
            self.agree([encoded(put(full(), ("root", "generations"), [generations[0] | {"kms_key_arn": arn}, *generations[1:]]))])

    def test_counts(self):
        """As many entries as the schema allows anywhere, and one more."""
        covered = set()

        def most_at(path):
            (bounded,) = (schema for schema in schemas_at(path) if {"maxItems", "maxProperties"} & schema.keys())
            covered.add(id(bounded))
            return bounded.get("maxItems") or bounded["maxProperties"]

        def name(i):
            digits = "0123456789abcdefghijklmnopqrstuvwxyz"
            return digits[i // 36 // 36 % 36] + digits[i // 36 % 36] + digits[i % 36]

        def grown(dictionary, entry, count):
            file = full()
            entries = at(file, dictionary)
            entries |= {name(i): entry(i) for i in range(count - len(entries))}
            return file

        def compact(file):
            return json.dumps(file, separators=(",", ":")).encode()

        cases = []  # file, whether it fits
        dictionaries = {
            ("images",): lambda i: full()["images"]["reports-1"],
            ("roles",): lambda i: full()["roles"]["custodian"],
            ("purposes",): lambda i: full()["purposes"]["operate/keys"],
            ("rotation",): lambda i: {"every_seconds": 86400},
            ("recovery", "holders"): lambda i: {"key": f"{i:02x}" + "5" * 62},
            ("sessions",): lambda i: {**full()["sessions"]["sums"], "id": f"more/{i}"},
            ("sessions", "sums", "realms"): lambda i: full()["sessions"]["sums"]["realms"]["bank-b.example"],
            ("sessions", "sums", "realms", "bank-b.example", "roles"): lambda i: {"images": [], "accounts": [], "instances": []},
            # Not keys that could be somebody's: the parser's own count is held by limits_test.cpp.
            ("operators",): None,
        }
        for path, entry in dictionaries.items():
            most = most_at(path)
            if entry is not None:
                cases += [(compact(grown(path, entry, count)), count == most) for count in (most, most + 1)]
        for path, dictionary in (
            (("roles", "custodian", "images"), ("images",)),
            (("purposes", "operate/keys", "initiator"), ("roles",)),
            (("operators", "dana", "purposes"), ("purposes",)),
        ):
            most = most_at(path)
            file = grown(dictionary, dictionaries[dictionary], most)
            names = list(at(file, dictionary))
            cases += [(compact(put(file, path, items)), len(items) == most) for items in (names, [*names, "one-more"])]
        operations = schemas_at(("grants", 0, "operations", 0))[0]["enum"]
        for path, item in (
            (("grants",), lambda i: full()["grants"][0]),
            (("grants", 0, "operations"), lambda i: [*operations, "everything"][i]),
            (("roles", "custodian", "accounts"), lambda i: f"arn:aws:iam::111122223333:role/{i}"),
            (("roles", "custodian", "instances"), lambda i: f"i-{i:08x}"),
            (
                ("root", "generations"),
                lambda i: {"generation": i + 1, "state": "read_only" if i else "current", "commitment": "a" * 64},
            ),
        ):
            most = most_at(path)
            for count in (most, most + 1):
                cases.append((compact(put(full(), path, [item(i) for i in range(count)])), count == most))
        for (text, fits), verdict in zip(cases, verdicts([text for text, _ in cases]), strict=True):
            with self.subTest(verdict=verdict, bytes=len(text)):
                self.assertEqual(verdict["code"], "accepted" if fits else "too_many")
                self.assertEqual(VALIDATOR.is_valid(read(text)), fits)
        everywhere = {id(schema) for _, schema in every_schema() if {"maxItems", "maxProperties"} & schema.keys()}
        self.assertEqual(covered, everywhere)

    def test_what_only_the_parser_sees(self):
        """The schema accepts what a lenient reader makes of each of these; the parser refuses by the code."""
        text = SAMPLES["sample"].encode()
        day = put(sample(), ("validity", "not_before"), "2026-02-30T00:00:00Z")
        day["validity"]["not_after"] = "2026-03-31T00:00:00Z"
        generations = full()["root"]["generations"]
        read_only = [{**generation, "state": "read_only"} for generation in generations]
        current = [{**generation, "state": "current"} for generation in generations]
        dana = full()["operators"]["dana"]
        many = sample()
        many["roles"] |= {f"r{i}": many["roles"]["reports"] for i in range(253)}
        many["purposes"] |= {f"p{i}": {"initiator": list(many["roles"]), "responder": list(many["roles"])} for i in range(130)}
        unpinned = put(sample(), ("roles", "custodian", "accounts"), "any")
        cases = {
            "another encoding than UTF-8 without byte order mark": [
                b"\xef\xbb\xbf" + text,
                text.decode().encode("utf-16"),
                text.replace(b"lab.example", b"lab\xff.example"),
                text.replace(b"lab.example", b"lab\xc0\xae.example"),
            ],
            "a key that is there twice": [text.replace(b'"serial": 1', b'"serial": 1, "serial": 1')],
            "more than 1 MiB": [text + b" " * (2**20 - len(text) + 1)],
            "more than 65,536 values": [json.dumps(many, separators=(",", ":")).encode()],
            "a whole number written as `1.0` or `1e0`": [
                text.replace(b'"serial": 1', b'"serial": 1.0'),
                text.replace(b'"serial": 1', b'"serial": 1e0'),
            ],
            "a day that the calendar does not have": [encoded(day)],
            "`not_after` not later than `not_before`, or more than 90 days later": [
                encoded(put(sample(), ("validity", "not_after"), "2026-01-01T00:00:00Z")),
                encoded(put(sample(), ("validity", "not_after"), "2026-04-01T00:00:01Z")),
            ],
            "a name that leads nowhere": [
                encoded(put(full(), path, "nowhere"))
                for path in (
                    ("roles", "custodian", "images", 0),
                    ("purposes", "keys", "initiator", 0),
                    ("purposes", "keys", "responder", 0),
                    ("grants", 0, "role"),
                    ("operators", "dana", "purposes", 0),
                )
            ],
            "root generations that do not ascend, or not exactly one of them current": [
                encoded(put(full(), ("root", "generations"), other)) for other in (generations[::-1], read_only, current)
            ],
            "no KMS key where a root or a custodian needs one": [
                encoded(put(file, ("root", "kms_key_arn"), "none")) for file in (sample(), full())
            ],
            "a custodian role with neither accounts nor instances": [encoded(unpinned)],
            "`admin` asked for by a role, or answered by one that does not answer `keys`": [
                encoded(put(sample(), ("purposes", "admin"), {"initiator": initiator, "responder": responder}))
                for initiator, responder in ((["payments"], ["custodian"]), ([], ["custodian", "payments"]))
            ],
            "`replica` asked for or answered by a role that does not answer `keys`": [
                encoded(put(sample(), ("purposes", "replica"), {"initiator": initiator, "responder": responder}))
                for initiator, responder in ((["payments"], ["custodian"]), (["custodian"], ["payments"]))
            ],
            "a purpose with the name of sessions' own": [
                encoded(put(sample(), ("purposes", "session"), {"initiator": [], "responder": []}))
            ],
            "two session rules of one protocol that match the same id": [
                encoded(put(full(), ("sessions", "more"), {**full()["sessions"]["sums"], "id": "sums/x"}))
            ],
            "its own realm among a session rule's others": [
                encoded(put(full(), ("sessions", "sums", "realms", "lab.example"), full()["sessions"]["sums"]["realms"]["bank-b.example"]))
            ],
            "a threshold above the number of holders": [encoded(put(full(), ("recovery", "threshold"), 3))],
            "one key in two offices": [
                encoded(put(full(), ("operators", "erik"), dana)),
                encoded(put(full(), ("freshness", "key"), dana["key"])),
                encoded(put(full(), ("recovery", "holders", "erin"), full()["recovery"]["holders"]["frank"])),
            ],
            "hexadecimal digits that are nobody's public key": [
                encoded(put(full(), ("operators", "dana", "key"), "2" * 64)),
                encoded(put(full(), ("freshness", "key"), "0" * 64)),
                encoded(put(full(), ("recovery", "holders", "erin", "key"), "0" * 64)),
            ],
        }
        self.assertEqual(cases.keys(), PARSER_ONLY.keys())
        readme = " ".join((SOURCE / "policy" / "README.md").read_text().split())
        for name, texts in cases.items():
            self.assertIn(name, readme)
            for text, verdict in zip(texts, verdicts(texts), strict=True):
                with self.subTest(name, verdict=verdict):
                    encoding = "utf-16" if text.startswith(b"\xff\xfe") else "utf-8-sig"
                    self.assertTrue(VALIDATOR.is_valid(read(text.decode(encoding, errors="ignore"))))
                    self.assertTrue(PARSER_ONLY[name].matches(verdict))
                    self.assertGreater(verdict["line"], 0)
                    self.assertGreater(verdict["column"], 0)

    def test_what_the_parser_only_says_better(self):
        """Refused by both, by the parser with a reason of its own."""
        alone = put(sample(), ("images", "custodian-1"), {"PCR8": "1" * 96})
        nested = put(sample(), ("realm",), [[[[[[[[]]]]]]]])
        for file, code in ((alone, "weak_pin"), (nested, "not_json")):
            with self.subTest(code):
                self.assertFalse(VALIDATOR.is_valid(file))
                self.assertEqual(verdicts([encoded(file)])[0]["code"], code)


class Schema(unittest.TestCase):
    KEYWORDS = {
        "$schema", "$id", "$ref", "$defs", "title", "description", "type", "const", "enum", "properties", "required",
        "additionalProperties", "propertyNames", "minProperties", "maxProperties", "items", "maxItems", "uniqueItems",
        "minimum", "maximum", "maxLength", "pattern", "format", "anyOf", "not",
    }  # fmt: skip

    def test_is_one_by_its_metaschema(self):
        self.assertEqual(SCHEMA["$schema"], jsonschema.Draft202012Validator.META_SCHEMA["$id"])
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        for where, schema in every_schema():
            # An unknown keyword, such as a misspelled one, would be passed over by every validator.
            self.assertLessEqual(schema.keys(), self.KEYWORDS, where)

    # What is as strict as it can be where it is not there, by name or by place.
    OPTIONAL = {"audited_uses", "sessions", "/properties/root/properties/generations/items/kms_key_arn"}

    def test_objects_are_closed_and_complete(self):
        for where, schema in every_schema():
            if schema.get("type") != "object":
                continue
            if "properties" in schema:
                self.assertIs(schema["additionalProperties"], False, where)
                wanted = [name for name in schema["properties"] if not {name, f"{where}/{name}"} & self.OPTIONAL]
                self.assertEqual(schema["required"], wanted, where)
            else:
                self.assertIn("propertyNames", schema, where)
                self.assertIn("maxProperties", schema, where)
                self.assertIsInstance(schema["additionalProperties"], dict, where)

    def test_everything_is_bounded(self):
        for where, schema in every_schema():
            kind = schema.get("type")
            if kind == "array":
                self.assertIn("maxItems", schema, where)
            elif kind == "integer":
                self.assertLessEqual({"minimum", "maximum"}, schema.keys(), where)
            elif kind == "string":
                self.assertRegex(schema["pattern"], r"^\^.*\$$", where)

    def test_says_what_each_field_means(self):
        for where, schema in every_schema():
            for name, field in schema.get("properties", {}).items():
                self.assertGreater(len(field.get("description", "")), 10, f"{where}/properties/{name}")


if __name__ == "__main__":
    unittest.main()
