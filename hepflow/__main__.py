"""The command ``hepflow``, and ``python -m hepflow``."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C while that is loaded ends as it does later."""
    try:
        from hepflow.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
