"""The commands: one small file each; they parse arguments and wire the rooms together."""
