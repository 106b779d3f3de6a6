"""The training of networks: the recipe, several networks as one, and the one torch loop."""

from hepflow.training.loop import train
from hepflow.training.members import Members, State
from hepflow.training.plan import Losses, Training, TrainingPlan

__all__ = ["Losses", "Members", "State", "Training", "TrainingPlan", "train"]
