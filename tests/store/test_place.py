"""Where the store is: options before the environment, the environment before the user's own folder."""

from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest
from pydantic import SecretStr

from fedml_infra.errors import ConfigurationError
from fedml_infra.store.place import StorePlace, has_password, store_place, without_password

URL = "postgresql://fed@db.example.org/fedml"
BOTH = {"FEDML_INFRA_DATA_DIR": "/srv/fedml", "FEDML_INFRA_DATABASE_URL": URL}


def test_it_is_in_the_user_s_data_folder_unless_told() -> None:
    assert store_place(None, None, {}).data_dir == Path(platformdirs.user_data_dir("fedml-infra"))


def test_the_environment_names_a_folder() -> None:
    place = store_place(None, None, {"FEDML_INFRA_DATA_DIR": "/srv/fedml"})
    assert place.file == Path("/srv/fedml/store.sqlite3")


def test_the_environment_names_a_database_before_a_folder() -> None:
    assert store_place(None, None, BOTH).database_url == SecretStr(URL)


def test_an_option_is_before_the_environment() -> None:
    assert store_place(Path("/data"), None, BOTH).data_dir == Path("/data")
    other = SecretStr("postgresql:///other")
    assert store_place(None, other, BOTH).database_url == other


def test_a_relative_folder_is_meant_from_here() -> None:
    place = store_place(Path("data"), None, {})
    assert place.data_dir == Path.cwd() / "data"


def test_two_places_are_none() -> None:
    with pytest.raises(ConfigurationError, match="one of them"):
        store_place(Path("/data"), SecretStr(URL), {})
    with pytest.raises(ConfigurationError, match="one of them"):
        StorePlace()


@pytest.mark.parametrize("url", ["postgres://h/d", "postgresql://h/d", "postgresql+psycopg://h/d"])
def test_postgresql_is_taken_in_each_spelling(url: str) -> None:
    assert store_place(None, SecretStr(url), {}).database_url == SecretStr(url)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u:hunter2@h/d",
        "sqlite:///x",
        "fedml",
        "postgresql:fedml",
        "postgresql://u:hunter2@h:port/d",
        "postgresql://[u:hunter2@h",
    ],
)
def test_another_database_is_refused_without_repeating_its_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="PostgreSQL") as refused:
        store_place(None, SecretStr(url), {})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "has"),
    [
        (URL, False),
        ("postgresql:///fedml?host=/run", False),
        ("postgresql://fed:x@h/d", True),
        ("postgresql://fed:@h/d", True),
        ("postgresql://h/d?password=x", True),
        ("postgresql://[fed:x@h/d", True),
    ],
)
def test_a_password_in_a_url_is_seen(url: str, has: bool) -> None:
    assert has_password(url) is has


def test_a_place_is_told_without_its_password() -> None:
    place = StorePlace(None, SecretStr("postgresql://fed:hunter2@db.example.org/fedml?password=hunter2"))
    assert str(place) == "postgresql://db.example.org/fedml"
    assert "hunter2" not in repr(place)
    assert str(StorePlace(Path("/data"))) == "/data/store.sqlite3"


@pytest.mark.parametrize("url", ["postgresql://fed:p%40ss@h/d", "postgresql://fed@h/d?password=p%40ss"])
def test_what_a_driver_says_is_told_without_the_password(url: str) -> None:
    said = without_password("could not connect as fed with p@ss to h", SecretStr(url))
    assert said == "could not connect as fed with *** to h"
