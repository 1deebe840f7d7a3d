"""Making `.tflite` files small without touching what they compute.

An unrolled LSTM has over a thousand operators and tensors that differ in a few numbers only, and as TFLite's converter
writes them each has tables of its own. A FlatBuffer refers to its parts by offsets, so equal parts can be one:
https://flatbuffers.dev/internals/.
"""

from collections import Counter
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_BUFFER_ALIGNMENT = 16  # schema.fbs: `data:[ubyte] (force_align: 16)`, which Python's generated code forgets
_OFFSET_BYTES = 4
# The converter's record of its own version and settings; no runtime reads it.
_UNREAD_METADATA = frozenset({b"CONVERSION_METADATA"})


class SharingBuilder(flatbuffers.Builder):
    """A FlatBuffers builder that writes equal tables, vectors and strings once; byte vectors begin at multiples of 16.

    Fields of a table are collected and written at its end, so that an equal one can be looked up first. For schemas
    without structs, such as TFLite's.
    """

    def __init__(self, initial_size: int = 1 << 20):
        super().__init__(initial_size)
        self._written: dict[tuple[Any, ...], int] = {}
        self._fields: list[tuple[int, int, Any, Any]] = []
        self._vector: tuple[int, int, int] | None = None  # where it began, its bytes, its alignment
        self._holds_offsets = False

    def StartObject(self, numfields: int) -> None:  # noqa: N802  flatbuffers' names, here and below
        super().StartObject(numfields)
        self._fields = []

    def PrependSlot(self, flags: Any, o: int, x: Any, d: Any) -> None:  # noqa: N802
        if x != d:
            self._fields.append((flags.bytewidth, o, flags, x))

    def PrependUOffsetTRelativeSlot(self, o: int, x: int, d: int) -> None:  # noqa: N802
        if x != d:
            self._fields.append((_OFFSET_BYTES, o, None, x))

    def EndObject(self) -> int:  # noqa: N802
        self.assertNested()
        fields = sorted(self._fields, key=lambda field: (-field[0], field[1]))  # widest first: no padding between them
        # An offset is a whole number here, a scalar its bytes: so the two, and 1 and 1.0, are never taken for equal.
        key = tuple((slot, x if flags is None else flags.packer_type.pack(x)) for _, slot, flags, x in fields)
        if ("table", key) in self._written:
            self.nested, self.current_vtable = False, None
            return self._written["table", key]
        for _, slot, flags, x in fields:
            if flags is None:
                self.PrependUOffsetTRelative(x)
            else:
                self.Prepend(flags, x)
            self.Slot(slot)
        self._written["table", key] = offset = int(super().EndObject())
        return offset

    def StartVector(self, elemSize: int, numElems: int, alignment: int) -> int:  # noqa: N802, N803
        self._vector = (self.Offset(), elemSize * numElems, alignment)
        self._holds_offsets = False
        offset: int = super().StartVector(elemSize, numElems, _BUFFER_ALIGNMENT if elemSize == 1 else alignment)
        return offset

    def PrependUOffsetTRelative(self, off: int) -> None:  # noqa: N802
        super().PrependUOffsetTRelative(off)
        self._holds_offsets = True

    def EndVector(self, numElems: int | None = None) -> int:  # noqa: N802, N803
        vector, self._vector = self._vector, None
        count, start = self.vectorNumElems, self.head
        offset = int(super().EndVector(numElems))
        if vector is None or self._holds_offsets:  # offsets are relative: equal bytes elsewhere say something else
            return offset
        before, size, alignment = vector
        key = ("vector", alignment, count, bytes(self.Bytes[start : start + size]))
        known = self._written.setdefault(key, offset)
        if known != offset:
            self.head: int = len(self.Bytes) - before  # takes the copy back
        return known

    def CreateString(self, s: Any, encoding: str = "utf-8", errors: str = "strict") -> int:  # noqa: N802
        content = s.encode(encoding, errors) if isinstance(s, str) else bytes(s)
        self._vector, self._holds_offsets = (self.Offset(), len(content) + 1, 0), False
        offset: int = super().CreateString(content)
        return offset


def compact(model: Any) -> None:
    """Drops, in place, what no runtime needs from schema objects (`ModelT`), and keeps one of equal constants.

    Gone are: names of tensors that are neither a graph's input nor its output, empty or recorded ranges (`min`, `max`)
    of quantization, buffers without data, copies of buffers, unused operator codes and the converter's own metadata.
    Signatures, `TFLITE_METADATA`, `min_runtime_version` and all other metadata stay.
    """
    model.metadata = [entry for entry in model.metadata or [] if entry.name not in _UNREAD_METADATA] or None
    for graph in model.subgraphs:
        named = {int(index) for index in (*graph.inputs, *graph.outputs)}
        for index, tensor in enumerate(graph.tensors):
            if index not in named:
                tensor.name = None
            tensor.quantization = _needed(tensor.quantization)
    _merge_buffers(model)
    _merge_codes(model)


def _needed(quantization: Any) -> Any | None:
    """Quantization parameters without recorded ranges; None where nothing is left."""
    if quantization is None:
        return None
    quantization.min = quantization.max = None
    scaled = quantization.scale is not None and len(quantization.scale) > 0
    return quantization if scaled or quantization.details is not None else None


def _merge_buffers(model: Any) -> None:
    """Renumbers buffers: 0 is the empty one (schema.fbs), the others are constants, each once, and metadata."""
    merged = [schema.BufferT()]
    numbers: dict[tuple[Any, ...], int] = {(None, 0, 0): 0}

    def renumbered(index: int, key: tuple[Any, ...]) -> int:
        if key not in numbers:
            numbers[key] = len(merged)
            merged.append(model.buffers[index])
        return numbers[key]

    def constant(index: int) -> int:
        buffer = model.buffers[index]
        # A constant of no values (the shape of a scalar) has data, if empty: without, it would be no constant.
        data = None if buffer.data is None else np.asarray(buffer.data, np.uint8).tobytes()
        return renumbered(index, (data, buffer.offset, buffer.size))

    def own(index: int) -> int:  # whoever replaces a piece of metadata must not change a weight, or another piece
        return renumbered(index, (index,))

    for graph in model.subgraphs:
        for tensor in graph.tensors:
            tensor.buffer = constant(tensor.buffer)
    for entry in model.metadata or []:
        entry.buffer = own(entry.buffer)
    if model.metadataBuffer is not None:
        model.metadataBuffer = np.array([own(index) for index in model.metadataBuffer], np.int32)
    model.buffers = merged


def _merge_codes(model: Any) -> None:
    """Renumbers operator codes: the commonest is 0, a value that takes no bytes, and unused ones are gone."""
    operators = [operator for graph in model.subgraphs for operator in graph.operators]
    codes = [(c.builtinCode, c.deprecatedBuiltinCode, c.customCode, c.version) for c in model.operatorCodes]
    order = [code for code, _ in Counter(codes[operator.opcodeIndex] for operator in operators).most_common()]
    for operator in operators:
        operator.opcodeIndex = order.index(codes[operator.opcodeIndex])
    model.operatorCodes = [model.operatorCodes[codes.index(code)] for code in order]
