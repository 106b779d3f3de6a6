"""The catalogue: each method, classifier and study once, with what it needs and the papers behind it.

A row says where the code is and loads nothing of it. The schema of the configuration, the commands, the reports, the
shell's completion and the tests read these rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class MethodRow:
    """A method of background estimation, or a reference.

    Parameters
    ----------
    title
        What papers call it.
    where
        Its class, ``module:name``. The block of its settings stands in `hepflow.config.methods` under the same name.
    papers
        Keys of the papers that it is made of.
    needs_simulation, needs_truth
        What it cannot do without; one that needs truth is a reference, and no search.
    own_score
        Whether it scores by networks of its own, which are no part of what a step keeps.
    takes_classifier
        Whether the classifier of the configuration has a part in that score.
    learns_density
        Whether it learns a density of the features, which then have to be continuous.
    scores_ratio
        Whether its score is a log density ratio of data to background: else it is not calibrated as one, and has no
        part in the combination, which is a sum of such.
    variants
        Titles of its variants that are not the usual one, by the name of the variant.
    """

    title: str
    where: str
    papers: tuple[str, ...] = ()
    needs_simulation: bool = False
    needs_truth: bool = False
    own_score: bool = False
    takes_classifier: bool = True
    learns_density: bool = True
    scores_ratio: bool = True
    variants: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ClassifierRow:
    """A classifier: what papers call it, its class, ``module:name``, and keys of its papers."""

    title: str
    where: str
    papers: tuple[str, ...] = ()


@dataclass(frozen=True)
class DetectorRow:
    """An outlier detector: what it is called, its class, ``module:name``, and keys of its papers."""

    title: str
    where: str
    papers: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyRow:
    """A study: what it is, where its `Study` is, ``module:name``, the record in its folder, keys of its papers.

    With `own_schema` its configuration is no search's: a command of its name makes it, of files with its `task`.
    """

    title: str
    where: str
    file: str
    papers: tuple[str, ...] = ()
    own_schema: bool = False


DETECTORS: Mapping[str, DetectorRow] = {
    "isolation-forest": DetectorRow("isolation forest", "hepflow.outliers.isolation:IsolationForest"),
    "autoencoder": DetectorRow(
        "autoencoder", "hepflow.outliers.autoencoder:Autoencoder", ("qcd_or_what", "deep_autoencoders")
    ),
    "vae": DetectorRow(
        "variational autoencoder",
        "hepflow.outliers.autoencoder:VariationalAutoencoder",
        ("variational_autoencoder",),
    ),
    "normalized": DetectorRow(
        "normalized autoencoder",
        "hepflow.outliers.normalized:NormalizedAutoencoder",
        ("normalized_autoencoder", "normalized_autoencoder_jets"),
    ),
    "flow": DetectorRow("flow density", "hepflow.outliers.flow:FlowDensity", ("neural_spline_flows",)),
    "latent-radius": DetectorRow(
        "latent radius", "hepflow.outliers.flow:LatentRadius", ("neural_spline_flows",)
    ),
}
METHODS: Mapping[str, MethodRow] = {
    "cathode": MethodRow("CATHODE", "hepflow.methods.cathode:Cathode", ("cathode", "neural_spline_flows")),
    "lacathode": MethodRow(
        "LaCATHODE",
        "hepflow.methods.lacathode:LaCathode",
        ("lacathode", "cathode", "neural_spline_flows"),
        own_score=True,
    ),
    "flow-matching": MethodRow(
        "flow matching", "hepflow.methods.flow_matching:FlowMatchingTemplate", ("cathode", "flow_matching")
    ),
    "curtains": MethodRow(
        "CURTAINs",
        "hepflow.methods.curtains:Curtains",
        ("curtains", "curtains_flows_for_flows", "neural_spline_flows"),
        variants={"latents": "CURTAINs, latents"},
    ),
    "cwola": MethodRow("CWoLa", "hepflow.methods.cwola:Cwola", ("cwola",), learns_density=False),
    "anode": MethodRow(
        "ANODE",
        "hepflow.methods.anode:Anode",
        ("anode", "neural_spline_flows"),
        own_score=True,
        takes_classifier=False,
    ),
    "r-anode": MethodRow(
        "R-ANODE",
        "hepflow.methods.ranode:RAnode",
        ("ranode", "anode", "neural_spline_flows"),
        own_score=True,
        takes_classifier=False,
    ),
    "feta": MethodRow(
        "FETA",
        "hepflow.methods.feta:Feta",
        ("feta", "neural_spline_flows"),
        needs_simulation=True,
        variants={
            "base-to-data": "FETA, base to data",
            "penalty": "FETA, L2 penalty",
            "two-bases": "FETA, two bases",
        },
    ),
    "salad": MethodRow(
        "SALAD", "hepflow.methods.salad:Salad", ("salad",), needs_simulation=True, learns_density=False
    ),
    "outlier": MethodRow(
        "outliers, isolation forest",
        "hepflow.methods.outlier:Outlier",
        ("atlas_unsupervised",),
        own_score=True,
        takes_classifier=False,
        learns_density=False,
        scores_ratio=False,
        variants={name: f"outliers, {row.title}" for name, row in DETECTORS.items()},
    ),
    "idealized": MethodRow(
        "idealized", "hepflow.methods.reference:Idealized", needs_truth=True, learns_density=False
    ),
    "supervised": MethodRow(
        "supervised", "hepflow.methods.reference:Idealized", needs_truth=True, learns_density=False
    ),
}
CLASSIFIERS: Mapping[str, ClassifierRow] = {
    "bdt": ClassifierRow(
        "boosted decision trees", "hepflow.classifiers.bdt:BoostedTrees", ("boosted_trees",)
    ),
    "mlp": ClassifierRow("neural networks", "hepflow.classifiers.mlp:NeuralNetwork"),
}
STUDIES: Mapping[str, StudyRow] = {
    "search": StudyRow("a search in one signal region", "hepflow.studies.search.study:STUDY", "results.json"),
    "windows": StudyRow(
        "a search in every window of a spectrum", "hepflow.studies.windows.study:STUDY", "scan.json"
    ),
    "comparison": StudyRow(
        "several methods on the same data", "hepflow.studies.comparison.study:STUDY", "comparison.json"
    ),
    "limits": StudyRow(
        "limits with retraining",
        "hepflow.studies.limits.study:STUDY",
        "limits.json",
        ("cms_dijet_anomalies",),
    ),
    "tuning": StudyRow("a search for better settings", "hepflow.studies.tuning.study:STUDY", "tuning.json"),
    "generate": StudyRow(
        "events from flows",
        "hepflow.studies.generation.study:STUDY",
        "generation.json",
        ("generated_events", "event_generation", "neural_spline_flows"),
        own_schema=True,
    ),
    "unfold": StudyRow(
        "data at particle level",
        "hepflow.studies.unfolding.study:STUDY",
        "unfolding.json",
        ("omnifold", "posterior_unfolding", "iterated_unfolding", "bottom_line"),
        own_schema=True,
    ),
    "shower": StudyRow(
        "showers in a calorimeter",
        "hepflow.studies.showers.study:STUDY",
        "showers.json",
        ("caloflow", "calochallenge"),
        own_schema=True,
    ),
    "integrate": StudyRow(
        "an integral and its events",
        "hepflow.studies.integration.study:STUDY",
        "integration.json",
        ("madnis", "madnis_reloaded"),
        own_schema=True,
    ),
}


def method_title(name: str) -> str:
    """Return what papers call a method, by its name in a table of methods: ``curtains-latents`` is a variant."""
    if name in METHODS:
        return METHODS[name].title
    for method, row in METHODS.items():
        if name.removeprefix(f"{method}-") in row.variants:
            return row.variants[name.removeprefix(f"{method}-")]
    return name


def papers_of(*names: str) -> list[str]:
    """Return keys of the papers behind methods, classifiers and studies, each once; variants have their method's."""
    detectors = {f"outlier-{name}": row for name, row in DETECTORS.items()}
    rows: dict[str, MethodRow | DetectorRow | ClassifierRow | StudyRow]
    rows = {**METHODS, **detectors, **CLASSIFIERS, **STUDIES}
    found = (row for name in names for one, row in rows.items() if name == one or name.startswith(f"{one}-"))
    return list(dict.fromkeys(paper for row in found for paper in row.papers))


