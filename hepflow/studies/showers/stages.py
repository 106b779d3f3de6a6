"""The stages of a study of showers, known without loading it."""

STAGES = ("showers", "model", "generated", "judgement", "shower", "figures")
