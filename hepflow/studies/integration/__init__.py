"""Integration: the figures and the report of an integral."""
