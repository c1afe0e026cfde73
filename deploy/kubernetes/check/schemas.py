"""Schemas for kubeconform: of Kubernetes' own kinds as the API server tells them, of others as their definitions do.

Strict: a field that a schema does not name, as a misspelt one, is an error. Kubernetes itself drops it silently.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from deploy.kubernetes.check.definitions import Definition

Schema = dict[str, Any]
PLACE = "{{.ResourceKind}}-{{.Group}}-{{.ResourceAPIVersion}}.json"
"""Where kubeconform looks for a schema: the kind in small letters, the group, the version."""
_REF = "#/definitions/"
_NUMBER_OR_WORD = {"oneOf": [{"type": "string"}, {"type": "integer"}]}
_QUANTITY = {"oneOf": [{"type": "string"}, {"type": "number"}]}
_OF_ANY_SHAPE = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": _NUMBER_OR_WORD,
    "io.k8s.apimachinery.pkg.api.resource.Quantity": _QUANTITY,
}


def write(folder: Path, openapi: Mapping[str, Any], definitions: Iterable[Definition]) -> None:
    """A file a kind and version. `openapi` is the API server's /openapi/v2."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {name: _OF_ANY_SHAPE.get(name) or strict(schema) for name, schema in openapi["definitions"].items()}
    for name, schema in openapi["definitions"].items():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            whole = {"$ref": _REF + name, "definitions": {each: known[each] for each in _needed(name, known)}}
            _write(folder, kind["kind"], kind["group"], kind["version"], whole)
    for definition in definitions:
        spec = definition["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            _write(folder, spec["names"]["kind"], spec["group"], version["name"], _with_head(schema))


def _write(folder: Path, kind: str, group: str, version: str, schema: Schema) -> None:
    # Kubernetes' first kinds have no group: kubeconform takes their version for it.
    (folder / f"{kind.lower()}-{group or version}-{version}.json").write_text(json.dumps(schema))


def _with_head(schema: Schema) -> Schema:
    head = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"}}
    return {**schema, "properties": {**schema.get("properties", {}), **head}}


def strict(schema: Any) -> Any:
    """The same schema without room for fields that it does not name, and as JSON Schema says what OpenAPI says."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return _NUMBER_OR_WORD
    closed = {key: strict(value) for key, value in schema.items() if key != "properties"}
    if "properties" in schema:
        closed["properties"] = {name: strict(each) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    return closed


def _needed(name: str, known: Mapping[str, Any]) -> set[str]:
    """The definitions that one needs, itself among them."""
    needed: set[str] = set()
    open_ = [name]
    while open_:
        name = open_.pop()
        if name not in needed:
            needed.add(name)
            open_ += _refs(known[name])
    return needed


def _refs(schema: Any) -> list[str]:
    if isinstance(schema, list):
        return [ref for each in schema for ref in _refs(each)]
    if not isinstance(schema, dict):
        return []
    found = [schema["$ref"].removeprefix(_REF)] if isinstance(schema.get("$ref"), str) else []
    return found + [ref for each in schema.values() for ref in _refs(each)]
