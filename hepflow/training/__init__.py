"""The training of networks: the recipe, several networks as one, and the one torch loop."""

from hepflow.shown import show_briefly
from hepflow.training.bayesian import BayesianMembers, drawn
from hepflow.training.loop import train
from hepflow.training.members import Members, State
from hepflow.training.plan import Losses, Training, TrainingPlan
from hepflow.training.posterior import train_replicas
from hepflow.training.rows import Draws

__all__ = [
    "BayesianMembers",
    "Draws",
    "Losses",
    "Members",
    "State",
    "Training",
    "TrainingPlan",
    "drawn",
    "train",
    "train_replicas",
]

show_briefly([globals()[name] for name in __all__])
