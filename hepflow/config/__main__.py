"""``python -m hepflow.config`` writes ``docs/configuration.md`` to standard output."""

import sys

from hepflow.config.reference import config_reference

if __name__ == "__main__":
    sys.stdout.write(config_reference())
