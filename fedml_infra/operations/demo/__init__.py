"""The demo: a federation of three organisations lives its whole life on this machine, and is counted."""
