"""Many captures at once, each read by a worker process of its own, the small results merged (docs/survey.md)."""
