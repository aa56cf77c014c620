"""Who publishes to whom in a federation, and who receives: as a value, and as text, JSON, Mermaid and SVG."""
