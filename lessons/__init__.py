"""The lessons: one folder each, read and run in order."""
