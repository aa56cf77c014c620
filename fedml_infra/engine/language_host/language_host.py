"""pulumi-language-python for an engine that was built from source: the gRPC service LanguageRuntime.

The first line on standard output is the port; all further output is the program's. A program whose environment is this
interpreter's runs in this process, which saves a start of Python; any other runs in a child with its own interpreter.
Not offered, and said so: the options `typechecker` and `toolchain: poetry`, project templates, code generation.
"""

# ruff: noqa: ARG002, N802 - names and arguments are the protocol's

from __future__ import annotations

import importlib.metadata
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

PARENT = os.getppid()
ENGINE = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
"""The address of the engine's own service, which takes the program's messages."""
HERE = Path(__file__).resolve().parent
DEBUGGING = any(argument.lstrip("-").startswith(("v=", "logflow")) for argument in sys.argv[1:])
"""`pulumi --logflow -v=9 --debug` asks for all that can be said."""
CHILDREN: set[subprocess.Popen[bytes]] = set()


def leave(status: int) -> None:
    """Ends at once, with what was started: plugins have process groups of their own, so nobody else would."""
    for child in tuple(CHILDREN):
        child.kill()
    os._exit(status)


signal.signal(signal.SIGINT, lambda *_: leave(130))
signal.signal(signal.SIGTERM, lambda *_: leave(143))

sys.path.insert(0, str(HERE))
import pulumi_python_program as programs  # type: ignore[import-not-found]  # noqa: E402

# No name in this folder may hide one of the program's modules.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != HERE]
try:
    import grpc
    from google.protobuf import empty_pb2
    from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2
except ImportError as missing:
    programs.log_before_start(
        f"{sys.executable} cannot import the pulumi package ({missing}). "
        "Set PULUMI_PYTHON to a Python that has it: the one in the project's .venv."
    )
    sys.exit(1)

_IN_PROCESS = threading.Lock()


class HostError(Exception):
    """Something about the project's Python environment that a person can mend."""


def options_of(info: Any) -> dict[str, Any]:
    """`runtime.options` of Pulumi.yaml as plain values."""
    return dict(info.options) if info.HasField("options") else {}


def python_in(venv: Path) -> Path:
    """The interpreter of a virtual environment."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def venv_of(info: Any) -> Path | None:
    """The folder that the `virtualenv` option names, relative to Pulumi.yaml; None where there is no such option."""
    options = options_of(info)
    for option in ("typechecker", "toolchain"):
        if options.get(option) not in (None, "", "pip", "uv"):
            raise HostError(
                f"Pulumi.yaml sets runtime option {option}: {options[option]}, which this language host does "
                "not offer. Remove it, or use the official Pulumi install (https://www.pulumi.com/docs/install/)."
            )
    name = options.get("virtualenv") or (".venv" if options.get("toolchain") == "uv" else None)
    return Path(os.path.normpath(Path(info.root_directory, name))) if name else None


def interpreter_of(info: Any) -> Path:
    """The interpreter a project's program runs with. Raises HostError where its environment is missing."""
    venv = venv_of(info)
    if venv is None:
        return Path(sys.executable)
    python = python_in(venv)
    if python.exists():
        return Path(sys.executable) if venv.samefile(sys.prefix) else python
    if os.environ.get("PULUMI_PYTHON"):
        return Path(sys.executable)
    raise HostError(
        f"Pulumi.yaml says that the program's Python is in {venv}, and there is none. "
        "Make it with `pulumi install`, or set PULUMI_PYTHON to an interpreter that has the program's requirements."
    )


def is_own(python: Path) -> bool:
    """Whether that interpreter is the one this process runs under."""
    return str(python) == sys.executable


def packages_in(python: Path) -> Iterator[tuple[Mapping[str, Any], Path]]:
    """`pulumi-plugin.json` of every installed package that brings one, with the file it is in."""
    roots = {Path(entry) for entry in sys.path if entry.endswith("site-packages")} if is_own(python) else set()
    if not roots:
        roots = set(python.parent.parent.glob("lib/python3*/site-packages")) | {
            python.parent.parent / "Lib/site-packages"
        }
    for root in sorted(roots):
        for file in sorted(root.glob("*/pulumi-plugin.json")):
            plugin = json.loads(file.read_text(encoding="utf-8"))
            if plugin.get("resource") and plugin.get("name"):
                yield plugin, file


