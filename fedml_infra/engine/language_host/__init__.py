"""The language host that goes beside an engine built here; the official installer brings its own.

`pulumi-language-python` starts `language_host.py`, which runs programs through `pulumi_python_program.py`. All three
are copied beside the engine's binary and import nothing of this project, so that a plain `pulumi up` needs no more.
"""
