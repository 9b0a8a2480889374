"""Frames between host and supervisor: a JSON header and a block of bytes over a stream socket. Imports the stdlib only.

A frame is two lengths (header: 4 bytes, block: 8 bytes, big endian), the header as UTF-8 JSON, the block as it is.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

LENGTHS = struct.Struct(">IQ")
MAX_BLOCK = 1 << 30


class ChannelClosedError(Exception):
    """The other side has gone, or sent what is no frame."""


def send_frame(sock: socket.socket, header: dict[str, Any], block: bytes = b"") -> None:
    """Send one frame; ChannelClosedError where the other side has gone."""
    text = json.dumps(header).encode()
    try:
        sock.sendall(LENGTHS.pack(len(text), len(block)) + text)
        if block:
            sock.sendall(block)
    except OSError as error:
        raise ChannelClosedError(str(error)) from error


def receive_frame(sock: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Wait for one frame; ChannelClosedError at the end of the stream."""
    text_size, block_size = LENGTHS.unpack(_exactly(sock, LENGTHS.size))
    if text_size > MAX_BLOCK or block_size > MAX_BLOCK:
        raise ChannelClosedError("a frame larger than 1 GiB")
    header = json.loads(_exactly(sock, text_size))
    return header, bytes(_exactly(sock, block_size))


def _exactly(sock: socket.socket, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        try:
            piece = sock.recv(min(size - len(data), 1 << 20))
        except OSError as error:
            raise ChannelClosedError(str(error)) from error
        if not piece:
            raise ChannelClosedError("the other side has gone")
        data += piece
    return data
