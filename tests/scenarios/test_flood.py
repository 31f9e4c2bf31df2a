"""Somebody floods: they are told how long to wait, others still get through, and nothing is lost unsaid."""

from pathlib import Path

import pytest

from tests.scenarios.warroom_process import running_warroom


@pytest.mark.slow
async def test_the_flooder_waits_and_others_do_not(tmp_path: Path, database_url: str) -> None:
    async with running_warroom(tmp_path, database_url) as warroom:
        answers = [await warroom.send_feedback(id=f"flood-number-{number}", text="again") for number in range(8)]
        stored = [status for status, _ in answers if status == 201]
        refused = [body for status, body in answers if status == 429]
        assert (len(stored), len(refused)) == (5, 3)
        assert "minute" in refused[0]["detail"]
        other = {"User-Agent": "Mozilla/5.0 (Macintosh) Safari/605.1"}
        body = {"site": "docs", "id": "another-visitor", "text": "hello"}
        async with warroom.http.post("/feedback", json=body, headers=other) as answer:
            assert answer.status == 201
        warroom.shift_clock(hours=2)
        assert (await warroom.send_feedback(id="flood-after-the-wait", text="later"))[0] == 201
