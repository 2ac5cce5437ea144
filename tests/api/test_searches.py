"""What the API answers is what the command line answers, and its description holds."""

import io
import json
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.api.conftest import TestClient, quick_service
from tests.small_index import build, draw_marks

from marklens.api.app import create_app
from marklens.api.schemas import (
    BatchLine,
    FacetsDocument,
    MarkDocument,
    SearchAnswer,
    TextAnswer,
    VersionDocument,
)
from marklens.api.service import make_service
from marklens.cli.main import run
from marklens.opened.repeating import repeat
from marklens.settings import load_settings


def upload(path: Path) -> dict[str, Any]:
    return {"image": (path.name, path.read_bytes(), "image/png")}


@pytest.mark.parametrize(
    ("options", "fields"),
    [
        ([], {}),
        (["--top", "4", "--explain"], {"top": "4", "explain": "true"}),
        (["--text", "ACME", "--no-rerank"], {"text": "ACME", "no_rerank": "1"}),
        (["--crop", "10%,10%,80%,80%"], {"crop": "10%,10%,80%,80%"}),
        (["--read"], {"read": "true"}),
        (["--aspect", "shape"], {"aspect": "shape"}),
        (["--aspect", "colour"], {"aspect": "colour"}),
        (["--aspect", "text", "--text", "Kiwi"], {"aspect": "text", "text": "Kiwi"}),
        (["--aspect", "text", "--read"], {"aspect": "text", "read": "true"}),
    ],
)
def test_the_answer_is_that_of_the_command(
    client: TestClient, index: Path, marks: Path, options: list[str], fields: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    picture = marks / "mark0003.png"
    assert run(["search", str(picture), "--index", str(index), "--json", *options]) == 0
    expected = json.loads(capsys.readouterr().out)
    expected["record"]["question"]["pictures"][0]["file"] = picture.name  # the service sees no folders
    answer = client.post("/search", files=upload(picture), data=fields)
    assert answer.status_code == 200
    found = SearchAnswer.model_validate(answer.json())
    assert found.timings_ms["total"] > 0
    assert set(answer.json()) == set(expected)
    assert close(answer.json(), expected)


def close(found: Any, expected: Any) -> bool:
    """Equal but for rounding and times."""
    if isinstance(expected, dict):
        return set(found) == set(expected) and all(
            name in ("timings_ms", "date") or close(found[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(close, found, expected))
    if isinstance(expected, float):
        return abs(found - expected) < 1e-3
    return bool(found == expected)


def test_names_are_answered_as_by_the_command(
    client: TestClient, index: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["search-text", "Nordlicht", "--index", str(index), "--json", "--explain", "--top", "3"]
    assert run(asked) == 0
    expected = json.loads(capsys.readouterr().out)
    answer = client.post("/search/text", data={"text": "Nordlicht", "top": 3, "explain": True})
    TextAnswer.model_validate(answer.json())
    assert close(answer.json(), expected)


def test_pages_go_on_where_the_last_one_ended(client: TestClient, marks: Path) -> None:
    def page(**fields: int) -> list[dict[str, Any]]:
        answer = client.post("/search", files=upload(marks / "mark0001.png"), data=fields)
        hits: list[dict[str, Any]] = answer.json()["hits"]
        return hits

    whole = page(top=6)
    assert page(top=3, offset=3) == whole[3:]
    assert page(top=5, offset=28) == page(top=33)[28:]
    assert (
        client.post(
            "/search", files=upload(marks / "mark0001.png"), data={"top": 999, "offset": 2}
        ).status_code
        == 422
    )


def test_weights_change_the_order_of_this_search_alone(client: TestClient, marks: Path) -> None:
    files = upload(marks / "mark0002.png")
    usual = client.post("/search", files=files).json()["hits"]
    zeros = {"weight_global": 0, "weight_spatial": 0, "weight_text": 0}
    by_color = client.post("/search", files=files, data={**zeros, "weight_color": 1}).json()["hits"]
    assert all(hit["score"] == pytest.approx(hit["scores"]["color"], abs=1e-6) for hit in by_color)
    assert client.post("/search", files=files).json()["hits"] == usual
    assert client.post("/search", files=files, data={**zeros, "weight_color": 0}).status_code == 422


def test_a_mark_of_the_index_is_searched_for(client: TestClient, marks: Path) -> None:
    answer = client.post("/search", data={"mark_id": "mark0003", "explain": True}).json()
    SearchAnswer.model_validate(answer)
    by_picture = client.post("/search", files=upload(marks / "mark0003.png"), data={"explain": True}).json()
    assert answer["query"]["mark_id"] == answer["hits"][0]["id"] == "mark0003"
    assert answer["query"]["views"] == by_picture["query"]["views"]
    assert [hit["id"] for hit in answer["hits"]] == [hit["id"] for hit in by_picture["hits"]]
    assert answer["hits"][0]["reason"]["patches"]
    part = client.post("/search", data={"mark_id": "mark0003", "crop": "0%,0%,100%,70%"})
    assert part.status_code == 200 and part.json()["query"]["crop"] == "0%,0%,100%,70%"
    read = client.post("/search", data={"mark_id": "mark0003", "read": True})
    assert read.status_code == 200
    assert client.post("/search", data={"mark_id": "nobody"}).status_code == 404
    both = client.post("/search", data={"mark_id": "mark0003"}, files=upload(marks / "mark0003.png"))
    assert both.status_code == client.post("/search").status_code == 422


def test_pages_end_where_stage_one_does(index: Path, marks: Path) -> None:
    settings = load_settings(search={"depth": 12}, model={"threads": 1})
    service = make_service(index, settings)
    service.index.refresh()
    with TestClient(create_app(service)) as shallow:
        assert shallow.get("/version").json()["top"] == 12
        files = upload(marks / "mark0003.png")
        assert shallow.post("/search", files=files, data={"top": 12}).status_code == 200
        assert shallow.post("/search", files=files, data={"top": 6, "offset": 7}).status_code == 422


def test_a_part_of_a_mark_is_read_alone_and_of_a_lost_picture_refused(tmp_path: Path) -> None:
    pictures = draw_marks(tmp_path / "marks", 6)
    build(tmp_path / "index", pictures)
    with TestClient(create_app(quick_service(tmp_path / "index"))) as own:
        asked = {"mark_id": "mark0003", "read": True}
        assert own.post("/search", data=asked).json()["query"]["text"]
        top = own.post("/search", data={**asked, "crop": "0%,0%,100%,60%"})  # the words stand below
        assert top.status_code == 200 and not top.json()["query"]["text"]
        assert own.post("/search", data={**asked, "crop": "0%,0%,1%,1%"}).status_code == 422
        (pictures / "mark0003.png").unlink()
        gone = own.post("/search", data={**asked, "crop": "0%,0%,100%,60%"})
        assert gone.status_code == 404 and "not there any more" in gone.json()["detail"]


def test_several_pictures_of_one_mark_are_one_search(
    client: TestClient, index: Path, marks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [marks / "mark0004.png", marks / "mark0007.png"]
    assert run(["search", *map(str, pictures), "--index", str(index), "--json"]) == 0
    expected = json.loads(capsys.readouterr().out)
    files = [("image", (picture.name, picture.read_bytes())) for picture in pictures]
    answer = client.post("/search", files=files)
    SearchAnswer.model_validate(answer.json())
    assert close({**answer.json(), "record": 0}, {**expected, "record": 0})
    assert client.post("/search", files=files, data={"crop": "0,0,50,50"}).status_code == 422
    answer = client.post("/search", files=files[:1] * 21)
    assert answer.json()["type"] == "urn:marklens:problem:too-many-pictures"


def test_an_answer_can_be_repeated(client: TestClient, index: Path, marks: Path, tmp_path: Path) -> None:
    picture, report = marks / "mark0003.png", tmp_path / "answer.json"
    for fields in (
        {"top": 3},
        {"top": 2, "offset": 1, "text": "Kiwi", "aspect": "shape", "weight_color": 0.1},
    ):
        report.write_bytes(client.post("/search", files=upload(picture), data=fields).content)
        hits, changes = repeat(report, index, [picture])
        assert len(hits) == 3 and changes.same_hits and changes.same_index and changes.same_pictures
        assert changes.same_settings or fields != {"top": 3}
    report.write_bytes(client.post("/search", data={"mark_id": "mark0005", "top": 2}).content)
    assert repeat(report, index)[1].same_hits
    report.write_bytes(client.post("/search/text", data={"text": "Nordlicht"}).content)
    assert repeat(report, index)[1].same_hits


def test_aspects_that_make_no_sense_are_refused(client: TestClient, marks: Path) -> None:
    files = upload(marks / "mark0002.png")
    wrong: list[dict[str, Any]] = [
        {"aspect": "taste"}, {"aspect": "text"}, {"aspect": "colour", "no_rerank": True},
    ]  # fmt: skip
    for fields in wrong:
        for path in ("/search", "/batch"):
            answer = client.post(path, files=files, data=fields)
            assert (answer.status_code, "aspect" in answer.json()["detail"]) == (422, True), fields


def test_fields_that_there_are_not_are_refused_by_name(client: TestClient, marks: Path) -> None:
    files = upload(marks / "mark0002.png")
    for path, known in (("/search", "weight_color"), ("/batch", "aspect"), ("/search/text", "offset")):
        sent = {} if path == "/search/text" else {"files": files}
        answer = client.post(path, data={"text": "Kiwi", "topp": 3, "weight_colour": 1}, **sent)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:marklens:problem:unknown-field")
        assert [error["field"] for error in answer.json()["errors"]] == ["topp", "weight_colour"]
        assert "topp" in answer.json()["detail"] and known in answer.json()["detail"]


def test_views_are_shown_when_asked(client: TestClient, marks: Path) -> None:
    answer = client.post("/search", files=upload(marks / "mark0003.png"), data={"show_views": True}).json()
    SearchAnswer.model_validate(answer)
    assert set(answer["query"]["view_pictures"]) == {"full", "figurative"}
    assert answer["query"]["view_rows"] == [
        answer["query"]["view_pictures"][kind] for kind in answer["query"]["views"]
    ]


def test_a_mirrored_copy_is_asked_for_on_request(client: TestClient, marks: Path) -> None:
    copy = io.BytesIO()
    Image.open(marks / "mark0004.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(copy, "PNG")
    files = {"image": ("copy.png", copy.getvalue())}
    plain, asked = (
        client.post("/search", files=files, data={"mirrored": mirrored, "top": 30}).json()
        for mirrored in (False, True)
    )
    scores = [{hit["id"]: hit["score"] for hit in answer["hits"]}["mark0004"] for answer in (plain, asked)]
    assert asked["hits"][0]["id"] == "mark0004" and scores[1] > scores[0]
    assert asked["record"]["question"]["mirrored"] is True
    by_mark = client.post("/search", data={"mark_id": "mark0004", "mirrored": True}).json()
    assert len(by_mark["query"]["views"]) == len(asked["query"]["views"])


def test_of_several_pictures_a_reason_names_the_view_it_is_about(client: TestClient, marks: Path) -> None:
    files = [*upload(marks / "mark0003.png").items(), *upload(marks / "mark0004.png").items()]
    fields = {"show_views": True, "explain": True, "top": 2}
    answer = client.post("/search", files=files, data=fields).json()
    SearchAnswer.model_validate(answer)
    rows, views = answer["query"]["view_rows"], answer["query"]["views"]
    assert len(rows) == len(views) == len(set(rows))
    reasons = {hit["id"]: hit["reason"] for hit in answer["hits"]}
    assert set(reasons) == {"mark0003", "mark0004"}
    assert all(views[reason["row"]] == reason["views"][0] for reason in reasons.values())
    assert reasons["mark0004"]["row"] > reasons["mark0003"]["row"]


def test_a_bad_picture_of_a_batch_costs_itself_only(client: TestClient, marks: Path) -> None:
    names = ["mark0001.png", "mark0002.png", "mark0004.png"]
    files: list[tuple[str, tuple[str, bytes]]] = [
        ("image", (name, (marks / name).read_bytes())) for name in names
    ]
    files.insert(1, ("image", ("bad.png", b"no picture")))
    answer = client.post("/batch", files=files, data={"top": "1"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [BatchLine.model_validate_json(line) for line in answer.text.splitlines()]
    assert [line.index for line in lines] == [0, 1, 2, 3]
    assert lines[1].problem is not None and lines[1].problem.status == 415 and lines[1].answer is None
    found = [line.answer.hits[0].file for line in lines if line.answer is not None]
    assert found == names


def test_facets_count_and_filters_hold(tmp_path: Path) -> None:
    from tests.api.conftest import create_app, quick_service

    marks = draw_marks(tmp_path / "marks", 6)
    rows = [
        {
            "file": f"mark{n:04d}.png", "id": f"lot/{n}", "year": 2000 + n,
            "vienna_codes": ["26.04.01"], "office": "EM",
        }
        for n in range(6)
    ]  # fmt: skip
    (marks / "marks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    build(tmp_path / "index", marks / "marks.jsonl")
    with TestClient(create_app(quick_service(tmp_path / "index"))) as client:
        found = FacetsDocument.model_validate(client.get("/facets", params={"years": "2001-2003"}).json())
        assert (found.marks, found.vienna["26.04"].count, found.years) == (
            3,
            3,
            {"2001": 1, "2002": 1, "2003": 1},
        )
        assert found.attributes == {"office": {"EM": 3}}
        mark = MarkDocument.model_validate(client.get("/marks/lot/2").json())
        assert (mark.id, mark.year, mark.attributes) == ("lot/2", 2002, {"office": "EM"})
        assert client.get("/marks/lot/2/thumbnail").status_code == 200
        fields = {"vienna": ["26", "05.01"], "years": "2002-2004", "where": "office=EM", "mark_id": "lot/0"}
        hits = client.post("/search", data=fields).json()["hits"]
        assert {hit["year"] for hit in hits} == {2002, 2003, 2004}
        for wrong in ({"years": "x"}, {"vienna": "x"}, {"where": "x"}, {"crop": "1,2"}, {"text": "-"}):
            answer = client.post("/search", data={"mark_id": "lot/0", **wrong})
            assert answer.status_code == 422, wrong
            assert "--" not in answer.json()["detail"]


def test_pictures_of_marks_are_made_anew(client: TestClient) -> None:
    for path, kind, side in (
        ("picture", "PNG", 240),
        ("thumbnail", "WEBP", 224),
        ("views/full", "WEBP", 224),
    ):
        answer = client.get(f"/marks/mark0003/{path}")
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert (picture.format, max(picture.size)) == (kind, side)
    assert client.get("/marks/mark0001/views/figurative").status_code == 404
    assert client.get("/marks/nobody/picture").status_code == client.get("/marks/nobody").status_code == 404
    document = client.get("/marks/mark0003").json()
    MarkDocument.model_validate(document)
    assert "path" not in document


def test_the_service_tells_how_it_is(client: TestClient, marks: Path) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}
    assert VersionDocument.model_validate(client.get("/version").json()).marks == 30
    client.post("/search", files=upload(marks / "mark0001.png"))
    meters = client.get("/metrics").text
    for name in (
        'marklens_stage_seconds_count{stage="embed"}',
        "marklens_queue_depth 0.0", "marklens_index_marks 30.0",
        'marklens_request_seconds_count{route="/search",status="200"}', "marklens_problems_total",
    ):  # fmt: skip
        assert name in meters
    assert "mark0003" not in meters


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"", 422, "picture-empty"),
        (b"\xff\xd8\xff\xe0" + 40 * b"\0", 415, "picture-not-a-picture"),
        (b"plain words", 415, "picture-not-a-picture"),
        (b"%!PS-Adobe", 415, "picture-not-a-picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><broken", 422, "picture-svg"),
    ],
)
def test_a_bad_picture_is_a_problem_of_the_client(
    client: TestClient, content: bytes, status: int, kind: str
) -> None:
    answer = client.post("/search", files={"image": ("../../etc/x.png", content)})
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:marklens:problem:{kind}")
    assert "/" not in answer.json()["detail"] and "Traceback" not in answer.text


def test_too_many_pixels_are_refused_before_they_are_decoded(client: TestClient, marks: Path) -> None:
    header = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + b"\x08\0\0\0\0"
    chunk = (13).to_bytes(4, "big") + header + zlib.crc32(header).to_bytes(4, "big")
    bomb = b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT\x35\xaf\x06\x1e"
    answer = client.post("/search", files={"image": ("bomb.png", bomb)})
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:marklens:problem:picture-too-large")
    damaged = (marks / "mark0001.png").read_bytes()[:600]
    answer = client.post("/search", files={"image": ("cut.png", damaged)})
    assert (answer.status_code, answer.json()["detail"]) == (422, "the picture is damaged")


def test_every_error_is_a_problem_document(client: TestClient) -> None:
    for method, path, status in (
        ("GET", "/nowhere", 404), ("GET", "/search", 405), ("POST", "/search/text", 422),
        ("GET", "/marks/x/views/odd", 422),
    ):  # fmt: skip
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["status"] == status and answer.json()["detail"]


def test_every_answer_has_the_headers_that_protect(client: TestClient) -> None:
    for path in ("/health", "/nowhere", "/marks/mark0001/thumbnail"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_description_reads_well(client: TestClient) -> None:
    described = client.get("/openapi.json").json()
    for path, methods in described["paths"].items():
        for operation in methods.values():
            assert operation["summary"] and operation["tags"], path
            assert "503" in operation["responses"]
    fields = described["components"]["schemas"]["Body_search_search_post"]["properties"]
    assert {"image", "mark_id", "top", "text", "read", "crop", "vienna", "years", "where", "aspect"} <= set(
        fields
    )
