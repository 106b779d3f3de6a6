"""Several methods on the same data, as steps of one plan."""
