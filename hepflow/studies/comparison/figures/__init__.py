"""The figures of a comparison, one file a figure; `draw.py` says which there are."""
