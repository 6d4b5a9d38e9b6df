"""Where frames come from: capture files and live interfaces; and where they are kept: capture files."""
