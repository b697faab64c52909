"""The description of the agent's API: a validator of others' making takes it, and the agent does what it says."""

import base64
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import jsonschema

from agent_at_work import AgentAtWork

SOURCE = pathlib.Path(os.environ["CONCORDAT_SOURCE"])
sys.path.insert(0, str(SOURCE / "tests/support"))

import npm_packages  # noqa: E402  (the path above comes first)

HERE = SOURCE / "tests" / "agent"
VALIDATOR = HERE / "openapi_validator"
DESCRIPTION = SOURCE / "keyservice" / "agent.openapi.json"
# What is put into a stream comes out of it; examples of binary bodies would say less.
STREAMED = b"data of any size " * 5000


@unittest.skipUnless(shutil.which("node") and shutil.which("npm"), "nodejs and npm are not installed")
class Validity(unittest.TestCase):
    def judge(self, description: dict) -> dict:
        folder = npm_packages.install(VALIDATOR, "openapi-validator", "@seriousme/openapi-schema-validator")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(description, file)
            file.flush()
            done = subprocess.run(["node", VALIDATOR / "validate.mjs", folder, file.name], capture_output=True, text=True,
                                  check=True)
        return json.loads(done.stdout)

    def test_of_the_description(self):
        self.assertEqual(self.judge(json.loads(DESCRIPTION.read_text())), {"valid": True, "version": "3.1"})

    def test_the_validator_notices_what_is_wrong(self):
        description = json.loads(DESCRIPTION.read_text())
        del description["paths"]["/v1/health"]["get"]["responses"]
        description["paths"]["/v1/health"]["get"]["summary"] = 7
        self.assertFalse(self.judge(description)["valid"])


class Behaviour(AgentAtWork):
    """Every path and method, called at a running agent as its example says."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.description = json.loads(DESCRIPTION.read_text())

    def lookup(self, reference: str) -> dict:
        node = self.description
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        return node

    def judge(self, value: object, schema: dict):
        resolver = jsonschema.RefResolver.from_schema(self.description)
        jsonschema.Draft202012Validator(schema, resolver=resolver,
                                        format_checker=jsonschema.FormatChecker()).validate(value)

    def operations(self):
        for path, item in self.description["paths"].items():
            for method, operation in item.items():
                yield path, method.upper(), operation

    def parameters(self, operation: dict) -> list[dict]:
        return [self.lookup(each["$ref"]) if "$ref" in each else each for each in operation.get("parameters", [])]

    def target(self, path: str, operation: dict) -> str:
        query = {}
        for parameter in self.parameters(operation):
            self.judge(parameter["example"], parameter["schema"])
            if parameter["in"] == "path":
                path = path.replace("{" + parameter["name"] + "}", urllib.parse.quote(parameter["example"], safe=""))
            else:
                query[parameter["name"]] = parameter["example"]
        return path + ("?" + urllib.parse.urlencode(query) if query else "")

    def check(self, operation: dict, response: http.client.HTTPResponse, body: bytes) -> None:
        """That this answer is one of those that the operation describes."""
        self.assertIn(str(response.status), operation["responses"], body)
        described = operation["responses"][str(response.status)]
        described = self.lookup(described["$ref"]) if "$ref" in described else described
        self.judge(response.headers["X-Request-Id"], self.description["components"]["headers"]["RequestId"]["schema"])
        self.assertIn(response.headers["Content-Type"], described["content"])
        schema = described["content"][response.headers["Content-Type"]].get("schema")
        if schema is not None:
            self.judge(json.loads(body), schema)

    def test_examples_do_what_they_say(self):
        answers = {}
        for path, method, operation in self.operations():
            if path.startswith("/v1/decrypt-stream"):
                continue  # below: what it takes is what the other gave
            with self.subTest(path=path):
                body = None
                content = operation.get("requestBody", {}).get("content", {})
                if "application/json" in content:
                    example = content["application/json"]["example"]
                    self.judge(example, content["application/json"]["schema"])
                    body = json.dumps(example).encode()
                elif content:
                    body = STREAMED
                response, answer = self.call(method, self.target(path, operation), body)
                self.assertEqual(response.status, 200, answer)
                self.check(operation, response, answer)
                answers[path] = answer
        self.assertEqual(base64.b64decode(json.loads(answers["/v1/decrypt/{name}"])["plaintext"]), b"4111111111111111")
        self.assertEqual(base64.b64decode(json.loads(answers["/v1/unwrap/{name}"])["bytes"]), bytes(range(32)))
        path = "/v1/decrypt-stream/{name}"
        operation = self.description["paths"][path]["post"]
        response, opened = self.call("POST", self.target(path, operation), answers["/v1/encrypt-stream/{name}"])
        self.check(operation, response, opened)
        self.assertEqual(opened, STREAMED)

    def test_bare_keys_are_octets(self):
        operation = self.description["paths"]["/v1/keys/{name}"]["get"]
        response, body = self.call("GET", self.target("/v1/keys/{name}", operation),
                                   headers={"Accept": "application/octet-stream"})
        self.check(operation, response, body)
        self.assertEqual(len(body), 32)

    def test_refusals_are_as_described(self):
        for path, method, operation in self.operations():
            with self.subTest(path=path):
                target = self.target(path, operation)
                if "{name}" in path:
                    other = target.replace("payments%2Fsettlement", "reports%2Fdaily")
                    content = operation.get("requestBody", {}).get("content", {})
                    body = json.dumps(content["application/json"]["example"]).encode() \
                        if "application/json" in content else (b"x" if content else None)
                    response, answer = self.call(method, other, body)
                    self.assertIn(response.status, (403, 422), answer)
                    self.check(operation, response, answer)
                response, answer = self.call(method, target.split("?")[0] + "?unheard=of", b"{}" if method == "POST"
                                             else None)
                self.assertEqual(response.status, 400, answer)
                self.check(operation, response, answer)
                if "application/json" in operation.get("requestBody", {}).get("content", {}):
                    for body in (b"{", b'{"unheard":"of"}', b"[]"):
                        response, answer = self.call(method, target, body)
                        self.assertEqual(response.status, 400, answer)
                        self.check(operation, response, answer)

    def test_is_served_by_the_agent(self):
        response, body = self.call("GET", "/v1/openapi.json")
        self.assertEqual(response.status, 200)
        self.assertEqual(json.loads(body), self.description)


if __name__ == "__main__":
    unittest.main()
