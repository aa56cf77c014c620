"""The engine, run: Pulumi's command line as the Protocol of `protocol.py`, one process an operation (`runner.py`: why).

Nothing here reads or writes a stack file but through `stack_files.py`; where the engine itself rewrites one (it loses
blank lines and quotes), what a person wrote is put back and only what is new is added.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from fedml_infra.engine import runner
from fedml_infra.engine.backend import backend_url
from fedml_infra.engine.claims import claim_path, claimed
from fedml_infra.engine.environment import engine_environment
from fedml_infra.engine.events import Diagnostic, EventReader, RunEvent
from fedml_infra.engine.failures import Failure, classify
from fedml_infra.engine.half_written import mend_files, sweep_files
from fedml_infra.engine.install import EngineBinary, install
from fedml_infra.engine.project import stack_path
from fedml_infra.engine.protocol import Engine, RunOptions, RunResult, StackSummary, UnexpectedChangesError
from fedml_infra.engine.recovery import Adoption, import_document
from fedml_infra.engine.redaction import Redactor
from fedml_infra.engine.stack_encryption import (
    replace_text,
    secrets_provider_in,
    text_kept,
    with_encryption_of,
)
from fedml_infra.engine.stack_files import StackFile, stack_files
from fedml_infra.errors import EngineError, FedmlError, StackNotFoundError
from fedml_infra.model.ciphertext import Ciphertext

UNEXPECTED_CHANGES = 7
"""The engine's exit status for `--expect-no-changes` with changes."""
_NO_OPTIONS = RunOptions()


