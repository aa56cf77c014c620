"""The only place that runs Pulumi: install, workspace, stack files, runs, events."""
