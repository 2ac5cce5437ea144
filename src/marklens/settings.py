"""Every setting in one typed place: file < environment < flags.

The file is `marklens.toml` in the working folder, or what MARKLENS_CONFIG names. Environment variables
have the prefix MARKLENS_ and two underscores between the levels: MARKLENS_VIEWS__MARGIN=8.
"""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from marklens.core.errors import UsageError
from marklens.core.threads import usable_cores
from marklens.preprocessing.text_detector import DetectorName
from marklens.preprocessing.text_masker import Fill
from marklens.reranking.scoring import ProfileName
from marklens.retrieval.milvus import MilvusIndex

PREFIX = "MARKLENS_"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ViewSettings(_Section):
    """How pictures become views; an index remembers these, see `preprocessing.pipeline.ViewOptions`."""

    size: int = Field(224, ge=64, le=512, description="pixels of a view's side")
    margin: int = Field(0, ge=0, le=64, description="pixels left free around the mark")
    trim: bool = Field(True, description="cut off the empty border")
    polarity: bool = Field(True, description="turn marks on dark grounds into light ones")
    figurative: bool = Field(True, description="add a view without text")
    inner: bool = Field(True, description="add a view of what stands in a box")
    min_figure: float = Field(0.08, ge=0, le=1, description="share of ink that must be left without text")
    detector: DetectorName = Field("lettering", description="text detector")
    detector_side: int = Field(256, ge=64, le=1024, description="pixels at which text is looked for")
    confidence: float = Field(0.7, ge=0, le=1, description="from which text counts")
    fill: Fill = Field("flat", description="what covers removed text")
    read: bool = Field(True, description="read the text of marks whose dataset gives none")


class ModelSettings(_Section):
    """The network."""

    weights: Path | None = Field(None, description="an ONNX file; none takes the bundled one")
    batch_size: int | None = Field(None, ge=1, description="views at a time; none measures the fastest")
    threads: int = Field(0, ge=0, description="CPU threads; 0 takes every core")
    providers: tuple[str, ...] | None = Field(None, description="ONNX Runtime providers; none picks")


class PcaSettings(_Section):
    """The reduction of the vectors."""

    dims: int = Field(512, ge=2, description="dimensions kept")
    own_from: int | None = Field(
        None,
        ge=0,
        description="views from which an index fits its own PCA; none: where the network has no reduction",
    )
    whitening: float = Field(0.75, ge=0, le=1, description="of its own PCA: 0 none, 1 full")
    sample: int = Field(100_000, ge=1000, description="views to fit its own PCA on, spread over the dataset")


class PatchSettings(_Section):
    """What an index keeps of the patches of every view, for stage 2."""

    dims: int = Field(96, ge=0, le=1024, description="bytes a patch; 0 keeps no patches")


class BuildSettings(_Section):
    """How an index is built."""

    workers: int = Field(default_factory=usable_cores, ge=0, description="0: in this process")
    chunk: int = Field(256, ge=1, le=4096, description="marks written at a time: what a crash can cost")
    graph_threads: int = Field(0, ge=0, description="0: every core; 1: the same graph every time")
    vectors: Literal["auto", "fp32", "fp16", "sq8", "rabitq"] = Field(
        "auto", description="how FAISS keeps vectors; auto goes by their number, `index compact` changes it"
    )
    timeout: float = Field(120.0, gt=0, description="seconds after which a picture counts as hung")


class ClusterSettings(_Section):
    """The machines of `marklens index build --on ray`."""

    address: str | None = Field(
        None,
        description="of the cluster's head, host:port; none: that of this machine, or Ray is started here",
    )
    workers: int | None = Field(None, ge=1, description="processes that prepare pictures; none: every core")
    actors: int | None = Field(
        None, ge=1, description="processes that run the network; none: one for each GPU, or for each machine"
    )
    gpus: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="of each such process; none: 1 where there are GPUs"
    )


class SearchSettings(_Section):
    """How a query is answered."""

    depth: int = Field(1000, ge=1, description="candidates of stage 1")
    rerank: bool = Field(True, description="look at the candidates patch by patch, where the index can")
    extract: int = Field(
        50, ge=0, description="candidates whose pictures are read for that where an index keeps no patches"
    )
    mirrored: bool = Field(False, description="every search by picture or mark asks for the mirror image too")
    cache_mb: int = Field(64, ge=0, description="for pictures asked for lately; 0 remembers none")


