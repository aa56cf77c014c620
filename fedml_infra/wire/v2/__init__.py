"""Our own formats, byte for byte in docs/reference/wire-formats.md."""
