"""How jobs are run, for every command that runs them: the same options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from fedml_infra.operations.jobs.messages import Settings
    from fedml_infra.store.place import StorePlace

F = TypeVar("F", bound=Callable[..., Any])


def job_options(command: F) -> F:
    """`--state-backend`, `--allow-peer`, `--slots` and `--keep-jobs`."""
    for option in reversed(
        [
            click.option(
                "--state-backend",
                metavar="URL",
                help="Keep the states of stacks there: s3://BUCKET?region=…&profile=NAME, a profile of the service's "
                "own. In the --data-dir if not given; needed with a database, as several machines share them.",
            ),
            click.option(
                "--allow-peer",
                "peers",
                multiple=True,
                metavar="HOST[:PORT]",
                help="A host that joins may ask though its address is not public. May be repeated.",
            ),
            click.option(
                "--slots",
                type=click.IntRange(min=1, max=64),
                default=4,
                show_default=True,
                metavar="N",
                help="Runs at the same time; each takes about 300 MB.",
            ),
            click.option(
                "--keep-jobs",
                type=click.IntRange(min=1),
                default=7,
                show_default=True,
                metavar="DAYS",
                help="For how long the results of jobs are kept.",
            ),
        ]
    ):
        command = option(command)
    return command


def settings_of(given: Mapping[str, Any], place: StorePlace) -> Settings:
    """What every job is run with. Raises ConfigurationError for a peer that is none, or where several machines would
    have no state in common.
    """
    from fedml_infra.errors import ConfigurationError
    from fedml_infra.operations.jobs.messages import Settings
    from fedml_infra.operations.jobs.workspace import require_backend
    from fedml_infra.operations.outgoing import Peer

    for peer in given["peers"]:
        Peer.parse(peer)
    if given["state_backend"] is not None:
        require_backend(given["state_backend"])
    if place.data_dir is not None:
        return Settings(place.data_dir / "workspaces", given["state_backend"], tuple(given["peers"]))
    if given["state_backend"] is None:
        raise ConfigurationError(
            "With a database the states of stacks are on no machine of their own.",
            fix="Give --state-backend 's3://BUCKET?region=…&profile=NAME', the same on every machine.",
        )
    import platformdirs

    folder = Path(platformdirs.user_cache_dir("fedml-infra")) / "workspaces"
    return Settings(folder, given["state_backend"], tuple(given["peers"]))
