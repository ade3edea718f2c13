"""Settings survive what disks and people do to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fleetgui.app.settings import Settings, default_path


def test_what_is_saved_is_there_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.json"
    first = Settings(path)
    first.put("look", {"theme": "dark"})
    assert first.save()
    assert Settings(path).get("look") == {"theme": "dark"}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"look": 3}'])
def test_an_unreadable_file_means_defaults(tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "settings.json"
    path.write_bytes(content)
    assert Settings(path).get("look") == {}


def test_a_failed_save_leaves_the_previous_file(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    settings = Settings(path)
    settings.put("look", {"theme": "dark"})
    assert settings.save()
    settings.put("look", {"theme": object()})
    assert not settings.save()
    assert json.loads(path.read_text()) == {"look": {"theme": "dark"}}
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.json"]


def test_the_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLEETGUI_CONFIG_DIR", str(tmp_path))
    assert default_path() == tmp_path / "settings.json"
