"""What a pipeline needs: which stacks a change touches, what it would do, doing it, and the repository to begin with."""
