"""The engine of long work: steps under keys in a run folder, made once, here or in several processes.

It knows no physics. A study (`study.py`) says which steps it has (`plan.py`), each with the function that makes it
(`job.py`); the rest of this room keeps, finds and carries out.
"""
