"""A client of the local KMS as an administrator or a parent instance has it: JSON 1.1 with Signature Version 4
(AWS General Reference, "Signing AWS API requests"), over the KMS's Unix socket."""

import datetime
import hashlib
import hmac
import json
import pathlib

from jobs import http_unix

SERVICE = "kms"


class KmsClient:
    def __init__(self, socket: pathlib.Path, region: str, credentials: dict):
        """`credentials`: what IMDSv2 answers for a role, which is what the KMS keeps in its state's credentials/."""
        self.socket, self.region, self.credentials = socket, region, credentials

    def call(self, operation: str, **members) -> http_unix.Answer:
        body = json.dumps(members).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "host": f"kms.{self.region}.amazonaws.com",
            "x-amz-date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ"),
            "x-amz-target": f"TrentService.{operation}",
        }
        if token := self.credentials.get("Token"):
            headers["x-amz-security-token"] = token
        headers["authorization"] = self._authorization(headers, body)
        return http_unix.request(self.socket, "POST", "/", body, headers)

    def _authorization(self, headers: dict[str, str], body: bytes) -> str:
        date = headers["x-amz-date"]
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = f"{date[:8]}/{self.region}/{SERVICE}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = b"AWS4" + self.credentials["SecretAccessKey"].encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return (f"AWS4-HMAC-SHA256 Credential={self.credentials['AccessKeyId']}/{scope}, "
                f"SignedHeaders={names}, Signature={signature}")
