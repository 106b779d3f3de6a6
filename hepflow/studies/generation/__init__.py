"""Events from flows: learned, generated, judged, and what they are worth in a limit (`hepflow generate`)."""
