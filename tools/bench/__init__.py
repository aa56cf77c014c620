"""Benchmarks as commands: they print figures and judge nothing."""
