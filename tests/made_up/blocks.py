"""The code blocks of the documentation, and how the shell ones are run without a shell."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from hepflow.cli import main
from hepflow.demo import config_path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>[^\n]+) -->\n)?^ *```(?P<language>python|bash)\n(?P<text>.*?)^ *```$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Block:
    """One block: where it stands, what it holds, and why it is not run."""

    page: str
    line: int
    language: str
    text: str
    why: str | None


def blocks():
    """Return all blocks of Python and shell in README and docs, page by page."""
    found = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for one in BLOCK.finditer(text):
            line = text[: one.start("text")].count("\n") + 1
            found.append(
                Block(str(path.relative_to(ROOT)), line, one["language"], dedented(one["text"]), one["why"])
            )
    return found


def dedented(text):
    """Return the text of a block in a list without the list's indent."""
    lines = text.splitlines()
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[indent:] for line in lines) + "\n"


def run_shell(text):
    """Run each command of a block in the current folder: those of hepflow here, others as processes."""
    for line in text.replace("\\\n", " ").splitlines():
        stdin = None
        words = shlex.split(line, comments=True)
        target = words[words.index(">") + 1] if ">" in words else None
        words = words[: words.index(">")] if ">" in words else words
        for command in _piped(words):
            stdin = _run(command, stdin)
        if target is not None:
            Path(target).write_text(stdin)


def _piped(words):
    commands = [[]]
    for word in words:
        if word == "|":
            commands.append([])
        else:
            commands[-1].append(word)
    return [command for command in commands if command]


def _run(words, stdin):
    """Run one command, and return what it printed."""
    if words[0] != "hepflow":
        program = [str(Path(sys.executable).with_name(words[0]))]
        done = subprocess.run(
            [*program, *words[1:]], input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout
    printed, before = io.StringIO(), sys.stdin
    sys.stdin = io.StringIO(stdin or "")
    try:
        with redirect_stdout(printed):
            main(_planned(words[1:]))
    except SystemExit as end:
        if end.code != 0:
            raise AssertionError(f"{' '.join(words)}: exit code {end.code}") from None
    finally:
        sys.stdin = before
    return printed.getvalue()


def _planned(arguments):
    """Return the arguments of a command; where it takes minutes, those of its dry run."""
    command, *others = arguments
    if command == "demo":
        return ["run", str(config_path()), *others, "--dry-run", "--out", "elsewhere"]
    if command not in ("run", "compare", "tune") and "--retrain" not in others:
        return arguments
    dry = [] if "--dry-run" in others else ["--dry-run"]
    elsewhere = [] if "--out" in others else ["--out", "elsewhere"]  # not in the folders that pages look at
    return [*arguments, *dry, *elsewhere]
