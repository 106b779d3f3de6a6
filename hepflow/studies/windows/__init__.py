"""A search in every window of a spectrum, and what its largest excess is worth (`hepflow run --scan`)."""
