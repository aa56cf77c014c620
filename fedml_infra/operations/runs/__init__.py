"""The log of every run: written as it happens, kept for its owner, read back by `runs list` and `runs show`."""

from fedml_infra.operations.runs.journal import Journal
from fedml_infra.operations.runs.record import Outcome, Record
from fedml_infra.operations.runs.store import find, records, runs_folder

__all__ = ["Journal", "Outcome", "Record", "find", "records", "runs_folder"]