class ScoringSettings(_Section):
    """How much each channel counts; those that a mark lacks drop out and the rest are scaled up."""

    profile: ProfileName = Field(
        "plan", description="whose weights: the plan's, or those fitted on brands drawn by several hands"
    )
    calibrate: bool = Field(True, description="make a score mean the same in every index")
    weight_global: float | None = Field(
        None, ge=0, allow_inf_nan=False, description="the picture as a whole; none takes the profile's"
    )
    weight_spatial: float | None = Field(None, ge=0, allow_inf_nan=False, description="its patches")
    weight_text: float | None = Field(None, ge=0, allow_inf_nan=False, description="its text")
    weight_color: float | None = Field(None, ge=0, allow_inf_nan=False, description="its colours")


class TrainSettings(_Section):
    """How a network is trained; see `examples/rtx3060.toml` and docs/training.md."""

    backbone: str = Field("tf_efficientnet_lite0", description="any network of timm, by its name")
    weights: str = Field(
        "imagenet", description="to begin with: imagenet, bundled (the network that ships), none, or a file"
    )
    size: int = Field(224, ge=32, le=512, description="pixels of a side while training")
    members: int = Field(1, ge=1, description="marks of one group in a batch; more for losses on groups")
    objective: Literal["contrast", "supervised", "smooth-ap"] = Field(
        "contrast", description="contrast of pairs; the others are a second stage on groups"
    )
    epochs: int = Field(100, ge=1, description="times through all marks")
    batch: int = Field(64, ge=2, description="pairs a step, over all processes")
    queue_size: int = Field(65_536, ge=0, description="older keys kept as negatives; 0: in-batch only")
    momentum: float = Field(0.999, ge=0, lt=1, description="of the key encoder; 0: none, gradients both ways")
    momentum_schedule: Literal["constant", "cosine"] = Field("constant", description="cosine rises to 1")
    temperature: float = Field(0.2, gt=0, description="divides similarities in the loss")
    head_width: int = Field(1024, ge=1, description="of the hidden layer of both heads")
    head_dims: int = Field(256, ge=1, description="of the projection")
    head_weight: float = Field(1.0, ge=0, description="of the loss on the projection")
    pooled_weight: float = Field(1.0, ge=0, description="of the loss on the pooled map")
    pooling: Literal["mean", "generalised"] = Field(
        "mean", description="of the map in the loss; generalised: as the exported network does it"
    )
    average: float = Field(0.0, ge=0, lt=1, description="weights averaged over steps for the result; 0: none")
    learning_rate: float = Field(1e-4, gt=0, description="the highest")
    weight_decay: float = Field(1e-4, ge=0, description="of AdamW")
    warm_up: float = Field(10.0, ge=0, description="epochs in which the learning rate rises")
    clip: float = Field(1.0, gt=0, description="longest gradient")
    amp: bool = Field(True, description="mixed precision: float16 on GPUs, bfloat16 on CPUs")
    patience: int = Field(10, ge=1, description="epochs without a better Recall@100 until it ends")
    keep: int = Field(2, ge=1, description="checkpoints kept")
    checkpoint_minutes: float = Field(10.0, gt=0, description="between checkpoints within an epoch")
    seed: int = Field(0, ge=0, description="of everything random")
    workers: int = Field(default_factory=usable_cores, ge=0, description="processes that make pairs")
    fonts: Path | None = Field(None, description="folder of WOFF files for words beside marks")
    gallery: int = Field(5000, ge=2, description="most marks that validation searches")
    two_looks: float = Field(0.4, ge=0, description="share of pairs: two changed copies of a view")
    two_views: float = Field(0.15, ge=0, description="share of pairs: full and figurative view")
    other_hand: float = Field(0.4, ge=0, description="share of pairs: two marks of one group")
    vienna: float = Field(0.05, ge=0, description="share of pairs: a rare Vienna code in common")
    geometry: float = Field(
        1.0,
        ge=0,
        le=2.5,
        description="turns, mirrors, stretches, cuts, covers of copies: times the usual",
    )

    @model_validator(mode="after")
    def _something_is_learned(self) -> Self:
        if not self.head_weight + self.pooled_weight:
            raise ValueError("head_weight and pooled_weight are both 0, so nothing would be learned")
        return self


class PostgresSettings(_Section):
    """The server that holds the vectors of indexes built with `--store pgvector`."""

    url: SecretStr | None = Field(
        None, description="postgresql://user:password@host:5432/database; an index never remembers it"
    )
    connections: int = Field(4, ge=1, description="searches that may run at once in one process")
    patience: float = Field(10.0, gt=0, description="seconds that a search waits for a server that restarts")
    build_memory: int = Field(1024, ge=1, description="megabytes the server may take to build a graph")


