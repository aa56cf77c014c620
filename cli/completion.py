"""`fedml-infra completion`: the shell's completion script."""

from __future__ import annotations

import click

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Shell completion for bash, zsh or fish.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script for SHELL.

    \b
    bash:  eval "$(fedml-infra completion bash)"        in ~/.bashrc
    zsh:   eval "$(fedml-infra completion zsh)"         in ~/.zshrc, after compinit
    fish:  fedml-infra completion fish | source         in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from .root import fedml_infra

    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(fedml_infra, {}, "fedml-infra", "_FEDML_INFRA_COMPLETE").source())
