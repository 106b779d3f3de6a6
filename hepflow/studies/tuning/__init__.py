"""The search for good settings, beside the signal region alone (`hepflow tune`)."""
