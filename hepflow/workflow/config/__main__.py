"""``python -m hepflow.workflow.config`` writes ``docs/configuration.md`` to standard output."""

import sys

from hepflow.workflow.config.reference import config_reference

if __name__ == "__main__":
    sys.stdout.write(config_reference())
