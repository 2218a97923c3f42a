"""The names that generated code may use, and nothing else: its one door to the hand-written part."""

from ._call import CallOptions, Operation
from ._client import AsyncClient, SyncClient
from ._encode import NumberBuffer
from ._model import FromHeader, Model, Wire
from ._omit import OMIT, Omit
from ._pages import AsyncPages, Pages
from ._perf import LayerResponse
from ._wait import JobStates

__all__ = [
    "OMIT",
    "AsyncClient",
    "AsyncPages",
    "CallOptions",
    "FromHeader",
    "JobStates",
    "LayerResponse",
    "Model",
    "NumberBuffer",
    "Omit",
    "Operation",
    "Pages",
    "SyncClient",
    "Wire",
]