class PulumiEngine:
    """The stacks of the project in `project`, which holds Pulumi.yaml. Implements `protocol.Engine`.

    `environment` is what the engine's own is taken from (default: this process's); it decides backend, passphrase and
    credentials, as for a plain `pulumi`. The engine is installed when it is first needed; `binary` names another.
    """

    def __init__(
        self,
        project: Path,
        *,
        environment: Mapping[str, str] | None = None,
        binary: EngineBinary | None = None,
        secrets: Iterable[SecretStr] = (),
    ) -> None:
        self._project = project
        self._outer = dict(os.environ if environment is None else environment)
        self._binary = binary
        self._secrets = tuple(secrets)

    @property
    def version(self) -> str:
        return self._engine().version

    def with_environment(self, variables: Mapping[str, str | None]) -> PulumiEngine:
        laid_over = {**self._outer, **variables}
        environment = {name: value for name, value in laid_over.items() if value is not None}
        return PulumiEngine(self._project, environment=environment, binary=self._binary, secrets=self._secrets)

    def stacks(self) -> tuple[StackSummary, ...]:
        listed = json.loads(self._ask("listing of stacks", None, "stack", "ls", "--json"))
        found = (StackSummary(one["name"], one.get("lastUpdate"), one.get("resourceCount")) for one in listed)
        return tuple(sorted(found, key=lambda stack: stack.name))

    def exists(self, stack: str) -> bool:
        return any(found.name == stack for found in self.stacks())

    def init(self, stack: str, secrets_provider: str | None = None) -> None:
        path = stack_path(self._project, stack)
        provider = secrets_provider or (secrets_provider_in(path.read_text("utf-8")) if path.exists() else None)
        more = ["--secrets-provider", provider] if provider else []
        with text_kept(path):
            try:
                self._ask("making", stack, "stack", "init", "--no-select", *more)
            except FedmlError as error:
                if "already exists" not in str(error):
                    raise

    def set_secret(self, stack: str, key: str, value: SecretStr) -> None:
        encrypted = self.encrypt(stack, {key: value})
        file = StackFile.read(stack_path(self._project, stack))
        file.set(key, encrypted[key])
        file.write()

    def encrypt(self, stack: str, values: Mapping[str, SecretStr]) -> dict[str, Ciphertext]:
        path = stack_path(self._project, stack)
        with tempfile.TemporaryDirectory(prefix="fedml-secret-") as folder:
            scratch = Path(folder) / path.name
            if path.exists():
                shutil.copyfile(path, scratch)
            for key, value in values.items():
                # Through standard input: argv can be read by anyone on the machine.
                self._ask(
                    "configuration", stack, "config", "set", "--secret", "--raw", key, "--config-file", str(scratch),
                    stdin=value.get_secret_value().encode(), secrets=(value,),
                )  # fmt: skip
            if values:
                text = path.read_text(encoding="utf-8") if path.exists() else StackFile.new(path).text
                replace_text(path, with_encryption_of(scratch.read_text(encoding="utf-8"), text))
            found = StackFile.read(scratch).config if values else {}
            return {key: found[key] for key in values}

    def get_secret(self, stack: str, key: str) -> SecretStr | None:
        return self.get_secrets(stack, (key,)).get(key)

    def get_secrets(self, stack: str, keys: Iterable[str]) -> dict[str, SecretStr]:
        values = json.loads(self._ask("configuration", stack, "config", "--show-secrets", "--json") or "{}")
        return {key: SecretStr(values[key]["value"]) for key in keys if key in values}

    def preview(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        with _kept_private(options.save_plan) as saving:
            return self._run_made("preview", stack, options, "preview", *_of_program(options), *saving)

    def up(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        held_to = ["--plan", str(options.plan.absolute())] if options.plan is not None else []
        return self._run_made("up", stack, options, "up", "--yes", "--skip-preview", *_of_program(options), *held_to)

    def refresh(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        how = ["--preview-only"] if options.preview_only else ["--yes", "--skip-preview"]
        return self._run("refresh", stack, options, ["refresh", *how, *_expectation(options)])

    def destroy(self, stack: str, options: RunOptions = _NO_OPTIONS) -> RunResult:
        how = ["--preview-only"] if options.preview_only else ["--yes", "--skip-preview"]
        if options.refresh:
            how.append("--refresh")
        if options.ignore_protect:
            how.append("--ignore-protect")
        return self._run("destroy", stack, options, ["destroy", *how])

    def remove(self, stack: str) -> None:
        self._ask("removal", stack, "stack", "rm", "--yes", "--preserve-config")

    def outputs(self, stack: str, *, show_secrets: bool = False) -> dict[str, Any]:
        more = ["--show-secrets"] if show_secrets else []
        found: dict[str, Any] = json.loads(self._ask("reading", stack, "stack", "output", "--json", *more) or "{}")
        return found

    def state(self, stack: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._ask("export", stack, "stack", "export"))
        return found

    def set_state(self, stack: str, state: Mapping[str, Any]) -> None:
        self._ask("import", stack, "stack", "import", stdin=json.dumps(state).encode())

    def cancel(self, stack: str) -> None:
        self._ask("cancelling", stack, "cancel", "--yes", stack)

    def drop_lock(self, url: str) -> bool:
        parts = urlsplit(url)
        if parts.scheme != "file":
            return False
        path = Path(unquote(parts.path))
        # The attributes that the engine's storage library keeps beside each file.
        for one in (path, path.with_name(path.name + ".attrs")):
            one.unlink(missing_ok=True)
        return True

    def mend_files(self, stack: str) -> bool:
        return mend_files(backend_url(self._outer, self._project) or "", stack)

    @contextlib.contextmanager
    def claim(self, stack: str) -> Iterator[None]:
        with claimed(claim_path(self._outer.get("PULUMI_BACKEND_URL", ""), self._project, stack), stack):
            sweep_files(backend_url(self._outer, self._project) or "", stack)
            yield

    def adopt(self, stack: str, adoptions: Iterable[Adoption], *, protect: bool = False) -> RunResult:
        with tempfile.TemporaryDirectory(prefix="fedml-import-") as folder:
            file = Path(folder) / "import.json"
            file.write_text(json.dumps(import_document(adoptions)), encoding="utf-8")
            how = ["--yes", "--skip-preview", "--generate-code=false", f"--protect={str(protect).lower()}"]
            return self._run("import", stack, _NO_OPTIONS, ["import", "--file", str(file), *how])

    def _engine(self) -> EngineBinary:
        if self._binary is None:
            self._binary = install()
        return self._binary

    def _command(self, *arguments: str) -> list[str]:
        return [str(self._engine().path), *arguments, "--non-interactive", "--color", "never"]

    def _environment(self) -> dict[str, str]:
        return engine_environment(self._outer, str(self._engine().path.parent))

    def _redactor(self, more: Iterable[SecretStr] = ()) -> Redactor:
        return Redactor.of(self._outer, (secret.get_secret_value() for secret in (*self._secrets, *more)))

    def _ask(
        self,
        operation: str,
        stack: str | None,
        *arguments: str,
        stdin: bytes | None = None,
        secrets: Iterable[SecretStr] = (),
    ) -> str:
        """Standard output of a command that is no run. Raises what its failure means."""
        of_stack = ["--stack", stack] if stack is not None and arguments[0] != "cancel" else []
        try:
            done = runner.run(
                self._command(*arguments, *of_stack), cwd=self._project, env=self._environment(), stdin=stdin
            )
        except OSError as error:
            raise _not_started(error) from error
        if done.status == 0 and not done.stopped:
            return done.stdout
        redact = self._redactor(secrets)
        raise classify(Failure(operation, stack, redact(done.stderr), stopped=done.stopped > 0, status=done.status))

    def _run_made(self, operation: str, stack: str, options: RunOptions, *arguments: str) -> RunResult:
        """A run of the program. A stack that has a file but is not in the backend is made, and it is run again."""
        command = [*arguments, *_expectation(options)]
        try:
            return self._run(operation, stack, options, command)
        except StackNotFoundError:
            if not stack_path(self._project, stack).exists():
                raise
        self.init(stack)
        note = f"The state backend had no stack {stack} yet: it was made, and is empty"
        return self._run(operation, stack, options, command, note=note)

    def _run(
        self, operation: str, stack: str, options: RunOptions, arguments: list[str], *, note: str | None = None
    ) -> RunResult:
        redact = self._redactor(options.secrets)
        listener = _Listener(options)
        reader = EventReader(listener, redact=redact, expected=options.expected, only_refresh=operation == "refresh")
        if note:
            reader.message(note)
        began = time.monotonic()
        try:
            done = runner.run(
                self._command(*arguments, *_common(stack, options)),
                cwd=self._project,
                env=self._environment(),
                on_event_line=reader.line,
                timeout=options.timeout,
                cancellation=options.cancellation,
            )
        except OSError as error:
            raise _not_started(error) from error
        result = RunResult(
            summary=reader.summary,
            changes=tuple(reader.changes.values()),
            outputs=reader.outputs,
            seconds=time.monotonic() - began,
            diagnostics=(*reader.diagnostics, *listener.problems),
            text=redact(done.stdout),
        )
        # Stopped between two steps of a destroy it has ended with 0, and most was still there.
        if done.status == 0 and not done.stopped:
            return result
        if done.status == UNEXPECTED_CHANGES and options.expect_no_changes:
            raise UnexpectedChangesError(
                f"The {operation} of stack {stack} found {len(result.changed)} changes where none were expected", result
            )
        raise classify(
            Failure(
                operation, stack, redact(done.stderr), tuple(reader.diagnostics), tuple(reader.violations),
                done=reader.progress().done, stopped=done.stopped > 0,
                timed_out_after=options.timeout if done.timed_out else None, status=done.status,
                stacks=tuple(stack_files(self._project)),
            )
        )  # fmt: skip


class _Listener:
    """Calls the caller's `on_event`; an error in it must not disturb a run that changes things in AWS."""

    def __init__(self, options: RunOptions) -> None:
        self._tell = options.on_event
        self.problems: tuple[Diagnostic, ...] = ()

    def __call__(self, event: RunEvent) -> None:
        if self._tell is None:
            return
        try:
            self._tell(event)
        except Exception as error:  # whatever it is, the run goes on
            self._tell = None
            self.problems = (Diagnostic("warning", f"Progress is not shown any more: {type(error).__name__}: {error}"),)


def _of_program(options: RunOptions) -> list[str]:
    # Plugins are installed when they are first needed: asking beforehand costs a second start of the language host.
    arguments = ["--skip-plugin-pre-install"]
    if options.refresh:
        arguments.append("--refresh")
    for pack in options.policy_packs:
        arguments += ["--policy-pack", str(pack)]
    return arguments


@contextlib.contextmanager
def _kept_private(plan: Path | None) -> Iterator[list[str]]:
    """Arguments that save a plan beside `plan`, where only its owner can look; it gets its name once it is whole."""
    if plan is None:
        yield []
        return
    with tempfile.TemporaryDirectory(prefix=".fedml-plan-", dir=plan.absolute().parent) as folder:
        saved = Path(folder) / plan.name
        # Said in so many words, as the environment could say otherwise (PULUMI_OPTION_SHOW_SECRETS).
        yield ["--save-plan", str(saved), "--show-secrets=false"]
        if saved.exists():
            saved.chmod(0o600)
            saved.replace(plan)


def _expectation(options: RunOptions) -> list[str]:
    return ["--expect-no-changes"] if options.expect_no_changes else []


def _common(stack: str, options: RunOptions) -> list[str]:
    arguments = ["--stack", stack, "--suppress-progress", "--suppress-permalink=true"]
    if options.diff:
        arguments.append("--diff")
    if options.message is not None:
        arguments += ["--message", options.message]
    for urn in options.targets:
        arguments += ["--target", urn]
    return arguments


def _not_started(error: OSError) -> EngineError:
    return EngineError(
        f"The Pulumi engine could not be started: {error}",
        fix="`python -m fedml_infra.engine.install` puts it right.",
    )


def _check(engine: PulumiEngine) -> Engine:
    """mypy holds the class to the Protocol here."""
    return engine