class MilvusSettings(_Section):
    """The Milvus that holds the vectors of indexes built with `--store milvus`."""

    uri: str | None = Field(
        None,
        description="http://host:19530 of a server or cluster, or a file like vectors.db for Milvus Lite",
    )
    token: SecretStr | None = Field(None, description="user:password or API key; an index never remembers it")
    timeout: float = Field(30.0, gt=0, description="seconds that one request may take")
    index: MilvusIndex = Field(
        "HNSW", description="type of the vector index; auto: FLAT in Milvus Lite, else HNSW"
    )
    shards: int = Field(1, ge=1, le=64, description="write channels of a collection")
    replicas: int = Field(1, ge=1, description="copies in memory, each on query nodes of its own")


class ServeSettings(_Section):
    """The service."""

    workers: int = Field(default_factory=usable_cores, ge=1, description="searches that run at once")
    queue: int = Field(
        16, ge=0, description="searches that may wait, 8 a worker or so; more are refused with 503"
    )
    timeout: float = Field(30.0, gt=0, description="seconds after which a search is given up")
    decode_timeout: float = Field(25.0, gt=0, description="seconds that decoding one upload may take")
    body_mb: int = Field(16, ge=1, le=64, description="of one upload")
    batch_mb: int = Field(256, ge=1, description="of the uploads of one batch together")
    batch: int = Field(200, ge=1, le=1000, description="pictures of one batch")
    batches: int = Field(2, ge=1, description="batches under way at once; more are refused with 503")
    body_timeout: float = Field(
        60.0, gt=0, description="seconds in which an upload must have arrived, and an answer be read"
    )
    requests: int = Field(256, ge=1, description="requests under way at once, uploads among them")
    top: int = Field(
        1000, ge=1, description="hits that may be asked for, skipped ones too; no more than search.depth"
    )
    rate: str = Field("600/minute", description="requests of one key; a picture of a batch counts as one")
    rate_address: str = Field("1200/minute", description="requests of one address")
    hosts: tuple[str, ...] = Field(
        (),
        description="names clients may call it by; none: this machine's where it listens there without keys",
    )
    origins: tuple[str, ...] = Field((), description="web origins whose pages may call (CORS)")
    proxies: tuple[str, ...] = Field((), description="addresses of proxies whose X-Forwarded-For is believed")
    reload: float = Field(2.0, gt=0, description="seconds between looks whether the index was changed")


class Settings(BaseSettings):
    """All settings; unknown keys are refused."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    views: ViewSettings = ViewSettings()
    model: ModelSettings = ModelSettings()
    pca: PcaSettings = PcaSettings()
    patches: PatchSettings = PatchSettings()
    build: BuildSettings = Field(default_factory=BuildSettings)
    cluster: ClusterSettings = ClusterSettings()
    search: SearchSettings = SearchSettings()
    scoring: ScoringSettings = ScoringSettings()
    train: TrainSettings = Field(default_factory=TrainSettings)
    postgres: PostgresSettings = PostgresSettings()
    milvus: MilvusSettings = MilvusSettings()
    serve: ServeSettings = Field(default_factory=ServeSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags are stronger than the environment, the environment is stronger than the file."""
        file = Path(os.environ.get("MARKLENS_CONFIG") or "marklens.toml")
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, file)


def load_settings(**flags: dict[str, Any]) -> Settings:
    """Read file and environment and lay the flags over them.

    Args:
        flags: by section, e.g. ``build={"workers": 2}``; values of None count as not given.

    Raises:
        UsageError: a key is unknown or a value out of range, with the place.
    """
    config = os.environ.get("MARKLENS_CONFIG")
    if config and not Path(config).is_file():
        raise UsageError(f"MARKLENS_CONFIG names {config}, which is no file")
    _refuse_unknown_variables()
    given = {
        section: {key: value for key, value in values.items() if value is not None}
        for section, values in flags.items()
    }
    try:
        return Settings(**{section: values for section, values in given.items() if values})  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"setting {place}: {first['msg']}") from None
    except SettingsError as error:
        raise UsageError(
            f'a variable of the environment is no JSON: write lists as ["a", "b"] ({error})'
        ) from None
    except ValueError as error:  # TOML that does not parse
        raise UsageError(f"{config or 'marklens.toml'} cannot be read: {error}") from None


def _refuse_unknown_variables() -> None:
    """Pydantic passes over variables that name no setting; a misspelt one would be without effect.

    Names unlike any setting's are somebody else's, as MARKLENS_SERVICE_HOST is Kubernetes'.
    """
    known = {"CONFIG"}
    for section, field in Settings.model_fields.items():
        keys = field.annotation.model_fields if field.annotation else ()
        known |= {name.upper() for name in (section, *(f"{section}__{key}" for key in keys))}
    for name in os.environ:
        given = name.upper().removeprefix(PREFIX)
        if name.upper().startswith(PREFIX) and given not in known:
            near = [f"{PREFIX}{key}" for key in get_close_matches(given, known)]
            if near:
                raise UsageError(f"there is no setting {name}: did you mean {' or '.join(near)}?")
