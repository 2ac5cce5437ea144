"""Attributes of marks: everything that metadata say beside id, text, codes and year, under whatever names."""

import re
from collections.abc import Collection, Mapping

Attributes = Mapping[str, str]

CLASS_NAMES = ("nice_classes", "nice_class", "nice", "classes", "class")
"""Names under which an attribute lists Nice classes."""
_BETWEEN = re.compile(r"[,;|\s\[\]\"']+")


def first_of(attributes: Attributes, names: Collection[str]) -> str | None:
    """The attribute that has the first of these names, whatever their case."""
    known = {folded(name): value for name, value in attributes.items()}
    return next((known[name] for name in names if known.get(name)), None)


def folded(name: str) -> str:
    """The name of an attribute whatever its case, as `first_of` takes it."""
    return name.casefold().replace(" ", "_")


def is_list(name: str) -> bool:
    """Whether an attribute of this name lists numbers, which filters take singly."""
    return folded(name) in CLASS_NAMES


def written(name: str, value: str) -> str:
    """An attribute's value as it is kept: lists of numbers as ``9,42``, whatever stands between them."""
    if not is_list(name):
        return value
    parts = [part for part in dict.fromkeys(_BETWEEN.split(value)) if part]
    return ",".join(parts) if parts and all(map(str.isdecimal, parts)) else value


def values_of(name: str, kept: str) -> list[str]:
    """The values that an attribute, as `written` keeps it, has: those of a list singly."""
    parts = kept.split(",") if is_list(name) else [kept]
    return parts if all(map(str.isdecimal, parts)) else [kept]
