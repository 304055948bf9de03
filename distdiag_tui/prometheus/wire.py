"""Remote-write requests (prometheus.WriteRequest, version 0.1.0): protobuf, packed with snappy.

The message is described here rather than in generated code, which only fits the protobuf that made it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

Labels = tuple[tuple[str, str], ...]
Point = tuple[int, float]  # ms since the epoch, value

HEADERS: Final = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
    "User-Agent": "distdiag",
}

_Field: Final = descriptor_pb2.FieldDescriptorProto
_MESSAGES: Final = {
    "Label": (("name", 1, _Field.TYPE_STRING, ""), ("value", 2, _Field.TYPE_STRING, "")),
    "Sample": (("value", 1, _Field.TYPE_DOUBLE, ""), ("timestamp", 2, _Field.TYPE_INT64, "")),
    "TimeSeries": (
        ("labels", 1, _Field.TYPE_MESSAGE, "Label"),
        ("samples", 2, _Field.TYPE_MESSAGE, "Sample"),
    ),
    "WriteRequest": (("timeseries", 1, _Field.TYPE_MESSAGE, "TimeSeries"),),
}
_PACKAGE: Final = (
    "distdiag.prometheus"  # no name goes over the wire, and another library may hold the original
)


@cache
def message_class(name: str) -> Any:  # noqa: ANN401  made at run time
    """A message of the protocol."""
    file = descriptor_pb2.FileDescriptorProto(name="distdiag/remote.proto", package=_PACKAGE, syntax="proto3")
    for title, fields in _MESSAGES.items():
        message = file.message_type.add(name=title)
        for field, number, kind, of in fields:
            row = message.field.add(name=field, number=number, type=kind, label=_Field.LABEL_OPTIONAL)
            if of:
                row.type_name, row.label = f".{_PACKAGE}.{of}", _Field.LABEL_REPEATED
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


def encode(series: Mapping[Labels, Sequence[Point]]) -> bytes:
    """The body of a request; labels sorted by name, points by time."""
    request = message_class("WriteRequest")()
    for labels, points in series.items():
        row = request.timeseries.add()
        for name, text in labels:
            row.labels.add(name=name, value=text)
        for timestamp, value in points:
            row.samples.add(value=value, timestamp=timestamp)
    return bytes(cramjam.snappy.compress_raw(request.SerializeToString()))
