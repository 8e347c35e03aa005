"""Every Protocol: what the engine asks of the world, and what adapters give."""

from personae.ports.files import Files
from personae.ports.index import VectorIndex
from personae.ports.queue import BEAT_SECONDS, LEASE_SECONDS, JobQueue, Pulse
from personae.ports.sources import PeopleSource
from personae.ports.store import (
    Clock,
    ClusterTable,
    DecisionTable,
    EventTable,
    FaceTable,
    ImageTable,
    JobTable,
    PeopleTable,
    SettingTable,
    SourceTable,
    Store,
    Transaction,
)
from personae.ports.vision import Decode, Detector, Embedder

__all__ = [
    "BEAT_SECONDS",
    "LEASE_SECONDS",
    "Clock",
    "ClusterTable",
    "DecisionTable",
    "Decode",
    "Detector",
    "Embedder",
    "EventTable",
    "FaceTable",
    "Files",
    "ImageTable",
    "JobQueue",
    "JobTable",
    "PeopleSource",
    "PeopleTable",
    "Pulse",
    "SettingTable",
    "SourceTable",
    "Store",
    "Transaction",
    "VectorIndex",
]
