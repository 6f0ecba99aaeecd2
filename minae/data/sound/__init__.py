"""Sounds: read and written, their spectra, and vowels made by machine."""
