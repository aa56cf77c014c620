"""The checks of `doctor`: each a small function that asks one thing and says how to mend it."""
