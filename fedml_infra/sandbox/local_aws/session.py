"""A boto3 session bound to one local AWS, whatever the environment and the configuration files say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import create_loader

_LOADER = create_loader()
"""Shared, as reading the services' descriptions again is most of what a further session costs."""


class LocalSession(boto3.Session):
    """As boto3's, but every client goes to the given endpoint and past every proxy."""

    def __init__(self, url: str, authority: Path, **values: Any) -> None:
        core = botocore.session.get_session()
        core.register_component("data_loader", _LOADER)
        super().__init__(botocore_session=core, **values)
        self._url, self._authority = url, authority

    def client(self, *args: Any, **values: Any) -> Any:
        """A client of the local AWS."""
        return super().client(*args, **self._here(values))

    def resource(self, *args: Any, **values: Any) -> Any:
        """A resource of the local AWS."""
        return super().resource(*args, **self._here(values))

    def _here(self, values: dict[str, Any]) -> dict[str, Any]:
        own = Config(proxies={}, retries={"max_attempts": 1})
        config = values.get("config")
        merged = own.merge(config) if config is not None else own
        return {"endpoint_url": self._url, "verify": str(self._authority), **values, "config": merged}
