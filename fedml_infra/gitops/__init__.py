"""What a pipeline needs: which stacks a change touches, what it would do, and doing it; and the repository itself."""
