"""Checkpoints: a training that is stopped at any moment ends with the weights of one that was not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from hepflow.errors import ConfigError, InputError
from hepflow.flows import flow_matching
from hepflow.flows.stack import FlowMembers
from hepflow.training import Members, TrainingPlan, train

PLAN = TrainingPlan(epochs=6, batch_size=32, learning_rate=0.05, best_epochs=3)


def rows(events=400):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(events, 2, generator=generator)
    return x, x @ torch.tensor([[2.0], [-1.0]]) + 0.1 * torch.randn(events, 1, generator=generator)


def squared(network, x, y):
    return (network(x) - y).square().sum(-1)


def members(hidden=8):
    networks = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks.append(
            torch.nn.Sequential(torch.nn.Linear(2, hidden), torch.nn.Tanh(), torch.nn.Linear(hidden, 1))
        )
    return Members(networks, squared)


def fit(plan=PLAN, checkpoint=None, networks=None, data=None, seeds=(1, 2), own=None):
    return train(networks or members(), data or rows(), plan, seeds, "line", own=own, checkpoint=checkpoint)


def same(one, other):
    assert [training.losses for training in one] == [training.losses for training in other]
    for mine, theirs in zip(one, other, strict=True):
        assert len(mine.states) == len(theirs.states)
        for a, b in zip(mine.states, theirs.states, strict=True):
            assert all(torch.equal(a[name], b[name]) for name in a)


class StopError(Exception):
    pass


def stop_at(monkeypatch, steps):
    """Interrupt the training at a step of the optimiser."""
    done = []
    step = torch.optim.AdamW.step

    def counted(self, *arguments, **options):
        done.append(1)
        if len(done) == steps:
            raise StopError
        return step(self, *arguments, **options)

    monkeypatch.setattr(torch.optim.AdamW, "step", counted)


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        TrainingPlan(epochs=6, batch_size=32, schedule="cosine", average=0.9, bootstrap=True),
        TrainingPlan(epochs=30, batch_size=32, learning_rate=0.3, schedule="constant", patience=2),
    ],
    ids=["one-cycle", "average and bootstrap", "patience"],
)
@pytest.mark.parametrize("steps", [5, 12, 40])
def test_resumed_ends_with_the_same_weights(plan, steps, tmp_path):
    path = tmp_path / "flow.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, steps)
        with pytest.raises(StopError):
            fit(plan, path)
    assert path.exists() == (steps > 11)  # an epoch is 11 steps
    same(fit(plan, path), fit(plan))


@pytest.mark.parametrize("steps", [5, 12, 40])
def test_members_with_rows_of_their_own(steps, tmp_path):
    path, own = tmp_path / "flow.safetensors", [torch.arange(400), torch.arange(400, 801)]
    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, steps)
        with pytest.raises(StopError):
            fit(checkpoint=path, data=rows(801), own=own)
    same(fit(checkpoint=path, data=rows(801), own=own), fit(data=rows(801), own=own))
    with pytest.raises(ConfigError, match="another training: its rows is"):
        fit(checkpoint=path, data=rows(801), own=own[::-1])


def test_losses_that_draw_random_numbers(tmp_path):
    path, x = tmp_path / "flow.safetensors", torch.randn(400, 2, generator=torch.Generator().manual_seed(1))

    def run(checkpoint=None):
        torch.manual_seed(3)
        flows = FlowMembers([flow_matching(2, hidden=8, layers=1) for _ in range(2)])
        return train(flows, (x,), PLAN, [1, 2], "flow", checkpoint=checkpoint)

    with pytest.MonkeyPatch.context() as patch:
        stop_at(patch, 30)
        with pytest.raises(StopError):
            run(path)
    torch.rand(7)  # whatever the process draws in between
    same(run(path), run())


def test_a_finished_training_is_read_back(tmp_path, monkeypatch):
    path = tmp_path / "flow.safetensors"
    done = fit(checkpoint=path)
    stop_at(monkeypatch, 1)
    same(fit(checkpoint=path), done)


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_checkpoints import fit, TrainingPlan
fit(TrainingPlan(epochs=400, batch_size=32, best_epochs=3), Path(sys.argv[1]))
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_kill_at_any_moment(tmp_path):
    """SIGKILL leaves the checkpoint of a whole epoch, and no other file that would be taken for one."""
    plan = TrainingPlan(epochs=400, batch_size=32, best_epochs=3)
    path = tmp_path / "flow.safetensors"
    code = KILLED.format(folder=str(Path(__file__).parent))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for wait in (0.05, 0.13):
        process = subprocess.Popen([sys.executable, "-c", code, str(path)], env=environment)
        limit = time.monotonic() + 60
        while not path.exists() and time.monotonic() < limit:
            time.sleep(0.01)
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert path.exists()
    same(fit(plan, path), fit(plan))


def test_a_checkpoint_of_another_training(tmp_path):
    path = tmp_path / "flow.safetensors"
    fit(checkpoint=path)
    for change, message in (
        ({"networks": members(hidden=5)}, r"its parameters has 0.weight = \[8, 2\], this one's \[5, 2\]"),
        ({"plan": TrainingPlan(epochs=7, batch_size=32)}, "its plan has epochs = 6, this one's 7"),
        ({"seeds": (1, 3)}, r"its seeds is \[1, 2\], this one's \[1, 3\]"),
        ({"data": rows(300)}, "its rows is"),
    ):
        with pytest.raises(ConfigError, match=f"another training: {message}"):
            fit(**{"checkpoint": path, **change})


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "other tensors"])
def test_a_damaged_checkpoint(tmp_path, damage):
    path = tmp_path / "flow.safetensors"
    fit(checkpoint=path)
    if damage == "other tensors":
        save_file({"x": torch.zeros(3)}, path)
    else:
        path.write_bytes(
            {"truncated": path.read_bytes()[:-100], "text": b"nothing of the kind", "empty": b""}[damage]
        )
    with pytest.raises(InputError, match=r"flow.safetensors: not a checkpoint .* remove it to start anew"):
        fit(checkpoint=path)


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        fit(checkpoint=tmp_path / "missing" / "flow.safetensors")
    if os.getuid():  # root may write anywhere
        tmp_path.chmod(0o500)
        with pytest.raises(InputError, match="cannot be written: no permission"):
            fit(checkpoint=tmp_path / "flow.safetensors")


def test_no_checkpoint_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert np.isfinite(fit()[0].losses.validation).all()
    assert not list(tmp_path.iterdir())
