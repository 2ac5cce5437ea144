"""`marklens export`: from PyTorch to the ONNX file that searches."""

from pathlib import Path
from typing import Annotated

import typer

from marklens.cli.options import JsonOption, print_json
from marklens.core.errors import UsageError


def export(
    checkpoint: Annotated[
        str, typer.Argument(help="'imagenet': EfficientNet-Lite0 with ImageNet weights.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.", show_default=False)],
    as_json: JsonOption = False,
) -> None:
    """Write a network as ONNX, checked against PyTorch before it is kept. Needs the extra 'train'.

    The file takes pictures (n, 224, 224, 3), uint8, and answers pooled vectors and 7×7 patch vectors.

    Example: marklens export imagenet --out lite0.onnx
    """
    from marklens.embeddings.efficientnet import check_views, export_onnx, load_lite0

    if checkpoint != "imagenet":
        raise UsageError(f"no checkpoint '{checkpoint}': this version exports 'imagenet'")
    cosine = export_onnx(load_lite0(), out, check_views())
    if as_json:
        print_json({"file": str(out), "cosine": cosine, "bytes": out.stat().st_size})
    else:
        size = out.stat().st_size / 1e6
        typer.echo(f"{out}: {size:.1f} MB, agrees with PyTorch (smallest cosine {cosine:.6f}).")
