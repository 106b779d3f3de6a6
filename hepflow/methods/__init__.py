"""Methods of background estimation, one file per paper."""

from hepflow.methods.anode import Anode
from hepflow.methods.background import Background, Method
from hepflow.methods.cathode import Cathode
from hepflow.methods.curtains import Curtains
from hepflow.methods.cwola import Cwola
from hepflow.methods.distance import Distance
from hepflow.methods.feta import Feta
from hepflow.methods.flow_matching import FlowMatchingTemplate
from hepflow.methods.folds import EventFolds, Examples, deal_data
from hepflow.methods.lacathode import LaCathode
from hepflow.methods.outlier import Outlier
from hepflow.methods.ranode import RAnode
from hepflow.methods.reference import Idealized
from hepflow.methods.salad import Salad
from hepflow.methods.shared import SharedCathode, SharedFlows
from hepflow.methods.sidebands import fit_sidebands
from hepflow.shown import show_briefly

__all__ = [
    "Anode",
    "Background",
    "Cathode",
    "Curtains",
    "Cwola",
    "Distance",
    "EventFolds",
    "Examples",
    "Feta",
    "FlowMatchingTemplate",
    "Idealized",
    "LaCathode",
    "Method",
    "Outlier",
    "RAnode",
    "Salad",
    "SharedCathode",
    "SharedFlows",
    "deal_data",
    "fit_sidebands",
]

show_briefly([globals()[name] for name in __all__])
