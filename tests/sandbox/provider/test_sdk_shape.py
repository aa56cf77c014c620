"""What is read from the SDK's text is what its classes say of themselves."""

from __future__ import annotations

import importlib
import inspect

import pytest

from fedml_infra.sandbox.provider.kinds import KINDS
from fedml_infra.sandbox.provider.sdk_shape import shape


def arguments_of(type_):
    """The class that the SDK has for the inputs of a type."""
    _, module, name = type_.split(":")
    service = importlib.import_module(f"pulumi_aws.{module.split('/')[0]}")
    return getattr(service, f"{name}InitArgs", None) or getattr(service, f"{name}Args")


def wire_names(names, arguments):
    """Python name -> camelCase name, as the SDK itself translates them."""
    return {getattr(arguments, name).fget._pulumi_name: name for name in names}


@pytest.mark.parametrize("type_", KINDS)
def test_inputs_are_the_properties_of_the_arguments(type_):
    arguments = arguments_of(type_)
    properties = [name for name, value in vars(arguments).items() if isinstance(value, property)]
    assert shape(type_).inputs == wire_names(properties, arguments).keys()


@pytest.mark.parametrize("type_", KINDS)
def test_required_is_what_has_no_default(type_):
    arguments = arguments_of(type_)
    parameters = inspect.signature(arguments.__init__).parameters.values()
    needed = [each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.default is each.empty]
    assert shape(type_).required == wire_names(needed, arguments).keys()


def test_a_source_without_arguments_is_no_empty_shape():
    with pytest.raises(LookupError, match="getQueueArgs"):
        shape("aws:sqs/getQueue:getQueue")
