"""The stages of a search, as users see them; light, so that the help of a command can list them."""

STAGES = ("features", "background", "scores", "validation", "fit", "figures")
