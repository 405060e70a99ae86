"""What differs by deployment, read from the environment (`BONAFIDE_…`) and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    IPvAnyNetwork,
    SecretStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.limits.rate import Limit, Rate

_MINUTE_S = 60
_HOUR_S = 60 * _MINUTE_S
_DAY_S = 24 * _HOUR_S
_MIB = 1024 * 1024

Positive = Annotated[float, Field(gt=0)]
# Written into a header: nothing but scheme, host and port, and a wildcard for one label.
Origin = Annotated[str, StringConstraints(pattern=r"^https://(\*\.)?[a-zA-Z0-9.-]+(:[0-9]{1,5})?$")]
NotNegative = Annotated[float, Field(ge=0)]


class Settings(BaseSettings):
    """Settings of one deployment.

    Parameters
    ----------
    data_dir
        Holds the database (unless `database_url` says otherwise), the captured media and the
        signing secret. One `bonafide serve` per folder; API and workers share one.
    database_url
        ``postgresql://…`` to scale out; a direct connection, not a transaction pooler.
    environment
        ``test`` makes outcomes to order possible and marks every answer; see docs/operation.md.
        A database belongs to one environment for ever.
    api_processes
        Processes of `bonafide api`.
    public_url
        How applicants reach this service; session links and media links start with it.
    secret_key
        Signs capture tokens and media links. Made and kept in `data_dir` when not given.
    master_key, master_key_previous
        Wraps the data keys that encrypt media: 32 bytes in base64. Made and kept in `data_dir`
        when not given. Earlier ones, separated by commas, until `bonafide keys rotate-master`.
    media_url, media_endpoint, media_region
        Where media is kept: a folder in `data_dir` when not given, or ``s3://bucket/prefix``;
        endpoint and region for stores other than the vendor's own.
    media_access_key_id, media_secret_access_key
        Of that store; without them the store's usual environment variables and roles count.
    media_timeout_s
        How long one request to that store is tried, repeats included.
    scratch_dir
        Where media lies in plain while it is checked and analysed; best a RAM disk. The data
        folder when not given.
    attempt_limit, auto_verify, phrase_mode, custom_phrase, challenge_language
        Those of the default workflow, when its row is first made.
    rate_key
        Requests with one API key, as REQUESTS/SECONDS (``600/60``: 600 at once, ten a second
        after that) or ``off``; as are all that follow.
    rate_create, rate_voice
        Sessions that a tenant makes; its requests to the voice endpoints that send recordings.
    rate_view, rate_upload
        Looks at a challenge and captures, from one address. Many share one behind a provider.
    rate_link
        Captures sent by one link: how often a refused one may be recorded again.
    rate_media
        Requests for the media of one capture from one address; players ask for a file in parts.
    rate_guess
        Unknown keys, tokens and signatures from one address. Right ones are never refused.
    embed_origins
        Sites that may show the capture page in a frame: ``["https://shop.example.com"]``.
    trusted_proxies
        Whose ``X-Forwarded-For`` is believed: addresses and networks, or ``*``.
    capture_token_ttl_s, session_ttl_s
        How long a session link works, and how long a session waits for its applicant before it
        is EXPIRED.
    max_uploads, max_pending_captures, max_pending_per_tenant
        Captures that may be on their way in, and that may wait for analysis, of all tenants
        (503) and of one (429), before further ones are told to come back.
    models_folder, voice_model_folder, voice_bona_fide_label
        Weights that the project does not ship (see `bonafide models`): a folder for files by
        name, a transformers folder with a voice detector, and its bona fide label where it does
        not tell.
    voiceprint_key
        Encrypts voiceprints: 32 bytes in base64. Made and kept in `data_dir` when not given.
    voice_timeout_s, max_voice_wait_s
        How long a comparison or one voice request may take, and how long ``Prefer: wait`` waits.
    webhook_schedule_s, webhook_ordered_tries
        Pause before each try of a delivery; after how many failed tries it no longer holds back
        later events of the same session.
    webhook_allow_http, webhook_allowed_networks
        For development and receivers inside: plain http, and networks (``["10.0.0.0/8"]``) that
        may be called though they are not public.
    webhook_disable_after_s, webhook_overlap_s, webhook_retention_s
        When a failing endpoint is disabled, how long a rotated secret signs along, and how long
        what was posted is kept for replays.
    media_retention_s, evidence_retention_s, session_retention_s, voice_retention_s
        How long media, the evidence of verdicts, whole sessions, and voice requests are kept; a
        workflow may say otherwise of the first three. See docs/media.md.
    webhook_workers
        Tries of deliveries at a time, in one process.
    decoder_memory_bytes, decoder_cpu_s, layer_memory_bytes
        What the child that decodes may take for one capture, and how much memory each layer's
        child; see docs/media.md.
    max_tries
        Tries of one analysis before its session is FAILED.
    queue_poll_s, reconcile_every_s
        How often a worker looks for queued work, and for work that nobody alive owns.
    engine_history_s
        How long the engine keeps what has ended.
    drain_delay_s
        How long /readyz says no, and requests are still taken, before a stop begins: until load
        balancers have noticed.
    log_format
        ``json`` lines, ``text`` for people; ``auto`` is text on a terminal.
    metrics_port, metrics_host
        Where Prometheus may read; further processes on a machine take the ports after it. 0 is
        any port. Not exposed when not given.
    tracing
        Make OpenTelemetry spans, where the process is set up with its SDK.
    """

    model_config = SettingsConfigDict(env_prefix="BONAFIDE_", extra="ignore", frozen=True)

    data_dir: Path = Path("var")
    environment: Literal["production", "test"] = "production"
    database_url: str = ""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    api_processes: Annotated[int, Field(ge=1)] = 1
    public_url: str = ""
    secret_key: SecretStr | None = None

    master_key: SecretStr | None = None
    master_key_previous: SecretStr | None = None
    media_url: str = ""
    media_endpoint: str = ""
    media_region: str = ""
    media_access_key_id: SecretStr | None = None
    media_secret_access_key: SecretStr | None = None
    media_timeout_s: Positive = 20
    scratch_dir: Path | None = None

    attempt_limit: Annotated[int, Field(ge=1, le=20)] = 3
    auto_verify: bool = False
    phrase_mode: Literal["words", "digits", "custom"] = "words"
    custom_phrase: str | None = None
    challenge_language: str = "en"
    allow_http_redirects: bool = False
    capture_token_ttl_s: Positive = _DAY_S
    session_ttl_s: Positive = 30 * _DAY_S
    media_link_ttl_s: Positive = 15 * 60
    idempotency_ttl_s: Positive = _DAY_S

    rate_key: Limit = Rate(6000, 60)
    rate_create: Limit = Rate(600, 60)
    rate_voice: Limit = Rate(120, 60)
    rate_view: Limit = Rate(300, 60)
    rate_upload: Limit = Rate(300, 60)
    rate_link: Limit = Rate(30, 600)
    rate_media: Limit = Rate(600, 60)
    rate_guess: Limit = Rate(30, 60)
    trusted_proxies: str = "127.0.0.1"
    embed_origins: tuple[Origin, ...] = ()

    max_upload_bytes: Annotated[int, Field(gt=0)] = 64 * _MIB
    max_json_bytes: Annotated[int, Field(gt=0)] = _MIB
    max_frames: Annotated[int, Field(gt=0)] = 600
    max_uploads: Annotated[int, Field(gt=0)] = 32
    max_pending_captures: Annotated[int, Field(gt=0)] = 400
    max_pending_per_tenant: Annotated[int, Field(gt=0)] = 200
    upload_timeout_s: Positive = 120

    voiceprint_key: SecretStr | None = None
    max_voice_bytes: Annotated[int, Field(gt=0)] = 24 * _MIB
    max_voice_requests: Annotated[int, Field(gt=0)] = 16
    voice_timeout_s: Positive = 20
    max_voice_wait_s: Positive = 15

    webhook_schedule_s: Annotated[tuple[NotNegative, ...], Field(min_length=1)] = (
        *(0, 5, 5 * _MINUTE_S, 30 * _MINUTE_S),
        *(hours * _HOUR_S for hours in (2, 5, 10, 14, 20, 24)),
    )
    webhook_ordered_tries: Annotated[int, Field(ge=1)] = 4
    webhook_timeout_s: Positive = 10
    webhook_allow_http: bool = False
    webhook_allowed_networks: tuple[IPvAnyNetwork, ...] = ()
    webhook_disable_after_s: Positive = 5 * _DAY_S
    webhook_overlap_s: NotNegative = _DAY_S
    webhook_retention_s: Positive = 30 * _DAY_S
    media_retention_s: Positive = 30 * _DAY_S
    evidence_retention_s: Positive = 180 * _DAY_S
    session_retention_s: Positive = 365 * _DAY_S
    voice_retention_s: Positive = 90 * _DAY_S
    webhook_workers: Annotated[int, Field(ge=1)] = 8
    max_api_keys: Annotated[int, Field(ge=1)] = 50
    max_webhook_endpoints: Annotated[int, Field(ge=1)] = 20

    policy_file: Path | None = None
    whisper_checkpoint: Path | None = None
    models_folder: Path | None = None
    voice_model_folder: Path | None = None
    voice_bona_fide_label: str | None = None
    workers: Annotated[int, Field(ge=1)] = 1
    capture_timeout_s: Positive = 120
    decoder_memory_bytes: Annotated[int, Field(ge=256 * _MIB)] = 2048 * _MIB
    decoder_cpu_s: Positive = 90
    layer_memory_bytes: Annotated[int, Field(ge=1024 * _MIB)] = 8192 * _MIB
    layer_timeout_s: Positive = 30
    analysis_timeout_s: Positive = 300
    max_tries: Annotated[int, Field(ge=1)] = 3
    queue_poll_s: Positive = 0.1
    reconcile_every_s: Positive = 20
    engine_history_s: Positive = 7 * _DAY_S
    retry_pause_s: Annotated[float, Field(ge=0)] = 1.0
    drain_timeout_s: Annotated[float, Field(ge=0)] = 10.0
    drain_delay_s: NotNegative = 0.0
    log_level: str = "INFO"
    log_format: Literal["auto", "json", "text"] = "auto"
    metrics_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    metrics_host: str = "127.0.0.1"
    tracing: bool = False

    @field_validator("models_folder", "voice_model_folder")
    @classmethod
    def _folder_is_there(cls, folder: Path | None) -> Path | None:
        if folder is not None and not folder.is_dir():
            msg = f"there is no folder {folder}; correct the path, or leave the setting out"
            raise ValueError(msg)
        return folder

    @field_validator("policy_file", "whisper_checkpoint")
    @classmethod
    def _file_is_there(cls, file: Path | None) -> Path | None:
        if file is not None and not file.is_file():
            msg = f"there is no file {file}; correct the path, or leave the setting out"
            raise ValueError(msg)
        return file

    @model_validator(mode="after")
    def _public_url_has_no_slash(self) -> Self:
        if self.public_url.endswith("/"):
            msg = "public_url must not end with a slash, for example https://kyc.example.com"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _test_mode_is_not_production(self) -> Self:
        is_public = self.public_url.startswith("https://")
        if self.environment == "test" and self.database_url and is_public:
            msg = (
                "ENVIRONMENT=test is refused with a database of its own behind a public https "
                "address: that is what production looks like. Run a test deployment on SQLite "
                "(no DATABASE_URL), or inside without https"
            )
            raise ValueError(msg)
        return self

    @property
    def effective_database_url(self) -> str:
        """The configured database, or SQLite in the data folder."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'bonafide.sqlite3'}"

    @property
    def effective_public_url(self) -> str:
        """The configured public address, or the one that is listened on."""
        return self.public_url or f"http://{self.host}:{self.port}"
