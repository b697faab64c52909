"""examples/tokeniser in a worker's image, and its callers outside the enclave."""

import json
import pathlib

from jobs import http_unix
from jobs.deployment import Deployment, Worker

SOCKET = "lab/app/tokeniser.sock"  # as the enclave sees it
TOKENS_KEY, VAULT_KEY = "cards/tokens", "cards/vault"


def pack(lab: Deployment, worker: Worker) -> pathlib.Path:
    """An image whose agent starts the tokeniser; of each worker another one."""
    name = lab.folder / f"{worker.name}.txt"
    name.write_text(f"{worker.name} with a tokeniser\n")
    return lab.pack(worker.name, "concordat-worker-lab", "--file", f"etc/worker={name}",
                    "--file", f"bin/tokeniser={lab.programs.path('tokeniser')}", "--", "--",
                    "/bin/tokeniser", f"unix:{SOCKET}", "unix:lab/agent.sock")


def ask(lab: Deployment, worker: Worker, method: str, operation: str, **members) -> http_unix.Answer:
    """As a caller outside the enclave does."""
    body = json.dumps(members).encode() if method == "POST" else None
    return http_unix.request(lab.lab / "run" / worker.name / SOCKET, method, f"/v1/{operation}", body,
                             {"X-Request-Id": "order-17"})


def is_ready(lab: Deployment, worker: Worker) -> bool:
    try:
        return ask(lab, worker, "GET", "health").status == 200
    except OSError:
        return False  # it does not listen yet
