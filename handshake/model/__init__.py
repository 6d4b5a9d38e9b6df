"""Plain frozen dataclasses and enums: the words that every other room speaks."""
