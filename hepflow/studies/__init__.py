"""Studies: what commands make whole, a room each. `hepflow.catalogue.STUDIES` has the list."""
