"""Writers that keep the disk of a lab node busy with what must reach it at once."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from pathlib import Path
from typing import Final

from distdiag_tui.anomalies.nodes.node import Node
from distdiag_tui.anomalies.protocol import Note, Notes, Site
from distdiag_tui.model.errors import AnomalyError

_MIB: Final = 1 << 20
_SPARE: Final = 512 * _MIB  # bytes that stay free
_JOIN_SECONDS: Final = 3.0


class DiskWriters:
    """Each writes block after block into a file of its own, with fdatasync after each, over and over."""

    def __init__(self, site: Site) -> None:
        self._node = Node(site)
        self._writers, self._size = int(site.values["writers"]), int(site.values["file_mib"]) * _MIB
        self._block = int(site.values["block_kib"]) * 1024
        self._folder = self._node.folder / f"distdiag-{site.injection}"
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._trouble = ""

    async def plan(self) -> list[str]:
        """The files."""
        return [
            f"{self._writers} threads, each over and over: write {self._block // 1024} KiB, fdatasync",
            *(f"  {self._file(number)} (up to {self._size // _MIB} MiB)" for number in range(self._writers)),
            f"undo: rm -r {self._folder}",
        ]

    async def apply(self, note: Note) -> None:
        """Begin to write; AnomalyError without room for the files."""
        self._require_room()
        note("folder", str(self._folder))
        try:
            self._folder.mkdir(mode=0o700)
        except OSError as error:
            raise AnomalyError(f"cannot write in {self._node.folder}: {error.strerror}") from error
        block = os.urandom(self._block)  # what a disk compresses costs it nothing
        for number in range(self._writers):
            thread = threading.Thread(target=self._write, args=(self._file(number), block), daemon=True)
            self._threads.append(thread)
            thread.start()

    async def hold(self) -> str:
        """Until a writer fails."""
        while not self._trouble:  # noqa: ASYNC110  threads have no way to set an asyncio.Event
            await asyncio.sleep(0.1)
        return self._trouble

    async def revert(self, notes: Notes) -> None:
        """End the writers and remove their files."""
        self._stopped.set()
        for thread in self._threads:
            await asyncio.to_thread(thread.join, _JOIN_SECONDS)
        if "folder" in notes:
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def remains(self, notes: Notes) -> str:
        """Whether the files are there."""
        there = "folder" in notes and self._folder.exists()
        return f"{self._folder} is still there" if there else ""

    def _file(self, number: int) -> Path:
        return self._folder / f"writer-{number + 1}"

    def _require_room(self) -> None:
        self._node.require()
        free, wanted = shutil.disk_usage(self._node.folder).free, self._writers * self._size
        if free < wanted + _SPARE:
            raise AnomalyError(
                f"too little disk for this: {wanted // _MIB} MiB of files, and {_SPARE // _MIB} MiB"
                f" are to stay free; {free // _MIB} MiB are free"
            )

    def _write(self, file: Path, block: bytes) -> None:
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                offset = 0
                while not self._stopped.is_set():
                    os.pwrite(descriptor, block, offset)
                    os.fdatasync(descriptor)
                    offset = (offset + len(block)) % max(len(block), self._size - len(block))
            finally:
                os.close(descriptor)
        except OSError as error:
            self._trouble = f"{file}: {error.strerror}"
