"""The version, alone in its file so that packaging and `--version` read the same line."""

__version__ = "0.1.0"
