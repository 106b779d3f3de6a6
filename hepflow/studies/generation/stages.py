"""The stages of a generation, known without loading it."""

STAGES = ("events", "generator", "generated", "judgement", "limits", "generation", "figures")
