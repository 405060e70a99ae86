"""All tables of the service in one place: importing this fills the metadata."""

from __future__ import annotations

from sqlalchemy import MetaData
from sqlmodel import SQLModel

import service.audit.tables
import service.media.tables
import service.tables
import service.voice.tables
import service.webhooks.tables  # noqa: F401

METADATA: MetaData = SQLModel.metadata
