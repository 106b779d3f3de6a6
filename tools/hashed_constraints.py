"""What pip reports that it would install, as versions with hashes: ``make constraints-hashed.txt`` calls this.

What stands in the report beside them (addresses, places on this machine) is left out.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

HEAD = """\
# The versions of constraints.txt with the hashes of their files, on the platform where this was made:
#     pip install --require-hashes --requirement constraints-hashed.txt
#     pip install --no-deps .
"""
NAME, VERSION, HASH = r"[A-Za-z0-9][A-Za-z0-9._-]*", r"[A-Za-z0-9.+!_-]+", r"[0-9a-f]{64}"


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each package of a report, in order of their names."""
    for one in sorted(report["install"], key=lambda one: one["metadata"]["name"].lower()):
        name, version = one["metadata"]["name"], one["metadata"]["version"]
        found = one["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256", "")
        for what, pattern in ((name, NAME), (version, VERSION), (found, HASH)):
            if not re.fullmatch(pattern, what):
                raise SystemExit(
                    f"{name} {version}: pip reports {what!r}; expected a name, a version and a SHA-256"
                )
        yield f"{name}=={version} --hash=sha256:{found}\n"


if __name__ == "__main__":
    sys.stdout.write("".join([HEAD, *lines(json.load(sys.stdin))]))
