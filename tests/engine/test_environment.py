"""What the engine's process is given, and what it is not."""

from __future__ import annotations

import sys

from fedml_infra.engine.environment import NEEDED, NEEDED_PREFIXES, engine_environment


def test_only_what_is_needed_is_handed_on():
    outer = {
        "PATH": "/bin", "HOME": "/h", "AWS_PROFILE": "insel", "PULUMI_BACKEND_URL": "file://x", "HTTPS_PROXY": "p",
        "SSL_CERT_FILE": "c", "DATABASE_PASSWORD": "no", "GITHUB_TOKEN": "no", "OPENAI_API_KEY": "no",
    }  # fmt: skip
    handed = engine_environment(outer, "/engine")
    assert not {"DATABASE_PASSWORD", "GITHUB_TOKEN", "OPENAI_API_KEY"} & set(handed)
    for name in ("HOME", "AWS_PROFILE", "PULUMI_BACKEND_URL", "HTTPS_PROXY", "SSL_CERT_FILE"):
        assert handed[name] == outer[name]


def test_the_engines_folder_comes_first_on_path():
    assert engine_environment({"PATH": "/usr/bin"}, "/engine")["PATH"] == "/engine:/usr/bin"
    assert engine_environment({}, "/engine")["PATH"] == "/engine"


def test_the_program_runs_under_this_python_unless_told_otherwise():
    assert engine_environment({}, "/e")["PULUMI_PYTHON"] == sys.executable
    assert engine_environment({"PULUMI_PYTHON": "/p"}, "/e")["PULUMI_PYTHON"] == "/p"


def test_nothing_from_outside_changes_the_output_that_is_read():
    handed = engine_environment({"PULUMI_OPTION_JSON": "true", "PULUMI_SKIP_UPDATE_CHECK": "false"}, "/e")
    assert "PULUMI_OPTION_JSON" not in handed
    assert handed["PULUMI_SKIP_UPDATE_CHECK"] == "true"


def test_every_entry_has_a_reason():
    assert all({**NEEDED, **NEEDED_PREFIXES}.values())
