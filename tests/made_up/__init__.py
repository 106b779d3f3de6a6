"""Records of studies that never ran, for figures, reports and exports; and a reader of reports."""
