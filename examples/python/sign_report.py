#!/usr/bin/python3
"""Signs a report with a key that never leaves the custodian, and seals it for whoever may read reports.

    sign_report.py AGENT REPORT      writes REPORT.sig (a bare signature) and REPORT.sealed

Example: sign_report.py unix:/run/concordat/agent.sock /tmp/report.txt
Exit status: 0 done, 2 refused by the agent, 1 anything else.
"""

import pathlib
import sys

sys.dont_write_bytecode = True
from concordat import Agent, ConcordatError  # noqa: E402

SIGNING_KEY, SEALING_KEY = "reports/signer", "reports/readers"
PIECE = 64 * 1024


def pieces(path: pathlib.Path):
    with path.open("rb") as report:
        while piece := report.read(PIECE):
            yield piece


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 1
    endpoint, report = sys.argv[1], pathlib.Path(sys.argv[2])
    with Agent(endpoint) as agent:
        agent.wait_for_ready(30)
        signature, envelope = agent.sign(SIGNING_KEY, report.read_bytes())
        agent.verify(SIGNING_KEY, report.read_bytes(), envelope)
        report.with_suffix(".sig").write_bytes(signature)
        # Bound to the name of the report: sealed bytes that are moved to another name do not open there.
        with report.with_suffix(".sealed").open("wb") as sealed:
            agent.encrypt_stream(SEALING_KEY, pieces(report), lambda part: sealed.write(part), report.name.encode())
    print(f"{report.with_suffix('.sig')}: {len(signature)} bytes")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ConcordatError as error:
        print(f"{error} (request {error.request_id or 'none'})", file=sys.stderr)
        sys.exit(2 if error.http_status else 1)
