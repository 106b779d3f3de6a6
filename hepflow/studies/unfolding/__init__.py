"""Data at particle level, with an error that covers, and checks of both (`hepflow unfold`)."""
