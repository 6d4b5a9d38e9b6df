"""Two opinions side by side, without I/O: ours and tshark's on the same capture."""
