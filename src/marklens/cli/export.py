"""`marklens export`: from PyTorch to the ONNX file that searches."""

from pathlib import Path
from typing import Annotated

import typer

from marklens.cli.options import JsonOption, print_json
from marklens.core.errors import MissingExtraError, UsageError


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="A run's folder, its best.pt, a checkpoint, 'bundled' (what ships) or 'imagenet' (Lite0).",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="The ONNX file to write.", show_default=False)],
    fp16: Annotated[bool, typer.Option("--fp16", help="Half the size, for GPUs; slower on CPUs.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Eight bits, for CPUs; needs --verify.")] = False,
    verify: Annotated[
        Path | None, typer.Option(help="Compare with PyTorch on 1,000 marks of this dataset.")
    ] = None,
    imagenet_share: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Of ImageNet's weights in the result: turned and cut copies are found better."
        ),
    ] = 0.0,
    as_json: JsonOption = False,
) -> None:
    """Write a network as ONNX, checked against PyTorch before it is kept. Needs the extra 'train'.

    The file takes pictures (n, 224, 224, 3), uint8, and answers pooled vectors and 7×7 patch vectors. One
    that answers otherwise than PyTorch is not written: in fp32 and fp16 the cosines must be above 0.999.
    Where the dataset of --verify has groups, mAP@100 of both is measured too.

    Example: marklens export run --out marks.onnx --verify my-logos
    """
    from marklens.settings import load_settings

    if fp16 and int8:
        raise UsageError("--fp16 and --int8 exclude each other")
    try:
        from marklens.export_assembly import export as run
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("torch", "timm"):
            raise
        raise MissingExtraError("exporting a network", "train") from None
    made = run(
        checkpoint,
        out,
        "fp16" if fp16 else "int8" if int8 else "fp32",
        verify,
        load_settings(),
        imagenet_share,
    )
    cosines = made.agreement
    if as_json:
        print_json(
            {"file": str(out), "cosine": cosines.minimum, "cosine_mean": cosines.mean,
             "cosine_patches": cosines.patches, "views": cosines.views, "bytes": made.size,
             "map_at_100_torch": made.map_torch, "map_at_100": made.map_onnx}
        )  # fmt: skip
        return
    typer.echo(
        f"{out}: {made.size / 1e6:.1f} MB, agrees with PyTorch on {cosines.views} views (cosine mean "
        f"{cosines.mean:.6f}, smallest {cosines.minimum:.6f}, patches {cosines.patches:.6f})."
    )
    if made.map_torch is not None:
        typer.echo(f"mAP@100 on them: {made.map_torch:.4f} in PyTorch, {made.map_onnx:.4f} with the file.")