class Host(language_pb2_grpc.LanguageRuntimeServicer):
    """The calls that the engine makes (proto/pulumi/language.proto); what is not here answers UNIMPLEMENTED."""

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=importlib.metadata.version("pulumi"))

    def Cancel(self, request: Any, context: Any) -> Any:
        threading.Timer(0.1, leave, (0,)).start()  # after the answer has gone out
        return empty_pb2.Empty()

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        python = self._interpreter(request.info, context)
        return language_pb2.GetRequiredPackagesResponse(
            packages=[
                plugin_pb2.PackageDependency(
                    kind="resource", name=plugin["name"], version=_version(plugin), server=plugin.get("server", "")
                )
                for plugin, _ in packages_in(python)
            ]
        )

    def GetRequiredPlugins(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPluginsResponse()

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        python = self._interpreter(request.info, context)
        listing = (
            "import importlib.metadata as m, json\n"
            "found = {(d.metadata['Name'], d.version) for d in m.distributions() if d.metadata['Name']}\n"
            "print(json.dumps(sorted(found)))"
        )
        done = subprocess.run([python, "-c", listing], capture_output=True, text=True, check=False)
        if done.returncode:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, done.stderr.strip())
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[language_pb2.DependencyInfo(name=name, version=v) for name, v in json.loads(done.stdout)]
        )

    def About(self, request: Any, context: Any) -> Any:
        python = self._interpreter(request.info, context) if request.HasField("info") else Path(sys.executable)
        done = subprocess.run([python, "-V"], capture_output=True, text=True, check=False)
        return language_pb2.AboutResponse(executable=str(python), version=done.stdout.strip().removeprefix("Python "))

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def Run(self, request: Any, context: Any) -> Any:
        try:
            python = interpreter_of(request.info)
        except HostError as error:
            return language_pb2.RunResponse(error=str(error))
        # Once only: the modules of a second run would still hold the values of the first.
        if is_own(python) and _IN_PROCESS.acquire(blocking=False):
            status = programs.run(request, ENGINE, debugging=DEBUGGING)
        else:
            status = _run_in_child(python, request.SerializeToString())
        if status in (0, programs.BAILED):
            return language_pb2.RunResponse(bail=status != 0)
        if status < 0:
            return language_pb2.RunResponse(error=f"The program was ended by signal {-status}")
        return language_pb2.RunResponse(error=f"Program exited with non-zero exit code: {status}")

    def InstallDependencies(self, request: Any, context: Any) -> Iterator[Any]:
        answer = language_pb2.InstallDependenciesResponse
        try:
            venv = venv_of(request.info)
        except HostError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        directory = Path(request.info.program_directory or request.directory)
        commands: list[list[str]] = []
        python = python_in(venv) if venv else Path(sys.executable)
        if venv and not python.exists():
            yield answer(stdout=f"Making the virtual environment {venv}\n".encode())
            commands.append([sys.executable, "-m", "venv", str(venv)])
        pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check"]
        if (directory / "requirements.txt").exists():
            commands.append([*pip, "-r", "requirements.txt"])
        elif (directory / "pyproject.toml").exists():
            commands.append([*pip, "-e", "."])
        for command in commands:
            for name, chunk in _streamed(command, directory, os.environ):
                if name == "exit" and chunk != b"0":
                    context.abort(
                        grpc.StatusCode.ABORTED, f"`{' '.join(command)}` failed: exit status {chunk.decode()}"
                    )
                if name != "exit":
                    yield answer(**{name: chunk})

    def RunPlugin(self, request: Any, context: Any) -> Iterator[Any]:
        python = self._interpreter(request.info, context)
        command = [str(python), "-u", request.info.program_directory, *request.args]
        env = {**os.environ, **dict(entry.split("=", 1) for entry in request.env)}
        for name, chunk in _streamed(command, Path(request.pwd or "."), env):
            if name == "exit":
                yield language_pb2.RunPluginResponse(exitcode=int(chunk))
            else:
                yield language_pb2.RunPluginResponse(**{name: chunk})  # type: ignore[arg-type]

    def _interpreter(self, info: Any, context: Any) -> Path:
        try:
            return interpreter_of(info)
        except HostError as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
            raise  # abort has raised already; this tells the type checker


def _version(plugin: Mapping[str, Any]) -> str:
    version = str(plugin.get("version") or "")
    return f"v{version}" if version and not version.startswith("v") else version


# A child must be started by the main thread: Linux ends a child with the thread that started it, not with the process.
_MAIN: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()


def _start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    if setpriv := shutil.which("setpriv"):  # Linux: killed with us, however we end
        command = [setpriv, "--pdeathsig", "KILL", "--", *command]
    started: queue.SimpleQueue[subprocess.Popen[bytes] | Exception] = queue.SimpleQueue()

    def start() -> None:
        try:
            started.put(subprocess.Popen(command, **options))
        except OSError as error:
            started.put(error)

    _MAIN.put(start)
    child = started.get()
    if isinstance(child, Exception):
        raise child
    CHILDREN.add(child)
    return child


def _run_in_child(python: Path, request: bytes) -> int:
    command = [str(python), "-u", str(HERE / "pulumi_python_program.py"), ENGINE, *(["debug"] if DEBUGGING else [])]
    child = _start(command, stdin=subprocess.PIPE)
    child.communicate(request)
    CHILDREN.discard(child)
    return child.returncode


def _streamed(command: list[str], cwd: Path, env: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Output of a child as ("stdout"|"stderr", bytes) as it comes, and last ("exit", status)."""
    child = _start(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    chunks: queue.SimpleQueue[tuple[str, bytes] | None] = queue.SimpleQueue()

    def pump(name: str, stream: Any) -> None:
        while chunk := stream.read1(65536):
            chunks.put((name, chunk))
        chunks.put(None)

    for name in ("stdout", "stderr"):
        threading.Thread(target=pump, args=(name, getattr(child, name)), daemon=True).start()
    open_streams = 2
    try:
        while open_streams:
            chunk = chunks.get()
            if chunk is None:
                open_streams -= 1
            else:
                yield chunk
        yield "exit", str(child.wait()).encode()
    finally:  # the engine hung up: what it asked for is not wanted any more
        if child.poll() is None:
            child.kill()
            child.wait()
        CHILDREN.discard(child)


def main() -> None:
    """Serves until the engine, which is the parent, says so or is gone."""
    programs.line_buffered()
    size = [(f"grpc.max_{way}_message_length", 400 << 20) for way in ("receive", "send")]
    server = grpc.server(ThreadPoolExecutor(16), options=size)
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(Host(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)  # noqa: T201
    server.start()
    while os.getppid() == PARENT:
        try:
            _MAIN.get(timeout=0.2)()
        except queue.Empty:
            continue
    leave(1)  # an engine killed with -9 could not tell us


if __name__ == "__main__":
    main()
