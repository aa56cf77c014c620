"""What several services' kinds have in common: names of properties, tags, attributes as text, documents on a parent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fedml_infra.sandbox.provider.context import Context
from fedml_infra.sandbox.provider.kind import Change, Kind
from fedml_infra.sandbox.provider.refusals import is_gone
from fedml_infra.sandbox.provider.wire import Props

TAGS_ARE = {"tagsAll": ("tags",)}


@dataclass(frozen=True)
class Attribute:
    """An AWS attribute told as text: its name, and what the text stands for."""

    name: str
    type: type[str] | type[int] | type[bool] = str

    def encode(self, value: Any) -> str:
        """The text of a value."""
        return str(value).lower() if isinstance(value, bool) else str(value)

    def decode(self, text: str) -> str | int | bool:
        """The value of a text."""
        if self.type is bool:
            return text == "true"
        return self.type(text)


def decode(attributes: Mapping[str, Attribute], answer: Mapping[str, str]) -> Props:
    """AWS's attributes as properties."""
    return {
        name: attribute.decode(answer[attribute.name])
        for name, attribute in attributes.items()
        if attribute.name in answer
    }


def tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as most services want them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tag_dict(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags as Pulumi wants them."""
    return {tag["Key"]: tag["Value"] for tag in tags or []}


def retag(
    context: Context,
    change: Change,
    tag: Callable[[dict[str, str]], Any],
    untag: Callable[[list[str]], Any],
) -> None:
    """Bring the tags in step, if they differ: `change.old["tags"]` are all that the thing has."""
    if "tags" not in change.names:
        return
    old, new = change.old.get("tags") or {}, context.all_tags(change.new)
    if drop := [key for key in old if key not in new]:
        untag(drop)
    if put := {key: value for key, value in new.items() if old.get(key) != value}:
        tag(put)


def pascal(value: Any, special: Mapping[str, str]) -> Any:
    """A value of nested blocks with AWS's spelling of their names."""
    if isinstance(value, Mapping):
        return {
            special.get(key) or key[0].upper() + key[1:]: pascal(item, special)
            for key, item in value.items()
            if item is not None
        }
    return [pascal(item, special) for item in value] if isinstance(value, list) else value


def camel(value: Any, special: Mapping[str, str]) -> Any:
    """AWS's nested blocks with Pulumi's spelling of their names."""
    if isinstance(value, Mapping):
        back = {aws: ours for ours, aws in special.items()}
        return {back.get(key) or key[0].lower() + key[1:]: camel(item, special) for key, item in value.items()}
    return [camel(item, special) for item in value] if isinstance(value, list) else value


def document_on(
    type_: str,
    parent: str,
    document: str,
    *,
    put: Callable[[Context, str, str], None],
    get: Callable[[Context, str, Props], str | None],
    drop: Callable[[Context, str], None],
    also: Callable[[str], Props] | None = None,
    gone: tuple[str, ...] = (),
) -> Kind:
    """A type that is one JSON document on a parent (a queue's policy, …); its id is the parent's."""

    def create(context: Context, inputs: Props) -> str:
        put(context, inputs[parent], inputs[document])
        return str(inputs[parent])

    def read(context: Context, identity: str, last: Props) -> Props | None:
        try:
            text = get(context, identity, last)
        except Exception as error:
            if is_gone(error, *gone):
                return None
            raise
        if not text:
            return None
        return {parent: identity, document: text, **(also(identity) if also else {})}

    def update(context: Context, identity: str, change: Change) -> None:
        put(context, identity, change.new[document])

    return Kind(
        type=type_,
        inputs=frozenset({parent, document}),
        create=create,
        read=read,
        update=update,
        delete=lambda context, identity, _state: drop(context, identity),
        replaces=frozenset({parent}),
        documents=frozenset({document}),
        gone=frozenset(gone),
    )
