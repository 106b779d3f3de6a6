"""The spline's kernels: the reference's numbers and gradients, and the same bits with a compiler and without."""

import subprocess

import pytest
import torch

from hepflow.flows import native, portable
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
    for one, other in zip(spline_rows(x, parameters, bound=BOUND), reference(x, parameters), strict=True):
        assert torch.equal(one, other)


@needs_compiler
def test_inverse_can_be_differentiated():
    leaves = [leaf.requires_grad_() for leaf in rows(2, 50, 8, torch.float64)]
    x, log_determinant = spline_rows(*leaves, bound=BOUND, inverse=True)
    gradients = torch.autograd.grad((x + log_determinant).sum(), leaves)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@needs_compiler
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("spread", [1.0, 30.0])
@pytest.mark.parametrize("shape", [(1, 1, 2), (3, 63, 8), (5, 65, 10), (1, 1000, 64)])
def test_every_bit_is_that_of_the_portable_code(shape, spread, dtype):
    x, parameters = rows(*shape, dtype, spread=spread)
    by_y, by_log_determinant = rows(*shape, dtype, seed=1)[0], rows(*shape, dtype, seed=2)[0]
    for function, given in (
        ("forward", (x, parameters)),
        ("inverse", (x, parameters)),
        ("backward", (x, parameters, by_y, by_log_determinant)),
    ):
        found = (getattr(kernel, function)(*given, BOUND, 0.54) for kernel in (native, portable))
        for one, other in zip(*found, strict=True):
            assert torch.equal(one.nan_to_num(7.0), other.nan_to_num(7.0))


@needs_compiler
@pytest.mark.parametrize("flags", [["-O0"], ["-O2", "-march=native"], ["-O3"]])
def test_no_flag_of_the_compiler_changes_a_bit(fresh, monkeypatch, flags):
    x, parameters = rows(5, 500, 8, torch.float32)
    expected = portable.forward(x, parameters, BOUND, 0.54)
    monkeypatch.setattr(native, "FLAGS", [*flags, *native.FLAGS[1:]])
    assert native.library() is not None
    for one, other in zip(native.forward(x, parameters, BOUND, 0.54), expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_exponential_and_logarithm(dtype):
    x = torch.linspace(-80, 80, 20_001, dtype=dtype)
    eps = torch.finfo(dtype).eps
    torch.testing.assert_close(portable.exponential(x), torch.exp(x), rtol=3 * eps, atol=0)
    y = torch.exp(torch.linspace(-80, 80, 20_001, dtype=torch.float64)).to(dtype)
    torch.testing.assert_close(portable.logarithm(y), torch.log(y), rtol=4 * eps, atol=0)


def without_compiler(monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(native.shutil, "which", lambda _: None)


@needs_compiler
def test_built_once_and_kept(fresh, monkeypatch):
    assert native.library() is not None
    (built,) = (fresh / "cache").glob("*.so")
    native.library.cache_clear()
    monkeypatch.setattr(native, "_build", lambda *_: pytest.fail("built again"))
    assert native.library() is not None
    assert built.exists()


@pytest.mark.parametrize("cause", ["switched off", "no compiler", "a compiler that fails"])
def test_where_it_cannot_be_built(fresh, monkeypatch, cause):
    if cause == "switched off":
        monkeypatch.setenv("HEPFLOW_NATIVE", "0")
    elif cause == "no compiler":
        without_compiler(monkeypatch)
    else:
        monkeypatch.setenv("CC", "false")
    assert native.library() is None
    x, parameters = rows(2, 50, 8, torch.float64)
    for one, other in zip(spline_rows(x, parameters, bound=BOUND), reference(x, parameters), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    assert not list(fresh.rglob("*.so"))


@needs_compiler
def test_what_was_built_is_used_without_a_compiler(fresh, monkeypatch):
    assert native.library() is not None
    native.library.cache_clear()
    without_compiler(monkeypatch)
    assert native.library() is not None


@needs_compiler
def test_a_compiler_with_arguments(fresh, monkeypatch):
    monkeypatch.setenv("CC", "env LC_ALL=C cc")
    assert native.library() is not None


@needs_compiler
@pytest.mark.parametrize("damage", ["truncated", "changed", "no digest"])
def test_a_damaged_library_is_built_again(fresh, damage):
    folder = fresh / "cache"
    assert native.library() is not None
    (built,), (digest,) = folder.glob("*.so"), folder.glob("*.sha256")
    content = built.read_bytes()
    built.unlink()  # the one that this process has loaded
    if damage == "no digest":
        digest.unlink()
    built.write_bytes({"truncated": content[:5000], "changed": content[:-1] + b"!"}.get(damage, content))
    native.library.cache_clear()
    assert native.library() is not None
    assert built.read_bytes() == content


@needs_compiler
@pytest.mark.parametrize("fault", ["folder of others", "file of others", "link"])
def test_what_others_could_have_put_there_is_not_run(fresh, fault):
    folder = fresh / "cache"
    assert native.library() is not None
    (built,) = folder.glob("*.so")
    if fault == "folder of others":
        folder.chmod(0o777)
    elif fault == "file of others":
        built.chmod(0o777)
    else:
        built.rename(fresh / "elsewhere.so")
        built.symlink_to(fresh / "elsewhere.so")
    native.library.cache_clear()
    assert native.library() is not None
    if fault == "folder of others":
        assert list((fresh / "temp").rglob("*.so"))
    else:
        assert not built.is_symlink()
        assert built.stat().st_mode & 0o777 == 0o700


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
