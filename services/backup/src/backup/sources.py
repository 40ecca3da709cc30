"""What a store's module does for it: one module a kind of store, named by the store (systems/stores)."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from .manifest import Facts, Part
from .settings import Settings, Source


class Module(Protocol):
    def take(self, settings: Settings, source: Source, to: Path, scratch: Path) -> Part:
        """Writes the store's file of a backup. @return what the manifest says of it. @raise Failed"""

    def restored(self, settings: Settings, source: Source, path: Path, part: Part, folder: Path) -> Part:
        """Restores a file into a throwaway server, or beside what runs. @return what is in it then. @raise Failed"""

    def differences(self, part: Part, found: Part) -> list[str]:
        """What was restored and is not what the manifest says; nothing: it is the same."""

    def rows(self, part: Part) -> int:
        """How much there is, where a loss shows in it; 0 where what there is comes and goes."""

    def described(self, part: Part) -> str:
        """What there is, for a person."""

    def stream(self, path: Path, folder: Path) -> Iterator[bytes]:
        """What brings a file back, for the step `load` of the store's script (data/<store>/restore.sh)."""

    def facts(self, at: str, since: str) -> str:
        """What the script's step `facts` runs. @param at Moment that is shown. @param since Later is newer."""

    def tables(self, answer: str) -> Facts:
        """What it answered."""


def module_of(source: Source) -> Module:
    return cast(Module, import_module(f".{source.module}", __package__))
