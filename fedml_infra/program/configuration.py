"""The running stack's configuration, as the engine hands it to the program."""

from __future__ import annotations

import pulumi
from pulumi.runtime import config as runtime_config

from fedml_infra.aws.provider_settings import provider_settings
from fedml_infra.errors import FedmlError
from fedml_infra.model.validation import from_engine_config, validate
from fedml_infra.program.federation import Federation, FederationArgs


def engine_config() -> dict[str, str]:
    """Every configuration value of the running stack by its full key, secrets opened.

    `pulumi.Config` answers for one key at a time; a misspelt key is only found by looking at all of them.
    """
    return {**runtime_config.get_config_env(), **runtime_config.CONFIG.get()}


def federation_from_configuration() -> Federation:
    """Declare the federation that the running stack's configuration describes.

    Raises pulumi.RunError, which the engine prints without a traceback, for whatever is wrong with it.
    """
    try:
        values = engine_config()
        config = validate(from_engine_config(values), stack=pulumi.get_stack())
        return Federation(config.fed_name, FederationArgs(config, provider_settings(values)))
    except FedmlError as error:
        raise pulumi.RunError(str(error)) from None
