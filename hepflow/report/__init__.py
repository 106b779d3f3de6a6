"""Report: what the pages of all studies share, from blocks to one HTML file that needs nothing else."""
