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

from agent_at_work import AgentAtWork, AgentProcess, UnixConnection

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
        for name, header in described["headers"].items():
            self.assertIn(name, response.headers)
            self.judge(response.headers[name], self.lookup(header["$ref"])["schema"])
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

    def example_body(self, operation: dict) -> bytes | None:
        content = operation.get("requestBody", {}).get("content", {})
        if "application/json" in content:
            return json.dumps(content["application/json"]["example"]).encode()
        return b"x" if content else None

    def judge_answer(self, status: int, operation: dict, answer: tuple[http.client.HTTPResponse, bytes],
                     code: str = "") -> http.client.HTTPResponse:
        response, body = answer
        self.assertEqual(response.status, status, body)
        self.check(operation, response, body)
        if code:
            self.assertEqual(json.loads(body)["error"]["code"], code)
        return response

    def test_every_path_refuses_other_methods_large_headers_and_foreign_hosts(self):
        for path, method, operation in self.operations():
            with self.subTest(path=path):
                target, body = self.target(path, operation), self.example_body(operation)
                response = self.judge_answer(405, operation, self.call("PUT", target, b""), "method_not_allowed")
                self.assertEqual(response.headers["Allow"], method)
                self.judge_answer(431, operation, self.call(method, target, body, {"X-Padding": "x" * 8192}),
                                  "header_too_large")
                connection = http.client.HTTPConnection("127.0.0.1", self.agent.tcp_port, timeout=60)
                self.addCleanup(connection.close)
                connection.request(method, target, body, {"Host": "evil.example"})
                response = connection.getresponse()
                self.judge_answer(403, operation, (response, response.read()), "foreign_host")

    def test_refusals_of_inputs_and_states_are_as_described(self):
        """What the paths of keys have in common: a version that is not there, an input over its limit, a key's state."""
        large = base64.b64encode(bytes(66 * 512)).decode()  # more than any input may have
        for path, method, operation in self.operations():
            with self.subTest(path=path):
                schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                if "version" in (parameter["name"] for parameter in self.parameters(operation)):
                    target = self.target(path, operation).replace("version=1", "version=77")
                    self.judge_answer(404, operation, self.call(method, target), "version_unknown")
                for member in set(schema.get("example", {})) & {"message", "plaintext", "bytes", "ciphertext", "wrapped"}:
                    body = json.dumps(schema["example"] | {member: large}).encode()
                    self.judge_answer(413, operation, self.call(method, self.target(path, operation), body),
                                      "input_too_large")
        too_long = self.description["paths"]["/v1/attestation"]["get"]
        self.judge_answer(413, too_long, self.call("GET", "/v1/attestation?nonce=" + "00" * 513), "message_too_large")
        encrypt = self.description["paths"]["/v1/encrypt/{name}"]["post"]
        self.judge_answer(409, encrypt, self.call("POST", "/v1/encrypt/payments/disabled", self.example_body(encrypt)),
                          "key_disabled")

    def test_used_up_grants_and_lost_custodians_are_as_described(self):
        agent = AgentProcess("limited/*:sign:1")
        self.addCleanup(agent.end)

        def call(method: str, target: str, body: bytes | None = None):
            connection = UnixConnection(agent.socket)
            self.addCleanup(connection.close)
            connection.request(method, target, body)
            response = connection.getresponse()
            return response, response.read()

        sign = self.description["paths"]["/v1/sign/{name}"]["post"]
        self.judge_answer(200, sign, call("POST", "/v1/sign/limited/a", self.example_body(sign)))
        self.judge_answer(429, sign, call("POST", "/v1/sign/limited/a", self.example_body(sign)), "use_limit_reached")
        _, sealed = call("POST", "/v1/encrypt-stream/payments/settlement", STREAMED)
        agent.command("stop-custodian")
        while call("GET", "/v1/health")[0].status == 200:  # until the agent has seen it
            pass
        agent.command("stop-link")  # which would go on looking for another, and requests would wait
        for path, method, operation in self.operations():
            with self.subTest(path=path):
                target = self.target(path, operation)
                if path == "/v1/wait-for-ready":
                    target = "/v1/wait-for-ready?timeout_seconds=0"
                status = 200 if path in ("/v1/attestation", "/v1/openapi.json") else 503
                body = sealed if path.startswith("/v1/decrypt-stream") else self.example_body(operation)
                self.judge_answer(status, operation, call(method, target, body))
        waiting = [UnixConnection(agent.socket) for _ in range(128)]
        for connection in waiting:
            self.addCleanup(connection.close)
            connection.request("GET", "/v1/wait-for-ready?timeout_seconds=300")
        wait = self.description["paths"]["/v1/wait-for-ready"]["get"]
        self.judge_answer(429, wait, call("GET", "/v1/wait-for-ready?timeout_seconds=300"), "overloaded")

    def test_is_served_by_the_agent(self):
        response, body = self.call("GET", "/v1/openapi.json")
        self.assertEqual(response.status, 200)
        self.assertEqual(json.loads(body), self.description)


if __name__ == "__main__":
    unittest.main()
