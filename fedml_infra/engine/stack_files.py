"""Stack files, `Pulumi.<stack>.yaml`: read with their lines, edited so that all else stays as it was, byte for byte.

People write these files and review every change to them, so an edit replaces the lines of what it changes and no
others. What has been written is read again before it counts: where the file is laid out in a way that lines cannot
tell (flow style, an anchor), ruamel.yaml writes it anew, which keeps comments, order and quotes.
"""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from fedml_infra.engine.splice import Layout
from fedml_infra.engine.yaml_text import dump, equal, merged, new_value, plain
from fedml_infra.errors import ConfigurationError, Problem, StackNotFoundError
from fedml_infra.model.ciphertext import Ciphertext
from fedml_infra.model.stack import StackConfig
from fedml_infra.model.validation import NAMESPACE, SECRETS, validate

__all__ = ["Ciphertext", "StackFile", "load", "stack_files"]

SCHEMA_COMMENT = "# yaml-language-server: $schema=schema.json\n"
"""Tells editors where the schema is: beside the stack files."""


class StackFile:
    """One stack file. Edits are in memory until `write`."""

    def __init__(self, path: Path, text: str, *, on_disk: bytes | None) -> None:
        self.path = path
        self._on_disk = on_disk
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._take(text.replace("\r\n", "\n"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The file at `path`. StackNotFoundError where there is none; ConfigurationError where it is no stack file."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            there = sorted(other.name for other in path.parent.glob("Pulumi.*.yaml"))
            fix = f"there are {', '.join(there)}" if there else "`fedml-infra create` and `fedml-infra join` write one"
            raise StackNotFoundError(f"no stack file {path}", fix=fix) from None
        try:
            return cls(path, content.decode("utf-8"), on_disk=content)
        except UnicodeDecodeError as error:
            raise ConfigurationError(f"{path} is not UTF-8 text: byte {error.start}") from None

    @classmethod
    def new(cls, path: Path) -> Self:
        """A file that does not exist yet, with the comment that names the schema to editors."""
        return cls(path, SCHEMA_COMMENT, on_disk=None)

    @property
    def stack(self) -> str:
        """The stack's name, from the file's."""
        return self.path.name.removeprefix("Pulumi.").removesuffix(".yaml")

    @property
    def text(self) -> str:
        """What `write` will write."""
        return self._text.replace("\n", self._newline)

    @property
    def config(self) -> dict[str, Any]:
        """Plain values by full key (`fedml-infra:fed_name`); `{secure: …}` is a Ciphertext."""
        return {str(key): plain(value) for key, value in self._config.items()}

    @property
    def lines(self) -> dict[str, int]:
        """1-based lines by full key and path: `fedml-infra:nodes`, `fedml-infra:nodes[0].pid`."""
        found: dict[str, int] = {}
        _lines("", self._config, found)
        return found

    @property
    def rest(self) -> dict[str, Any]:
        """What stands beside `config`: how the stack's secrets are encrypted, by the engine's names."""
        return {str(key): plain(value) for key, value in (self._document or {}).items() if key != "config"}

    @property
    def rest_lines(self) -> dict[str, int]:
        """1-based lines of the keys of `rest`."""
        found: dict[str, int] = {}
        _lines("", self._document, found)
        return {key: found[key] for key in self.rest if key in found}

    def validated(self) -> StackConfig:
        """What the file says. ConfigurationError with every mistake and its line. Secrets stay encrypted."""
        return validate(self.config, stack=self.stack, lines=self.lines, source=str(self.path))

    def set(self, key: str, value: Any) -> None:
        """Give `key` (full) a plain value: text, number, bool, list, mapping or Ciphertext.

        Entries of a list that are as they were keep their lines and comments; they are told by `pid` or `aws_id`.
        ValueError for a secret in the clear.
        """
        if key.removeprefix(NAMESPACE) in SECRETS and not isinstance(value, Ciphertext):
            raise ValueError(f"{key} is a secret: only its ciphertext may be written")
        if key in self._config and equal(self._config[key], value):
            return
        self._edit(
            {**self.config, key: value},
            lambda: Layout(self._text, self._document).with_key(key, value),
            lambda config: config.update({key: merged(config.get(key), value)}),
            # A node that an alias points to cannot be changed in place.
            lambda config: config.update({key: new_value(value)}),
        )

    def remove(self, key: str) -> None:
        """Take `key` (full) out; comments stay. Nothing happens where it is absent."""
        if key not in self._config:
            return
        expected = {name: value for name, value in self.config.items() if name != key}
        self._edit(
            expected, lambda: Layout(self._text, self._document).without_key(key), lambda config: config.pop(key)
        )

    def write(self) -> None:
        """Replace the file in one step, keeping its mode; a symbolic link stays one.

        ConfigurationError where someone else changed the file since it was read: nothing is written then.
        """
        target = self.path.resolve()
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o644
        if (target.read_bytes() if target.exists() else None) != self._on_disk:
            raise ConfigurationError(
                f"{self.path} was changed by someone else meanwhile, so nothing was written", fix="run it again"
            )
        content = self.text.encode()
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(name).unlink()
            raise
        self._on_disk = content

    def _take(self, text: str) -> None:
        document = _parse(text, self.path)
        lines: Any = getattr(document, "lc", None)
        if document is not None and not isinstance(document, Mapping):
            raise ConfigurationError(f"{self.path} is no stack file", fix="it begins with config: and keys under it")
        config: Any = document.get("config") if document else None
        if config is not None and not isinstance(config, Mapping):
            problem = Problem("config", "must be a mapping of keys", line=lines.key("config")[0] + 1)
            raise ConfigurationError(f"{self.path} is no stack file:", [problem])
        self._text = text
        # ruamel.yaml's nodes: mappings that also know lines and comments.
        self._document: Any = document
        self._config: Any = config if config is not None else {}

    def _edit(
        self, expected: dict[str, Any], splice: Callable[[], str | None], *otherwise: Callable[[Any], Any]
    ) -> None:
        """Take the spliced text if it says what it should; else let ruamel.yaml write the edited document anew."""
        with contextlib.suppress(KeyError):  # a merged key has no line of its own
            text = splice()
            if text is not None and self._took(text, expected):
                return
        for change in otherwise:
            document = _parse(self._text, self.path) or CommentedMap()
            if document.get("config") is None:
                document["config"] = CommentedMap()
            change(document["config"])
            if self._took(dump(document), expected):
                return
        self._take(self._text)
        raise ConfigurationError(f"{self.path} is written in a way that cannot be edited here", fix="edit it by hand")

    def _took(self, text: str, expected: dict[str, Any]) -> bool:
        """Take the edited text if, read again, it says what it should and no more."""
        try:
            edited = StackFile(self.path, text, on_disk=None)
        except ConfigurationError:
            return False
        if not equal(edited.config, expected) or edited.rest != self.rest:
            return False
        self._text, self._document, self._config = edited._text, edited._document, edited._config
        return True


def stack_files(project_dir: Path) -> dict[str, Path]:
    """The stack files of a project by stack name, sorted. `project_dir` holds Pulumi.yaml (its `stackConfigDir`)."""
    project = project_dir / "Pulumi.yaml"
    folder = project_dir
    if project.exists():
        settings = _parse(project.read_text(encoding="utf-8"), project)
        if isinstance(settings, Mapping):
            folder = project_dir / str(settings.get("stackConfigDir") or ".")
    found = {path.name.removeprefix("Pulumi.").removesuffix(".yaml"): path for path in folder.glob("Pulumi.*.yaml")}
    return dict(sorted(found.items()))


def load(path: Path) -> StackConfig:
    """What the stack file at `path` says, validated. Errors as `StackFile.read` and `StackFile.validated`."""
    return StackFile.read(path).validated()


def _parse(text: str, path: Path) -> Any:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    try:
        return yaml.load(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        what = str(error.problem or error.context or "cannot be read").split("\n")[0]
        raise ConfigurationError(f"{path} is not YAML:", [Problem("syntax", what, line=line)]) from None
    except YAMLError as error:
        raise ConfigurationError(f"{path} is not YAML: {str(error).splitlines()[0]}") from None


def _lines(prefix: str, value: Any, found: dict[str, int]) -> None:
    if isinstance(value, CommentedMap):
        for key, inner in value.items():
            name = f"{prefix}.{key}" if prefix else str(key)
            with contextlib.suppress(KeyError, TypeError):
                found[name] = value.lc.key(key)[0] + 1
            _lines(name, inner, found)
    elif isinstance(value, CommentedSeq):
        for i, inner in enumerate(value):
            with contextlib.suppress(KeyError, TypeError):
                found[f"{prefix}[{i}]"] = value.lc.item(i)[0] + 1
            _lines(f"{prefix}[{i}]", inner, found)
