"""Showers learned by flows, generated, and told from others (`hepflow shower`)."""
