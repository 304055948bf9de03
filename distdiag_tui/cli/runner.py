"""Where a load runs: on this machine, or as jobs of a Kubernetes cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from distdiag_tui.model.errors import ConfigError

Runner = Annotated[
    str,
    typer.Option(
        "--runner",
        metavar="local|k8s",
        help="On this machine, or as Kubernetes jobs: these end after a day, unless --time says more.",
    ),
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", min=1, help="Jobs that share the clients (1).", show_default=False)
]
Image = Annotated[
    str | None, typer.Option("--image", help="Their image, with distdiag-tui in it; or DISTDIAG_IMAGE.")
]
Namespace = Annotated[str | None, typer.Option("--namespace", help="Their namespace; else the context's.")]
Context = Annotated[str | None, typer.Option("--context", help="A context of the kubeconfig.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the Kubernetes objects and end.")]


def runner_settings(
    runner: str, jobs: int | None, image: str | None, namespace: str | None, context: str | None
) -> dict[str, Any]:
    """For a wish: empty for this machine. ConfigError for what does not go together."""
    given = {"jobs": jobs, "image": image, "namespace": namespace, "context": context}
    if runner == "k8s":
        return given
    if runner != "local":
        raise ConfigError(f"--runner takes local or k8s, not {runner!r}")
    if unfit := [f"--{name}" for name, value in given.items() if value is not None]:
        raise ConfigError(f"{', '.join(unfit)}: only with --runner k8s")
    return {}


def print_manifests(objects: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """As `kubectl apply -f -` takes them."""
    import json  # noqa: PLC0415  paid for only here

    if as_json:
        typer.echo(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}))
        return
    import yaml  # noqa: PLC0415  comes with the extra k8s

    typer.echo(yaml.safe_dump_all(objects, sort_keys=False), nl=False)
