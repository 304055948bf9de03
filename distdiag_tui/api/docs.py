"""/docs: every request with its fields and an example, on a page without scripts or a network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "h2{margin-top:2em;border-top:1px solid #8886;padding-top:.6em}"
    "code,pre{font-family:ui-monospace,monospace}"
    "pre{background:#8882;padding:.6em;overflow:auto}td{padding:.1em 1em .1em 0;vertical-align:top}"
    ":root{color-scheme:light dark}"
)


def page(document: Mapping[str, Any], base: str) -> str:
    """HTML of an OpenAPI document; `base` is the address that examples are sent to."""
    info = document["info"]
    return "".join(
        (
            f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(info['title'])}</title>",
            f"<style>{_STYLE}</style><h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            *(f"<p>{escape(part)}" for part in str(info["description"]).split("\n") if part),
            "<p>For programs: <a href=/openapi.json>openapi.json</a>",
            *_operations(document, base),
        )
    )


def _operations(document: Mapping[str, Any], base: str) -> Iterator[str]:
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
            yield f"<p>{escape(operation.get('description', ''))}"
            body = _body(operation, schemas)
            yield _table([*_parameters(operation), *_fields(body)])
            yield f"<pre>{escape(_curl(method, base + path, body))}</pre>"
            if answer := _answer(operation):
                yield f"<p>Answers: {escape(answer)}"


def _body(operation: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return _resolved(content.get("schema", {}), schemas)


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    name = (options[0] if options else schema).get("$ref", "").rpartition("/")[2]
    found: Mapping[str, Any] = schemas.get(name, schema)
    return found


def _parameters(operation: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for each in operation.get("parameters", ()):
        yield each["name"], _type(each["schema"]), each.get("description", f"in the {each['in']}")


def _fields(schema: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, each in schema.get("properties", {}).items():
        needed = "" if name not in schema.get("required", ()) else "needed. "
        yield name, _type(each), needed + each.get("description", "")


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type(each) for each in schema["anyOf"] if each.get("type") != "null")
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    items = f" of {_type(schema['items'])}" if "items" in schema else ""
    return str(schema.get("type", "anything")) + items


def _table(rows: list[tuple[str, str, str]]) -> str:
    cells = (
        f"<tr><td><code>{escape(name)}</code><td>{escape(kind)}<td>{escape(words)}"
        for name, kind, words in rows
    )
    return f"<table>{''.join(cells)}</table>" if rows else ""


def _curl(method: str, address: str, body: Mapping[str, Any]) -> str:
    if method == "get":
        return f"curl '{address}'"
    if not body:
        return f"curl -X POST '{address}'"
    example = json.dumps(body.get("example", {}))
    return f"curl -X POST '{address}' -H 'Content-Type: application/json' -d '{example}'"


def _answer(operation: Mapping[str, Any]) -> str:
    content = operation["responses"].get("200", {}).get("content", {})
    return ", ".join(f"{_type(each.get('schema', {}))} ({media})" for media, each in content.items())
