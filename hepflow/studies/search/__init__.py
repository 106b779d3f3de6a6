"""A search: one signal region, from files to p-value, limit and figures (`hepflow run`)."""
