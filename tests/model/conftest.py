"""Property tests here are pure; a busy machine must not fail them by its clock."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("pure", deadline=None)
settings.load_profile("pure")
