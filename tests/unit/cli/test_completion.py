"""``hepflow completion``: the scripts for shells, and what shells are told."""

import pytest
from click.shell_completion import BashComplete

from hepflow.cli import cli
from hepflow.cli.completion import SHELLS, VARIABLE
from hepflow.config.methods import BY_NAME

OTHERS = sorted(set(BY_NAME) - {"salad", "r-anode"})


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_script(hepflow, shell):
    code, out, _ = hepflow("completion", shell)
    assert code == 0
    assert VARIABLE in out
    assert "hepflow" in out


@pytest.mark.parametrize(
    ("typed", "begun", "found"),
    [
        ([], "tu", ["tune"]),
        (["run", "c.yaml", "--until"], "back", ["background"]),
        (["run", "c.yaml"], "--unblind-", ["--unblind-by"]),
        (["completion"], "", list(SHELLS)),
        (["run", "c.yaml", "--set"], "method=c", ["method=cathode", "method=cwola", "method=curtains"]),
        (["compare", "c.yaml", "--methods"], "f", ["feta", "flow-matching"]),
        (["compare", "c.yaml", "--methods"], "salad,r-anode,", [f"salad,r-anode,{name}" for name in OTHERS]),
        (["compare", "c.yaml", "--methods"], "cwola,c", ["cwola,cathode", "cwola,curtains"]),
        (["compare", "c.yaml", "--methods"], "cwola,x", []),
    ],
)
def test_what_is_completed(typed, begun, found):
    completions = BashComplete(cli, {}, "hepflow", VARIABLE).get_completions(typed, begun)
    assert sorted(item.value for item in completions) == sorted(found)


def test_files_are_completed_by_the_shell():
    (item,) = BashComplete(cli, {}, "hepflow", VARIABLE).get_completions(["check"], "se")
    assert item.type == "file"
