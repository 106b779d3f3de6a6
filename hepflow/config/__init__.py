"""The configuration of an analysis: one YAML file, whose schema is the models in this folder, joined in `top.py`."""

from hepflow.config import methods
from hepflow.config.blocks import Fit, Injection, Regions, Selection
from hepflow.config.classifiers import Classifier, Network, Trees
from hepflow.config.compare import Compare
from hepflow.config.generation import Generation
from hepflow.config.inputs import Input, Inputs, Varied
from hepflow.config.integration import Integration
from hepflow.config.load import (
    AnyTask,
    is_configuration,
    load_config,
    load_generation,
    load_integration,
    load_search,
    load_showers,
    load_unfolding,
)
from hepflow.config.methods import Method
from hepflow.config.reference import config_reference, example_yaml
from hepflow.config.scan import Scan
from hepflow.config.showers import ShowerStudy
from hepflow.config.top import Config
from hepflow.config.unfolding import Unfolding

__all__ = [
    "AnyTask",
    "Classifier",
    "Compare",
    "Config",
    "Fit",
    "Generation",
    "Injection",
    "Input",
    "Inputs",
    "Integration",
    "Method",
    "Network",
    "Regions",
    "Scan",
    "Selection",
    "ShowerStudy",
    "Trees",
    "Unfolding",
    "Varied",
    "config_reference",
    "example_yaml",
    "is_configuration",
    "load_config",
    "load_generation",
    "load_integration",
    "load_search",
    "load_showers",
    "load_unfolding",
    "methods",
]
