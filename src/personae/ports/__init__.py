"""Every Protocol: what the engine asks of the world, and what adapters give."""

from personae.ports.browse import (
    BrowseTable,
    FaceFilter,
    FaceOrder,
    Key,
    OperationFilter,
    PeopleFilter,
    PeopleOrder,
)
from personae.ports.copies import Copies
from personae.ports.files import Files
from personae.ports.heads import HeadFiles, Learnt
from personae.ports.hooks import Hook, HookId, HookTable, Post, Receipt
from personae.ports.index import VectorIndex
from personae.ports.keys import House, KeyTable, ProjectTable, SignInTable
from personae.ports.likeness import LikenessTable
from personae.ports.photos import PhotoFilter, PhotoTable
from personae.ports.preferences import PreferenceTable
from personae.ports.queue import BEAT_SECONDS, LEASE_SECONDS, JobFeed, JobQueue, Pulse
from personae.ports.references import ReferenceTable
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
)
from personae.ports.train import LOSSES, Epoch, Lesson, Plan, Train, Watch
from personae.ports.transaction import Store, Transaction
from personae.ports.video import OpenVideo, VideoFrame
from personae.ports.vision import Decode, Detector, Embedder

__all__ = [
    "BEAT_SECONDS",
    "LEASE_SECONDS",
    "LOSSES",
    "BrowseTable",
    "Clock",
    "ClusterTable",
    "Copies",
    "DecisionTable",
    "Decode",
    "Detector",
    "Embedder",
    "Epoch",
    "EventTable",
    "FaceFilter",
    "FaceOrder",
    "FaceTable",
    "Files",
    "HeadFiles",
    "Hook",
    "HookId",
    "HookTable",
    "House",
    "ImageTable",
    "JobFeed",
    "JobQueue",
    "JobTable",
    "Key",
    "KeyTable",
    "Learnt",
    "Lesson",
    "LikenessTable",
    "OpenVideo",
    "OperationFilter",
    "PeopleFilter",
    "PeopleOrder",
    "PeopleSource",
    "PeopleTable",
    "PhotoFilter",
    "PhotoTable",
    "Plan",
    "Post",
    "PreferenceTable",
    "ProjectTable",
    "Pulse",
    "Receipt",
    "ReferenceTable",
    "SettingTable",
    "SignInTable",
    "SourceTable",
    "Store",
    "Train",
    "Transaction",
    "VectorIndex",
    "VideoFrame",
    "Watch",
]
