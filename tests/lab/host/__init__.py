"""The host's side of the lab; scripts/lab is the command."""
