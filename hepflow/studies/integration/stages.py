"""The stages of an integration, known without loading it."""

STAGES = ("function", "integral", "events", "integration", "figures")
