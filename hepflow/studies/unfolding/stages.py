"""The stages of an unfolding, known without loading it."""

STAGES = ("pairs", "unfolded", "systematics", "reference", "checks", "unfolding", "figures")
