"""The engine of long work: steps under keys in a run folder, made once, here or in several processes."""
