"""The environment that is handed to the engine: only what it, its plugins and the program need, each with a reason."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from fedml_infra.engine.redaction import SECRET_VARIABLES

NEEDED: Mapping[str, str] = {
    "PATH": "finding plugins, and whatever a credential process calls",
    "HOME": "~/.aws and ~/.pulumi",
    "USER": "named in the lock and in the history of a stack",
    "LOGNAME": "as USER",
    "LANG": "the encoding of what is printed",
    "TZ": "times in messages",
    "TMPDIR": "temporary files",
    "TEMP": "as TMPDIR",
    "TMP": "as TMPDIR",
    "SSL_CERT_FILE": "roots that the engine and official plugins trust (Go)",
    "SSL_CERT_DIR": "as SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE": "roots that boto3 trusts in the program",
    "HTTP_PROXY": "reaching AWS and the backend",
    "HTTPS_PROXY": "as HTTP_PROXY",
    "ALL_PROXY": "as HTTP_PROXY",
    "NO_PROXY": "as HTTP_PROXY",
    "http_proxy": "as HTTP_PROXY",
    "https_proxy": "as HTTP_PROXY",
    "all_proxy": "as HTTP_PROXY",
    "no_proxy": "as HTTP_PROXY",
    "VIRTUAL_ENV": "the program's packages",
    "PYTHONPATH": "the program's packages",
    "SYSTEMROOT": "Windows: sockets and temporary files",
    "USERPROFILE": "Windows: as HOME",
    "APPDATA": "Windows: as HOME",
}
"""Variables by name, and what needs them."""

NEEDED_PREFIXES: Mapping[str, str] = {
    "AWS_": "credentials, region, endpoints and certificates of AWS",
    "PULUMI_": "backend, passphrase, home and switches of the engine",
    "FEDML_INFRA_": "settings of this project",
    "LC_": "the encoding of what is printed",
    "XDG_": "where caches and settings lie",
    "GOOGLE_": "a state backend or key in Google Cloud",
    "AZURE_": "a state backend or key in Azure",
    "VAULT_": "a key in HashiCorp Vault",
}
"""Variables by the start of their name, and what needs them."""

_OURS = {
    "PULUMI_SKIP_UPDATE_CHECK": "true",  # a run must not wait for a question about newer versions
    "PULUMI_AUTOMATION_API": "true",  # no hints meant for a person at a terminal
    "PULUMI_DEBUG_COMMANDS": "true",  # unlocks --event-log, as the Automation API does
    "NO_COLOR": "1",
}
_NOT_FOR_A_CHILD = frozenset(
    {
        "PULUMI_OPTION_JSON",
        "PULUMI_OPTION_COLOR",
        "PULUMI_OPTION_EVENT_LOG",
        # Secrets that are this process's own business.
        "FEDML_INFRA_KEY",
        "FEDML_INFRA_PASSPHRASE",
        "FEDML_INFRA_DATABASE_URL",
        "FEDML_INFRA_MASTER_KEY",
    }
)


def without_secrets(outer: Mapping[str, str]) -> dict[str, str]:
    """The `outer` environment for a child that acts on nothing of the user's: a compiler, an installer."""
    return {name: value for name, value in outer.items() if name not in SECRET_VARIABLES}


def engine_environment(outer: Mapping[str, str], binary_dir: str) -> dict[str, str]:
    """The environment of an engine in `binary_dir`, out of the `outer` one."""
    kept = {
        name: value
        for name, value in outer.items()
        if (name in NEEDED or name.startswith(tuple(NEEDED_PREFIXES))) and name not in _NOT_FOR_A_CHILD
    }
    # The program's Python where the project has no .venv of its own: the one that has this package.
    kept.setdefault("PULUMI_PYTHON", sys.executable)
    kept["PATH"] = f"{binary_dir}:{kept['PATH']}" if kept.get("PATH") else binary_dir
    return {**kept, **_OURS}
