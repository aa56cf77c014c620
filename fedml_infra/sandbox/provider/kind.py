"""What one resource type is: a declaration, and a few functions that make AWS calls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from fedml_infra.sandbox.provider.wire import Props

if TYPE_CHECKING:
    from fedml_infra.sandbox.provider.context import Context


@dataclass(frozen=True)
class Change:
    """An update: what was asked for, what is asked for now, and the properties that differ."""

    old: Props
    new: Props
    names: frozenset[str]


@dataclass(frozen=True)
class Mistake:
    """An input that can be seen to be wrong without asking AWS."""

    property: str
    reason: str


Create: TypeAlias = "Callable[[Context, Props], str]"
Read: TypeAlias = "Callable[[Context, str, Props], Props | None]"
Update: TypeAlias = "Callable[[Context, str, Change], None]"
Delete: TypeAlias = "Callable[[Context, str, Props], None]"
Finish: TypeAlias = "Callable[[Context, str, Props], None]"


@dataclass(frozen=True)
class OneOf:
    """A default of several values: AWS's answers that all mean "nobody asked for anything"."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Kind:
    """One resource type.

    `create` answers the id. `read` answers the state as it is, or None when the thing is gone; it is the only source
    of state, and gets the last known state for what AWS does not tell. `update` is None where nothing can change in
    place. `finish` is what follows `create` once the thing exists: its failure leaves a half-made resource, and it is
    called again to complete one. `check` finds wrong inputs before anything is asked of AWS.
    """

    type: str
    inputs: frozenset[str]
    create: Create
    read: Read
    delete: Delete
    update: Update | None = None
    finish: Finish | None = None
    check: Callable[[Props], Iterable[Mistake]] | None = None
    replaces: frozenset[str] = frozenset()
    """Properties whose change makes a new resource. `region` always does."""
    must_replace: Callable[[Props, Props], Iterable[str]] | None = None
    """Further properties that do, for some changes only: (old inputs, new inputs) -> names."""
    documents: frozenset[str] = frozenset()
    """Properties that are JSON text, compared by meaning."""
    sets: frozenset[str] = frozenset()
    """Lists whose order means nothing."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    computed: frozenset[str] = frozenset()
    """Inputs that AWS or another resource sets if nobody asks: never reported as an input unless asked for."""
    local: Mapping[str, Any] = field(default_factory=dict)
    """Properties that AWS does not know, with their defaults; they live in the state only."""
    name: str | None = None
    """The property that is named automatically."""
    prefix: str | None = None
    name_limit: int = 64
    untold: frozenset[str] = frozenset()
    """Outputs of the official provider that a local AWS cannot know."""
    volatile: frozenset[str] = frozenset()
    """Outputs that any update may change: unknown in its preview."""
    secret: frozenset[str] = frozenset()
    """Properties that are secret whoever set them."""
    derived: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Outputs that contain inputs: secret as soon as one of those is."""
    gone: frozenset[str] = frozenset()
    """Further codes that mean, at a deletion, that it is done."""
    regional: bool = True

    def default(self, name: str) -> Any:
        """The value that stands for "not asked for" when AWS wants one."""
        value = self.defaults.get(name, self.local.get(name, ""))
        return value.values[0] if isinstance(value, OneOf) else value

    def is_default(self, name: str, value: Any) -> bool:
        """Whether the value means the same as leaving the property out."""
        default = self.defaults.get(name, self.local.get(name))
        return value in default.values if isinstance(default, OneOf) else default is not None and value == default

    @property
    def all_inputs(self) -> frozenset[str]:
        """Every input that is understood, the region with them."""
        return self.inputs | {"region"} if self.regional else self.inputs

    @property
    def all_replaces(self) -> frozenset[str]:
        """Every property whose change always makes a new resource."""
        return self.replaces | {"region"} if self.regional else self.replaces
