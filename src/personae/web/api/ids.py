"""The ids in paths and bodies, within what the databases hold."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import Field

LARGEST_ID = 2**63 - 1

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
ImageNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The image's id.")]
FaceNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The face's id.")]
PersonNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The person's id.")]
CharacterNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The character's id, a person's.")]
ReferenceNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The reference's id.")]
ClusterNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The unknown group's id.")]
OperationNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The operation's id.")]
JobNumber = Annotated[int, Path(ge=1, le=LARGEST_ID, description="The job's id.")]
