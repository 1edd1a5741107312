"""The files that Telegram holds: what the phone or the bot sent, and what getFile has made downloadable."""

from __future__ import annotations

import mimetypes
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from herald.rehearsal.refusal import bad_request

DOWNLOAD_LIMIT_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file; `path` is where the bot downloads it once getFile was called."""

    file_id: str
    kind: str
    name: str
    content: bytes

    @property
    def path(self) -> str:
        number = self.file_id.removeprefix(f"rehearsal-{self.kind}-")
        return f"{_FOLDERS.get(self.kind, 'documents')}/file_{number}{PurePosixPath(self.name).suffix}"

    @property
    def fields(self) -> dict[str, Any]:
        """The Bot API's File object."""
        return {
            "file_id": self.file_id,
            "file_unique_id": f"unique-{self.file_id}",
            "file_size": len(self.content),
        }


_FOLDERS = {
    "animation": "animations",
    "audio": "music",
    "photo": "photos",
    "video": "videos",
    "video_note": "video_notes",
    "voice": "voice",
}


class Files:
    """Every file by its id."""

    def __init__(self) -> None:
        self._by_id: dict[str, StoredFile] = {}
        self._downloadable: dict[str, StoredFile] = {}

    def put(self, kind: str, name: str, content: bytes) -> StoredFile:
        stored = StoredFile(f"rehearsal-{kind}-{len(self._by_id) + 1}", kind, name, content)
        self._by_id[stored.file_id] = stored
        return stored

    def get(self, file_id: str) -> StoredFile | None:
        return self._by_id.get(file_id)

    def offer(self, file_id: str) -> StoredFile:
        """Make a file downloadable, as getFile does. Raises Refused."""
        if not file_id:
            raise bad_request("file_id not specified")
        stored = self._by_id.get(file_id)
        if stored is None:
            raise bad_request("invalid file_id")
        if len(stored.content) > DOWNLOAD_LIMIT_BYTES:
            raise bad_request("file is too big")
        self._downloadable[stored.path] = stored
        return stored

    def download(self, path: str) -> bytes | None:
        """Return the content of a file that getFile named, else None."""
        stored = self._downloadable.get(path)
        return None if stored is None else stored.content


def message_fields(stored: StoredFile, thumbnail: StoredFile | None = None) -> dict[str, Any]:
    """Return the part of a Message that shows this file; a photo lists its sizes, the largest last."""
    fields = stored.fields
    mime_type = mimetypes.guess_type(stored.name)[0] or "application/octet-stream"
    match stored.kind:
        case "photo":
            sizes = [{**thumbnail.fields, "width": 90, "height": 68}] if thumbnail else []
            return {"photo": [*sizes, {**fields, "width": 1280, "height": 960}]}
        case "voice":
            return {"voice": {**fields, "duration": 3, "mime_type": "audio/ogg"}}
        case "audio":
            return {"audio": {**fields, "duration": 3, "file_name": stored.name, "mime_type": mime_type}}
        case "video" | "animation":
            size = {"width": 640, "height": 480, "duration": 3}
            return {stored.kind: {**fields, **size, "file_name": stored.name, "mime_type": mime_type}}
        case "video_note":
            return {"video_note": {**fields, "length": 240, "duration": 3}}
        case _:
            return {"document": {**fields, "file_name": stored.name, "mime_type": mime_type}}
