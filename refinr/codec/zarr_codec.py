"""Zarr stores whose chunks are `.rinr` files.

With this you can say ``zarr.create_array(..., compressors=RinrCodec())``; whoever has refinr installed reads such
arrays like any other, because Zarr finds the codec by its entry point.  Chunks are coded alone, so they should not be
small: a network costs some hundred bytes in each.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import numpy as np
from zarr.abc.codec import BytesBytesCodec
from zarr.core.array_spec import ArraySpec
from zarr.core.buffer import Buffer
from zarr.core.common import parse_named_configuration

from refinr import tiling
from refinr.codec import verbs
from refinr.tables import look_up


@dataclass(frozen=True)
class RinrCodec(BytesBytesCodec):  # type: ignore[misc]
    """Chunks compressed by `refinr.codec.verbs.compress`, after Zarr's own codec has made bytes of them.

    Parameters
    ----------
    effort : str
        As of `compress`.

    Raises
    ------
    ValueError
        For an unknown effort.

    Examples
    --------
    >>> RinrCodec(effort="fast").to_dict()
    {'name': 'refinr', 'configuration': {'effort': 'fast'}}
    """

    effort: str = "normal"
    is_fixed_size = False

    def __post_init__(self) -> None:
        look_up(verbs.EFFORTS, self.effort, "effort")

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RinrCodec:
        """The codec that a store's metadata speak of."""
        _, configuration = parse_named_configuration(data, "refinr", require_configuration=False)
        return cls(**(configuration or {}))

    def to_dict(self) -> dict[str, Any]:
        """What a store's metadata say."""
        return {"name": "refinr", "configuration": {"effort": self.effort}}

    async def _encode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        data = await asyncio.to_thread(self._encode, chunk_bytes.as_numpy_array(), chunk_spec)
        return chunk_spec.prototype.buffer.from_bytes(data)

    async def _decode_single(self, chunk_bytes: Buffer, chunk_spec: ArraySpec) -> Buffer:
        samples = await asyncio.to_thread(verbs.decompress, chunk_bytes.to_bytes())
        return chunk_spec.prototype.buffer.from_bytes(samples.tobytes())

    def _encode(self, content: np.ndarray, spec: ArraySpec) -> bytes:
        """The chunk's samples, where its bytes are those; otherwise another codec has changed them: its bytes."""
        dtype = spec.dtype.to_native_dtype()
        if dtype.kind in "biuf" and content.nbytes == dtype.itemsize * int(np.prod(spec.shape)):
            samples = content.view(np.uint8).view(dtype.newbyteorder("<")).reshape(spec.shape)
            return verbs.compress(samples, effort=self.effort, channels=tiling.has_channels(samples.shape))
        return verbs.compress(content.view(np.uint8), effort=self.effort)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: ArraySpec) -> int:
        """Not known before."""
        raise NotImplementedError
