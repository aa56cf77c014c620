"""Who is asking."""

from __future__ import annotations

import pytest

from fedml_infra.aws.callers import caller_arn
from fedml_infra.aws.sessions import Access
from fedml_infra.errors import AuthenticationError

from .conftest import ACCOUNT, REGION


def test_the_caller_is_named_by_arn(moto: None) -> None:
    assert caller_arn(Access(), REGION).startswith(f"arn:aws:sts::{ACCOUNT}:")


def test_nobody_is_asking() -> None:
    with pytest.raises(AuthenticationError, match="no AWS credentials"):
        caller_arn(Access(), REGION)
