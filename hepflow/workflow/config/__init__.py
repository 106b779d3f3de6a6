"""The configuration of an analysis: one YAML file, whose schema is the models of `blocks.py` and `top.py`."""

from hepflow.workflow.config.blocks import (
    Cathode,
    Classifier,
    Fit,
    Injection,
    Input,
    Inputs,
    Regions,
    Selection,
)
from hepflow.workflow.config.load import load_config
from hepflow.workflow.config.reference import config_reference, example_yaml
from hepflow.workflow.config.top import Config

__all__ = [
    "Cathode",
    "Classifier",
    "Config",
    "Fit",
    "Injection",
    "Input",
    "Inputs",
    "Regions",
    "Selection",
    "config_reference",
    "example_yaml",
    "load_config",
]
