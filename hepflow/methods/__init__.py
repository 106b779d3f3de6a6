"""Methods of background estimation, one file per paper."""

from hepflow.methods.background import Background, Method
from hepflow.methods.cathode import Cathode
from hepflow.methods.cwola import Cwola
from hepflow.methods.reference import Idealized
from hepflow.methods.sidebands import fit_sidebands

__all__ = ["Background", "Cathode", "Cwola", "Idealized", "Method", "fit_sidebands"]
