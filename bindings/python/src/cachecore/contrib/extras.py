"""What is said where a package that an integration plugs into is missing."""

from __future__ import annotations

from importlib import import_module


def needs(extra: str, *modules: str, distribution: str = "libcachecore") -> None:
    """ModuleNotFoundError that says which extra to install, unless the modules are there."""
    for module in modules:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{module}.".startswith(f"{error.name}."):
                raise  # it is there, and what it needs is not
            text = f'no module {module!r}: pip install "{distribution}[{extra}]"'
            raise ModuleNotFoundError(text, name=error.name) from None
