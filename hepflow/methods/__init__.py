"""Methods of background estimation, one file per paper."""

from hepflow.methods.background import Background, Method
from hepflow.methods.cathode import Cathode
from hepflow.methods.sidebands import fit_sidebands

__all__ = ["Background", "Cathode", "Method", "fit_sidebands"]
