"""What is asked of a code host. `github.py` and `gitlab.py` answer over HTTP, `double.py` in memory.

A text of ours is known by a marker, an HTML comment that nobody sees, and by its author: what somebody else wrote is
never edited, whatever marker stands in it.
"""

from __future__ import annotations

from typing import Protocol


class Host(Protocol):
    """One repository on a code host, as the pipeline's own user.

    All methods raise AuthenticationError (no right), ConfigurationError (nothing there) or NetworkError (no answer, or
    none that can be used), with what to do; the token is in none of them.
    """

    def comment(self, number: int, marker: str, body: str) -> str:
        """Make the one comment with this marker in a pull (merge) request say `body`; its URL.

        Edited in place where there is one, made where not. `marker` is added to the body where it lacks it.
        """

    def issue(self, marker: str, title: str, body: str) -> str:
        """Make the one open issue with this marker say `title` and `body`; its URL. Made where none is open."""

    def close_issue(self, marker: str, note: str) -> str | None:
        """Close the open issue with this marker, with `note` as a last comment; its URL, None where none is open."""

    def pull_request(self, branch: str, title: str, body: str, *, base: str) -> str:
        """A pull (merge) request of `branch` into `base`; its URL. One that is open already is left as it is."""
