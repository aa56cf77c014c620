"""The local AWS of a laptop: nothing in here can reach the real one."""
