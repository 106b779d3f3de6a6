"""How to cite hepflow and what it stands on, as BibTeX; and what papers call the methods."""

from __future__ import annotations

from collections.abc import Iterable

TITLES = {
    "cathode": "CATHODE",
    "lacathode": "LaCATHODE",
    "anode": "ANODE",
    "r-anode": "R-ANODE",
    "cwola": "CWoLa",
    "curtains": "CURTAINs",
    "curtains-latents": "CURTAINs, latents",
    "flow-matching": "flow matching",
    "feta": "FETA",
    "feta-base-to-data": "FETA, base to data",
    "feta-penalty": "FETA, L2 penalty",
    "feta-two-bases": "FETA, two bases",
    "salad": "SALAD",
    "combination": "combination",
    "idealized": "idealized",
    "supervised": "supervised",
}
PAPERS_OF = {  # method, classifier, or limits with retraining -> keys of the papers that it is made of
    "cathode": ("cathode", "neural_spline_flows"),
    "lacathode": ("lacathode", "cathode", "neural_spline_flows"),
    "anode": ("anode", "neural_spline_flows"),
    "r-anode": ("ranode", "anode", "neural_spline_flows"),
    "cwola": ("cwola",),
    "curtains": ("curtains", "curtains_flows_for_flows", "neural_spline_flows"),
    "flow-matching": ("cathode", "flow_matching"),
    "feta": ("feta", "neural_spline_flows"),
    "salad": ("salad",),
    "bdt": ("boosted_trees",),
    "retraining": ("cms_dijet_anomalies",),
}
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
