"""Limits with the efficiency that a cut has once it is trained on the signal (`hepflow limit CONFIG --retrain`)."""
