"""HTTP in, an operation, HTTP out."""