PAPERS = (  # what for, key, authors, title, arXiv number
    (
        "CATHODE, the background template",
        "cathode",
        "Hallin, Anna and Isaacson, Joshua and Kasieczka, Gregor and Krause, Claudius and Nachman, Benjamin and "
        "Quadfasel, Tobias and Schlaffer, Matthias and Shih, David and Sommerhalder, Manuel",
        "Classifying anomalies through outer density estimation",
        "2109.00546",
    ),
    (
        "LaCATHODE",
        "lacathode",
        "Hallin, Anna and Kasieczka, Gregor and Quadfasel, Tobias and Shih, David and Sommerhalder, Manuel",
        "Resonant anomaly detection without background sculpting",
        "2210.14924",
    ),
    (
        "ANODE",
        "anode",
        "Nachman, Benjamin and Shih, David",
        "Anomaly Detection with Density Estimation",
        "2001.04990",
    ),
    ("R-ANODE", "ranode", "Das, Ranit and Kasieczka, Gregor and Shih, David", "Residual ANODE", "2312.11629"),
    (
        "CWoLa hunting",
        "cwola",
        "Collins, Jack H. and Howe, Kiel and Nachman, Benjamin",
        "Extending the search for new resonances with machine learning",
        "1902.02634",
    ),
    (
        "SALAD",
        "salad",
        "Andreassen, Anders and Nachman, Benjamin and Shih, David",
        "Simulation Assisted Likelihood-free Anomaly Detection",
        "2001.05001",
    ),
    (
        "CURTAINs",
        "curtains",
        "Raine, John Andrew and Klein, Samuel and Sengupta, Debajyoti and Golling, Tobias",
        "CURTAINs for your Sliding Window: Constructing Unobserved Regions by Transforming Adjacent Intervals",
        "2203.09470",
    ),
    (
        "CURTAINs, its transport by maximum likelihood",
        "curtains_flows_for_flows",
        "Sengupta, Debajyoti and Klein, Samuel and Raine, John Andrew and Golling, Tobias",
        "CURTAINs Flows For Flows: Constructing Unobserved Regions with Maximum Likelihood Estimation",
        "2305.04646",
    ),
    (
        "FETA",
        "feta",
        "Golling, Tobias and Klein, Samuel and Mastandrea, Radha and Nachman, Benjamin",
        "Flow-Enhanced Transportation for Anomaly Detection",
        "2212.11285",
    ),
    (
        "Combinations of methods",
        "interplay",
        "Golling, Tobias and Kasieczka, Gregor and Krause, Claudius and Mastandrea, Radha and Nachman, Benjamin and "
        "Raine, John Andrew and Sengupta, Debajyoti and Shih, David and Sommerhalder, Manuel",
        "The Interplay of Machine Learning-based Resonant Anomaly Detection Methods",
        "2307.11157",
    ),
    (
        "Outliers in dijets, a search",
        "atlas_unsupervised",
        "{ATLAS Collaboration}",
        "Search for new phenomena in two-body invariant mass distributions using unsupervised machine learning for "
        r"anomaly detection at $\sqrt{s}$ = 13 TeV with the ATLAS detector",
        "2307.01612",
    ),
    (
        "Autoencoders as detectors of outliers",
        "qcd_or_what",
        "Heimel, Theo and Kasieczka, Gregor and Plehn, Tilman and Thompson, Jennifer M.",
        "QCD or What?",
        "1808.08979",
    ),
    (
        "Autoencoders as detectors of outliers",
        "deep_autoencoders",
        "Farina, Marco and Nakai, Yuichiro and Shih, David",
        "Searching for New Physics with Deep Autoencoders",
        "1808.08992",
    ),
    (
        "Variational autoencoders",
        "variational_autoencoder",
        "Kingma, Diederik P. and Welling, Max",
        "Auto-Encoding Variational Bayes",
        "1312.6114",
    ),
    (
        "The normalized autoencoder",
        "normalized_autoencoder",
        "Yoon, Sangwoong and Noh, Yung-Kyun and Park, Frank Chongwoo",
        "Autoencoding Under Normalization Constraints",
        "2105.05735",
    ),
    (
        "The normalized autoencoder, for jets",
        "normalized_autoencoder_jets",
        "Dillon, Barry M. and Favaro, Luigi and Plehn, Tilman and Sorrenson, Peter and Krämer, Michael",
        "A Normalized Autoencoder for LHC Triggers",
        "2206.14225",
    ),
    (
        "Neural spline flows, the densities",
        "neural_spline_flows",
        "Durkan, Conor and Bekasov, Artur and Murray, Iain and Papamakarios, George",
        "Neural Spline Flows",
        "1906.04032",
    ),
    (
        "Flow matching, the density of that template",
        "flow_matching",
        "Lipman, Yaron and Chen, Ricky T. Q. and Ben-Hamu, Heli and Nickel, Maximilian and Le, Matt",
        "Flow Matching for Generative Modeling",
        "2210.02747",
    ),
    (
        "Boosted trees as the classifier",
        "boosted_trees",
        'Finke, Thorben and Hein, Marie and Kasieczka, Gregor and Kr{\\"a}mer, Michael and M{\\"u}ck, Alexander and '
        "Prangchaikul, Parada and Quadfasel, Tobias and Shih, David and Sommerhalder, Manuel",
        "Tree-based algorithms for weakly supervised anomaly detection",
        "2309.13111",
    ),
    (
        "Limits with the efficiency that a cut has when it is trained with that much signal in the data",
        "cms_dijet_anomalies",
        "{CMS Collaboration}",
        "Model-agnostic search for dijet resonances with anomalous jet substructure in proton-proton collisions at "
        r"$\sqrt{s}$ = 13 TeV",
        "2412.03747",
    ),
    (
        "Events from flows in an analysis",
        "generated_events",
        "Gavranovi{\\v{c}}, Jan and Ker{\\v{s}}evan, Borut Paul",
        "Systematic Evaluation of Generative Machine Learning Capability to Simulate Distributions of Observables at "
        "the Large Hadron Collider",
        "2310.08994",
    ),
    (
        "Events from a generative network, and sharp peaks",
        "event_generation",
        "Butter, Anja and Plehn, Tilman and Winterhalder, Ramon",
        "How to GAN LHC Events",
        "1907.03764",
    ),
    (
        "OmniFold, unfolding without bins",
        "omnifold",
        "Andreassen, Anders and Komiske, Patrick T. and Metodiev, Eric M. and Nachman, Benjamin and Thaler, Jesse",
        "OmniFold: A Method to Simultaneously Unfold All Observables",
        "1911.09107",
    ),
    (
        "Unfolding by a conditional flow",
        "posterior_unfolding",
        "Bellagente, Marco and Butter, Anja and Kasieczka, Gregor and Plehn, Tilman and Rousselot, Armand and "
        'Winterhalder, Ramon and Ardizzone, Lynton and K{\\"o}the, Ullrich',
        "Invertible Networks or Partons to Detector and Back Again",
        "2006.06685",
    ),
    (
        "The same, iterated against the dependence on the simulation",
        "iterated_unfolding",
        "Backes, Mathias and Butter, Anja and Dunford, Monica and Malaescu, Bogdan",
        "An unfolding method based on conditional Invertible Neural Networks (cINN) using iterative training",
        "2212.08674",
    ),
    (
        "MadNIS, neural importance sampling",
        "madnis",
        "Heimel, Theo and Winterhalder, Ramon and Butter, Anja and Isaacson, Joshua and Krause, Claudius and "
        "Maltoni, Fabio and Mattelaer, Olivier and Plehn, Tilman",
        "MadNIS -- Neural Multi-Channel Importance Sampling",
        "2212.06172",
    ),
    (
        "MadNIS, buffered training and learned channel weights",
        "madnis_reloaded",
        "Heimel, Theo and Huetsch, Nathan and Maltoni, Fabio and Mattelaer, Olivier and Plehn, Tilman and "
        "Winterhalder, Ramon",
        "The MadNIS Reloaded",
        "2311.01548",
    ),
    (
        "Showers from chained flows",
        "caloflow",
        "Krause, Claudius and Shih, David",
        "CaloFlow: Fast and Accurate Generation of Calorimeter Showers with Normalizing Flows",
        "2106.05285",
    ),
    (
        "Files of showers, and their judgement",
        "calochallenge",
        "Krause, Claudius and others",
        "CaloChallenge 2022: A Community Challenge for Fast Calorimeter Simulation",
        "2410.21611",
    ),
    (
        "The bottom line of unfolding",
        "bottom_line",
        "Cousins, Robert D. and May, Samuel J. and Sun, Yipeng",
        "Should unfolded histograms be used to test hypotheses?",
        "1607.07038",
    ),
    (
        "The test statistics, their asymptotic formulae",
        "asymptotic_formulae",
        "Cowan, Glen and Cranmer, Kyle and Gross, Eilam and Vitells, Ofer",
        "Asymptotic formulae for likelihood-based tests of new physics",
        "1007.1727",
    ),
)
SOFTWARE = """\
@software{hepflow,
  title   = {hepflow: resonant anomaly searches from files to a p-value},
  author  = {{The hepflow authors}},
  version = {VERSION},
  year    = {2026}
}

% pyhf, the statistical model
@article{pyhf_joss,
  author  = {Heinrich, Lukas and Feickert, Matthew and Stark, Giordon and Cranmer, Kyle},
  title   = {pyhf: pure-Python implementation of HistFactory statistical models},
  journal = {Journal of Open Source Software},
  volume  = {6},
  number  = {58},
  pages   = {2823},
  year    = {2021},
  doi     = {10.21105/joss.02823}
}"""


def citation(version: str) -> str:
    """Return the BibTeX entries of hepflow, of the statistical model and of every method."""
    return bibtex(version, [key for _, key, *_ in PAPERS])


def bibtex(version: str, keys: Iterable[str]) -> str:
    """Return the BibTeX entries of hepflow, of the statistical model and of the papers with these keys."""
    wanted = set(keys)
    entries = [
        f"% {what}\n@article{{{key},\n  author  = {{{authors}}},\n  title   = {{{title}}},\n"
        f"  eprint  = {{{number}}},\n  archivePrefix = {{arXiv}}\n}}"
        for what, key, authors, title, number in PAPERS
        if key in wanted
    ]
    return "\n\n".join([SOFTWARE.replace("VERSION", version), *entries])
