"""The configuration of an analysis: one YAML file, whose schema is the models in this folder, joined in `top.py`."""

from hepflow.workflow.config import methods
from hepflow.workflow.config.blocks import Fit, Injection, Regions, Selection
from hepflow.workflow.config.classifiers import Classifier, Network, Trees
from hepflow.workflow.config.compare import Compare
from hepflow.workflow.config.inputs import Input, Inputs, Varied
from hepflow.workflow.config.load import load_config
from hepflow.workflow.config.methods import Method
from hepflow.workflow.config.reference import config_reference, example_yaml
from hepflow.workflow.config.top import Config

__all__ = [
    "Classifier",
    "Compare",
    "Config",
    "Fit",
    "Injection",
    "Input",
    "Inputs",
    "Method",
    "Network",
    "Regions",
    "Selection",
    "Trees",
    "Varied",
    "config_reference",
    "example_yaml",
    "load_config",
    "methods",
]
