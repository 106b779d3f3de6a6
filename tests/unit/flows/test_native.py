"""The compiled spline: the torch code's numbers and gradients, for any shape, and what happens without it."""

import subprocess

import pytest
import torch

from hepflow.flows import native
from hepflow.flows.spline import rational_quadratic_spline, spline_rows

BOUND = 4.0
needs_compiler = pytest.mark.skipif(native.library() is None, reason="no C compiler on this machine")


def rows(groups, events, bins, dtype, seed=0, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    x = 3 * torch.randn(groups, events, generator=generator, dtype=dtype)
    x[:, :2] = torch.tensor([-BOUND, BOUND])[: x.shape[1]]
    return x, spread * torch.randn(groups, 3 * bins - 1, events, generator=generator, dtype=dtype)


def reference(x, parameters, inverse=False):
    bins = (parameters.shape[1] + 1) // 3
    each = parameters.movedim(1, -1).split([bins, bins, bins - 1], dim=-1)
    return rational_quadratic_spline(x, *each, bound=BOUND, inverse=inverse)


@needs_compiler
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 63, 8), (2, 64, 5), (5, 65, 8), (1, 1000, 64)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.float64, 1e-10)])
def test_numbers_are_those_of_the_torch_code(shape, dtype, tolerance, inverse):
    x, parameters = rows(*shape, dtype)
    assert native.available(x, shape[2])
    for one, other in zip(
        spline_rows(x, parameters, bound=BOUND, inverse=inverse),
        reference(x, parameters, inverse),
        strict=True,
    ):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@needs_compiler
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-3), (torch.float64, 1e-9)])
def test_gradients_are_those_of_the_torch_code(dtype, tolerance):
    gradients = []
    for kernel in (lambda x, p: spline_rows(x, p, bound=BOUND), reference):
        leaves = [leaf.requires_grad_() for leaf in rows(3, 500, 8, dtype)]
        y, log_determinant = kernel(*leaves)
        gradients.append(torch.autograd.grad((y.sin() + log_determinant.square()).sum(), leaves))
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


@needs_compiler
def test_threads_change_nothing():
    x, parameters = rows(8, 8000, 8, torch.float32)
    before = torch.get_num_threads()
    found = []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(spline_rows(x, parameters, bound=BOUND))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@needs_compiler
@pytest.mark.parametrize("place", ["value", "parameter"])
def test_nan_is_passed_on(place):
    """A loss that is not finite is found out by the training; the spline must not hide it."""
    x, parameters = rows(1, 100, 4, torch.float32)
    (x[0] if place == "value" else parameters[0, 1])[7] = torch.nan
    y, log_determinant = spline_rows(x, parameters, bound=20.0)
    assert torch.isnan(y[0, 7] + log_determinant[0, 7])
    assert torch.isfinite((y + log_determinant)[0, :7]).all()


@needs_compiler
def test_what_it_does_not_take_goes_to_the_torch_code():
    x, parameters = rows(2, 50, native.MAX_BINS + 1, torch.float64)
    assert not native.available(x, native.MAX_BINS + 1)
    assert not native.available(x.half(), 8)
    for one, other in zip(spline_rows(x, parameters, bound=BOUND), reference(x, parameters), strict=True):
        assert torch.equal(one, other)


@needs_compiler
def test_inverse_can_be_differentiated():
    leaves = [leaf.requires_grad_() for leaf in rows(2, 50, 8, torch.float64)]
    x, log_determinant = spline_rows(*leaves, bound=BOUND, inverse=True)
    gradients = torch.autograd.grad((x + log_determinant).sum(), leaves)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """Forget the library of this process, and build into an empty folder."""
    monkeypatch.setenv("HEPFLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(native.tempfile, "gettempdir", lambda: str(tmp_path / "temp"))
    native.library.cache_clear()
    yield tmp_path
    native.library.cache_clear()


@needs_compiler
def test_built_once_and_kept(fresh, monkeypatch):
    assert native.library() is not None
    (built,) = (fresh / "cache").iterdir()
    native.library.cache_clear()
    monkeypatch.setattr(native, "_build", lambda *_: pytest.fail("built again"))
    assert native.library() is not None
    assert built.exists()


@pytest.mark.parametrize("cause", ["switched off", "no compiler", "a compiler that fails"])
def test_where_it_cannot_be_built(fresh, monkeypatch, cause):
    if cause == "switched off":
        monkeypatch.setenv("HEPFLOW_NATIVE", "0")
    elif cause == "no compiler":
        monkeypatch.delenv("CC", raising=False)
        monkeypatch.setattr(native.shutil, "which", lambda _: None)
    else:
        monkeypatch.setenv("CC", "false")
    assert native.library() is None
    x, parameters = rows(2, 50, 8, torch.float64)
    for one, other in zip(spline_rows(x, parameters, bound=BOUND), reference(x, parameters), strict=True):
        assert torch.equal(one, other)
    assert not list(fresh.rglob("*.so"))


@needs_compiler
def test_a_cache_that_cannot_be_written(fresh):
    (fresh / "cache").write_text("a file where the folder should be")
    assert native.library() is not None
    (built,) = fresh.rglob("*.so")
    assert (fresh / "temp") in built.parents


@needs_compiler
def test_an_interrupted_build_leaves_nothing(fresh, monkeypatch):
    def stop(*_):
        raise subprocess.TimeoutExpired("cc", 1)

    monkeypatch.setattr(native, "_run", stop)
    assert native.library() is None
    assert not [each for each in fresh.rglob("*") if each.is_file()]
