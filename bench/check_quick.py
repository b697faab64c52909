"""Runs `concordat-bench --quick` and holds its JSON to its shape: every listed ratio, a positive number each, and no request
lost in failover."""

import json
import subprocess
import sys


def main(program: str) -> int:
    listed = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout
    wanted = {line.split()[0] for line in listed.splitlines()}
    done = subprocess.run([program, "--quick", "--json", "-"], check=True, capture_output=True, text=True)
    ratios = json.loads(done.stdout)["ratios"]
    print(done.stderr, end="")
    if not wanted or set(ratios) != wanted:
        print(f"ratios {sorted(ratios)}, listed {sorted(wanted)}")
        return 1
    # Of requests that are lost there are none, whatever else the machine does.
    odd = {key: value for key, value in ratios.items()
           if not (isinstance(value, float) and (value == 0 if key == "failover" else value > 0))}
    if odd:
        print(f"neither positive numbers nor, of failover, 0: {odd}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
