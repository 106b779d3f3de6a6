"""Several methods on the same data, over seeds and injections (`hepflow compare`)."""
