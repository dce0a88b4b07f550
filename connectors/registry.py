"""Finds a connector by its name, and makes it from the environment.

A name is one of the connectors shipped here (`memory`), a class of an installed module (`my_crm.hum:MyCrm`),
or a file (`./acme/connector.py`, with `:MyCrm` behind it when it holds several). Nothing is imported before
it is asked for: a connector may need libraries that are not there.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import connectors
from connectors.kit.connector import Connector, Setting


class NoConnector(Exception):
    """There is none of that name, or it cannot be made; the text has one line for each reason."""


def shipped() -> list[str]:
    """The names of the connectors that come with this package."""
    return sorted(
        found.name
        for found in pkgutil.iter_modules(connectors.__path__)
        if found.ispkg
        and found.name != "kit"
        and importlib.util.find_spec(f"connectors.{found.name}.connector") is not None
    )


def find(name: str) -> type[Connector]:
    """The class. Raises NoConnector."""
    source, _, wanted = name.partition(":")
    is_file = source.endswith(".py") or "/" in source or "\\" in source
    if not is_file and not wanted and source not in shipped():
        raise NoConnector(
            f"no connector is named {name!r}; there are {', '.join(shipped())}, and any"
            " module:Class or path/to/file.py of your own"
        )
    try:
        module = _file(Path(source)) if is_file else _module(source, shipped=not wanted)
    except ImportError as error:
        raise NoConnector(f"{source} cannot be imported: {error}") from error
    return _class(module, wanted)


def make(
    kind: type[Connector], environment: Mapping[str, str], given: Mapping[str, str] | None = None
) -> Connector:
    """The connector; `given` goes before the environment. Raises NoConnector with every problem at once."""
    values: dict[str, str] = {}
    problems = []
    for setting in kind.settings:
        value = (given or {}).get(setting.name) or environment.get(setting.name) or setting.default
        if value is None:
            problems.append(f"{setting.name} is not set: {setting.help}")
        else:
            values[setting.name] = value
    if problems:
        raise NoConnector("\n".join(problems))
    try:
        return kind.from_settings(values)
    except ValueError as error:
        raise NoConnector(_without_secrets(str(error), kind.settings, values)) from None


def _without_secrets(text: str, settings: tuple[Setting, ...], values: Mapping[str, str]) -> str:
    for setting in settings:
        if setting.secret and values[setting.name]:
            text = text.replace(values[setting.name], "[hidden]")
    return text


def _module(name: str, *, shipped: bool) -> ModuleType:
    if shipped:
        return importlib.import_module(f"connectors.{name}.connector")
    _importable(Path.cwd())
    return importlib.import_module(name)


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise NoConnector(f"{path} is not a file")
    _importable(path.resolve().parent)  # so that it can import what stands beside it
    name = f"connector_in_{path.resolve().parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise NoConnector(f"{path} is not Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _importable(directory: Path) -> None:
    if str(directory) not in sys.path:
        sys.path.insert(0, str(directory))


def _class(module: ModuleType, wanted: str) -> type[Connector]:
    found = {
        name: member
        for name, member in vars(module).items()
        if inspect.isclass(member) and issubclass(member, Connector) and member is not Connector
    }
    if wanted:
        if wanted not in found:
            raise NoConnector(f"{module.__name__} has no Connector named {wanted}")
        return found[wanted]
    own = [kind for kind in found.values() if kind.__module__ == module.__name__]
    if len(own) != 1:
        names = ", ".join(kind.__name__ for kind in own) or "none"
        raise NoConnector(
            f"{module.__name__} must hold one Connector, or be named with :Class; it has {names}"
        )
    return own[0]
