"""The commands that pipelines call."""
