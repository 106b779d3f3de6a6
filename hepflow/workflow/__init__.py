"""From a configuration to a run folder: the configuration itself, the stages, their results on disk."""
