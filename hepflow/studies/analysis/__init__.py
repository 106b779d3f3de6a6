"""One analysis, from events to fits: the steps that several studies are made of, and the functions that make them.

What a step may look at is what its settings hold. So each function stands in a file with those that change together,
and a changed line remakes the results that depend on it and no other.
"""
