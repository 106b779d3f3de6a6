"""``python -m hepflow`` is the command ``hepflow``."""

from hepflow.cli import main

if __name__ == "__main__":
    main()
