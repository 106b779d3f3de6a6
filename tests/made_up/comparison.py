"""A comparison of three methods."""

from dataclasses import replace

from hepflow.studies.comparison.record import Comparison, Estimate, Matrix, MethodCut, MethodResult


def method(name, title, injected, sic):
    """Return what a method found."""
    cut = MethodCut(0.01, 210.0, 150.0, 12.0, 3.1, 3.3, 4.8e-4, Estimate(sic, 0.05))
    return MethodResult(
        method=name,
        title=title,
        uses_truth=name == "idealized",
        seed=1,
        injected=injected,
        signal=250.0,
        background=14_000.0,
        auc=Estimate(0.8429, 0.0019),
        max_sic=Estimate(2 * sic, 0.18),
        cuts=(cut,),
        closure={"SB1": Estimate(0.4997, 0.0020), "SR": Estimate(0.5120, 0.0026)},
        background_efficiency=(1.0, 0.1, 0.01),
        signal_efficiency=(1.0, 0.7, 0.45),
        seconds=66.3,
    )


COMPARISON = Comparison(
    name="methods",
    config_hash="e8d46b0073f4a629",
    versions={"hepflow": "0.1.0"},
    regions={"signal": (3300.0, 3700.0), "sidebands": ((2900.0, 3300.0), (3700.0, 4500.0))},
    results=(
        method("cathode", "CATHODE", 300, 5.31),
        method("idealized", "idealized", 300, 5.24),
        replace(method("cwola", "CWoLa", 300, 5.14), problems=("0.001: no event is left",)),
    ),
    matrices=(
        Matrix(
            "correlation",
            1,
            300,
            ("cathode", "cwola"),
            ((1.0, 0.52), (0.52, 1.0)),
            ((0.0, 0.01), (0.01, 0.0)),
        ),
    ),
)
